// Command line -> Invocation by the table of verbs. CLI11 stays inside parse.cpp.
#pragma once
#include "cli/command.h"

namespace croft::cli {

struct Parsed {
  const Command* command = nullptr;  ///< null: `exit` and `text` say what to do
  std::map<std::string, std::vector<std::string>> options;
  std::vector<std::string> positionals;
  bool json = false;
  bool quiet = false;
  std::string home;
  int exit = 0;
  std::string text;  ///< help, version or complaint
};

Parsed parse(int argc, const char* const* argv, const std::vector<Command>& table);

}  // namespace croft::cli
