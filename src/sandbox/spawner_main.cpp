// The spawner as a program of its own, for tests and benches.
#include "sandbox/spawner.h"

int main(int argc, char** argv) {
  return croft::sandbox::spawner_main(argc, argv);
}
