// What could come next on a command line, by the table of verbs. One implementation for all shells:
// their scripts (completion.cpp) hand over the words and show what comes back. Pure.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace croft::cli {

struct Candidate {
  std::string word;
  std::string help;
};

/// What the shell itself completes, beside the candidates.
enum class ShellFiles { none, files, descriptions, folders };

struct Completions {
  std::vector<Candidate> candidates;
  ShellFiles files = ShellFiles::none;
};

/// Names that only the machine knows; called when they are needed.
struct Names {
  std::function<std::vector<Candidate>()> applications;
  std::function<std::vector<Candidate>()> types;
};

/// `words`: what stands behind "croft", the one under the cursor last (perhaps empty).
Completions complete(const std::vector<Command>& table, const std::vector<std::string>& words,
                     const Names& names);

/// The options that every verb has.
const std::vector<Option>& common_options();
/// "--name" of "-n,--name".
std::string long_option(const std::string& flags);

}  // namespace croft::cli
