#include "cli/complete.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace croft::cli {
namespace {

/// The words that an option's value can be, where they are few.
const std::map<std::string, std::vector<std::string>> option_words = {
    {"--phase", {"parse", "type", "place", "function", "sfConfig", "link"}},
    {"--farm", {"embedded", "aws"}},
    {"--format", {"dot", "svg", "mermaid"}},
};

class Completer {
 public:
  Completer(const std::vector<Command>& table, const std::vector<std::string>& words,
            const Names& names)
      : table_(table), words_(words), names_(names), current_(words.empty() ? "" : words.back()) {}

  Completions run() {
    walk();
    if (!waiting_for_.empty()) {
      value_of(waiting_for_, waiting_value_, current_, "");
    } else if (size_t equals = current_.find('=');
               current_.starts_with("--") && equals != std::string::npos) {
      if (const Option* option = find_option(current_.substr(0, equals)))
        value_of(long_option(option->flags), option->value, current_.substr(equals + 1),
                 current_.substr(0, equals + 1));
    } else if (current_.starts_with('-') && current_ != "-" && !only_positionals_) {
      options();
    } else if (command_) {
      positional();
      verbs();
    } else {
      verbs();
    }
    return std::move(out_);
  }

 private:
  const Option* find_option(const std::string& flag) const {
    for (const auto* list : {command_ ? &command_->options : nullptr, &common_options()})
      if (list)
        for (const auto& option : *list)
          for (const auto& name : split(option.flags, ','))
            if (name == flag) return &option;
    return nullptr;
  }

  bool is_verb_path(const std::string& path) const {
    return std::any_of(table_.begin(), table_.end(), [&](const Command& command) {
      return command.path == path || command.path.starts_with(path + " ");
    });
  }

  /// Reads the words before the one under the cursor.
  void walk() {
    for (size_t i = 0; i + 1 < words_.size(); ++i) {
      const std::string& word = words_[i];
      if (!waiting_for_.empty()) {
        waiting_for_.clear();
      } else if (only_positionals_ || !word.starts_with('-') || word == "-") {
        std::string longer = path_.empty() ? word : path_ + " " + word;
        if (given_positionals_ == 0 && is_verb_path(longer)) {
          path_ = longer;
          command_ = nullptr;
          for (const auto& command : table_)
            if (command.path == path_) command_ = &command;
        } else {
          ++given_positionals_;
        }
      } else if (word == "--") {
        only_positionals_ = true;
      } else {
        const Option* option = find_option(word.substr(0, word.find('=')));
        if (!option) continue;
        given_.insert(long_option(option->flags));
        if (option->value.empty() || word.find('=') != std::string::npos) continue;
        waiting_for_ = long_option(option->flags);
        waiting_value_ = option->value;
      }
    }
  }

  void add(const std::string& word, const std::string& help, const std::string& typed) {
    if (word.starts_with(typed)) out_.candidates.push_back({word, help});
  }

  /// `before`: what stands before the value in the word itself: "--phase=".
  void value_of(const std::string& option, const std::string& kind, const std::string& typed,
                const std::string& before) {
    auto words = option_words.find(option);
    if (words != option_words.end())
      for (const auto& word : words->second)
        if (word.starts_with(typed)) out_.candidates.push_back({before + word, ""});
    if (kind == "FILE")
      out_.files = option == "--from" ? ShellFiles::descriptions : ShellFiles::files;
    if (kind == "DIR") out_.files = ShellFiles::folders;
    if (kind == "APP") names(names_.applications, typed, before);
  }

  void names(const std::function<std::vector<Candidate>()>& list, const std::string& typed,
             const std::string& before = "") {
    if (!list) return;
    for (const auto& name : list())
      if (name.word.starts_with(typed)) out_.candidates.push_back({before + name.word, name.help});
  }

  void options() {
    for (const auto* list : {command_ ? &command_->options : nullptr, &common_options()}) {
      if (!list) continue;
      for (const auto& option : *list) {
        std::string name = long_option(option.flags);
        if (option.repeated || !given_.contains(name)) add(name, option.help, current_);
      }
    }
    add("--help", "what the command does, with an example", current_);
    if (path_.empty()) add("--version", "the version of croft", current_);
  }

  void positional() {
    const auto& all = command_->positionals;
    if (all.empty()) return;
    bool surplus = given_positionals_ >= all.size();
    if (surplus && !all.back().repeated) return;
    const auto& wanted = surplus ? all.back() : all[given_positionals_];
    if (wanted.name == "FILE") out_.files = ShellFiles::descriptions;
    if (wanted.name == "DIR") out_.files = ShellFiles::folders;
    if (wanted.name == "APP") names(names_.applications, current_);
    if (wanted.name == "TYPE") names(names_.types, current_);
    if (wanted.name == "SHELL")
      for (const char* shell : {"bash", "fish", "zsh"}) add(shell, "", current_);
    if (wanted.name == "COMMAND")
      for (const auto& command : table_)
        if (!command.hidden) add(split(command.path, ' ').front(), command.summary, current_);
    unique();
  }

  void unique() {
    std::set<std::string> seen;
    std::erase_if(out_.candidates,
                  [&](const Candidate& one) { return !seen.insert(one.word).second; });
  }

  void verbs() {
    if (given_positionals_ > 0) return;
    std::string before = path_.empty() ? "" : path_ + " ";
    for (const auto& command : table_) {
      if (command.hidden || !command.path.starts_with(before)) continue;
      std::string rest = command.path.substr(before.size());
      size_t blank = rest.find(' ');
      bool group = blank != std::string::npos;
      add(rest.substr(0, blank), group ? "" : command.summary, current_);
    }
    unique();
  }

  const std::vector<Command>& table_;
  const std::vector<std::string>& words_;
  const Names& names_;
  std::string current_;
  std::string path_;
  const Command* command_ = nullptr;
  std::set<std::string> given_;
  std::string waiting_for_, waiting_value_;
  size_t given_positionals_ = 0;
  bool only_positionals_ = false;
  Completions out_;
};

}  // namespace

const std::vector<Option>& common_options() {
  static const std::vector<Option> options = {
      {"--json", "", "print one JSON document (or one object a line)"},
      {"-q,--quiet", "", "no progress on stderr"},
      {"--home", "DIR", "state folder (default: CROFT_HOME, else the XDG state folder)"},
  };
  return options;
}

std::string long_option(const std::string& flags) {
  return split(flags, ',').back();
}

Completions complete(const std::vector<Command>& table, const std::vector<std::string>& words,
                     const Names& names) {
  return Completer(table, words, names).run();
}

}  // namespace croft::cli
