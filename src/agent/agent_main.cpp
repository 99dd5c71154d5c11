#include "agent/agent.h"

int main(int count, char** arguments) {
  return croft::agent::main_of_agent(count, arguments);
}
