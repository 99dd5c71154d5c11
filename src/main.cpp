#include "cli/command.h"

int main(int argc, char** argv) {
  return croft::cli::main(argc, argv);
}
