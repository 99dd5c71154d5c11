#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace croft::cli {
namespace {

struct Node {
  CLI::App* app = nullptr;
  const Command* command = nullptr;
};

struct Slots {
  std::map<std::string, std::vector<std::string>> options;
  std::map<std::string, bool> flags;
  std::vector<std::string> positionals;
};

/// The long name of "-f,--follow".
std::string long_name(const std::string& flags) {
  auto parts = split(flags, ',');
  return parts.back();
}

CLI::App* descend(CLI::App& root, std::map<std::string, CLI::App*>& groups, const std::string& path,
                  const std::string& summary) {
  CLI::App* at = &root;
  std::string walked;
  auto words = split(path, ' ');
  for (size_t i = 0; i < words.size(); ++i) {
    walked += (walked.empty() ? "" : " ") + words[i];
    auto& known = groups[walked];
    if (!known) known = at->add_subcommand(words[i], i + 1 == words.size() ? summary : "");
    at = known;
  }
  return at;
}

std::string_view group_summary(const std::string& path) {
  if (path == "farm") return "run and administer the embedded farm";
  if (path == "farm account") return "accounts of the embedded farm";
  if (path == "farm profile") return "instance profiles of the embedded farm";
  if (path == "farm fault") return "what is broken on purpose on the embedded farm";
  if (path == "farm image") return "images of the embedded farm: bring in, price";
  if (path == "controller") return "run the controller";
  return "";
}

void add_options(CLI::App& app, const Command& command, Slots& slots) {
  for (const auto& option : command.options) {
    std::string name = long_name(option.flags);
    if (option.value.empty()) {
      app.add_flag(option.flags, slots.flags[name], option.help);
      continue;
    }
    auto* added = app.add_option(option.flags, slots.options[name], option.help);
    added->type_name(option.value);
    if (option.required) added->required();
    // One value each time it stands there: what follows is a positional.
    added->expected(1)->allow_extra_args(false);
    if (option.repeated)
      added->take_all();
    else
      added->take_last();
  }
  if (command.positionals.empty()) return;
  std::string names;
  size_t least = 0;
  bool many = false;
  for (const auto& positional : command.positionals) {
    names += (names.empty() ? "" : " ") + positional.name;
    if (positional.required) ++least;
    many |= positional.repeated;
  }
  auto* added = app.add_option(names, slots.positionals, command.positionals.front().help);
  added->type_name("");
  added->expected(static_cast<int>(least),
                  many ? 1 << 20 : static_cast<int>(command.positionals.size()));
  if (least > 0) added->required();
}

std::vector<std::string> verbs_below(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

/// Taken before the verb as well as after it.
void add_common_options(CLI::App& app, Parsed& out) {
  app.add_flag("--json", out.json, "print one JSON document (or one object a line)");
  app.add_flag("-q,--quiet", out.quiet, "no progress on stderr");
  app.add_option("--home", out.home,
                 "state folder (default: CROFT_HOME, else the XDG state folder)")
      ->type_name("DIR");
}

/// "did you mean" for the first word that names no verb.
std::string unknown_verb(const CLI::App& root, int argc, const char* const* argv) {
  const CLI::App* at = &root;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--home") ++i;
    if (word.starts_with('-')) continue;
    auto names = verbs_below(*at);
    if (names.empty()) return "";
    if (std::find(names.begin(), names.end(), word) == names.end()) {
      std::string guess = did_you_mean(word, names);
      return fmt::format("croft: '{}' is not a command{}\n", word,
                         guess.empty() ? "" : "; " + guess);
    }
    for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; }))
      if (sub->get_name() == word) at = sub;
  }
  return "";
}

/// How many arguments are ours: what follows "--" is another program's command line.
int before_the_rest(int argc, const char* const* argv, const std::vector<Command>& table) {
  auto takes_rest = [&](std::string_view word) {
    return std::ranges::any_of(table, [&](const Command& command) {
      return command.path == word && !command.positionals.empty() &&
             command.positionals.back().rest;
    });
  };
  bool rest = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--") return rest ? i : argc;
    rest |= takes_rest(argv[i]);
  }
  return argc;
}

}  // namespace

Parsed parse(int argc, const char* const* argv, const std::vector<Command>& table) {
  Parsed out;
  CLI::App root("croft deploys applications on rented servers and keeps them alive", "croft");
  root.set_version_flag("--version", std::string("croft ") + CROFT_VERSION);
  root.require_subcommand(1);
  root.footer(
      "Exit codes: 0 done, 1 failed, 2 changes (plan), 3 no controller, 64 wrong command line, 130 "
      "interrupted");
  add_common_options(root, out);
  std::map<std::string, CLI::App*> groups;
  std::vector<Node> nodes;
  std::vector<std::unique_ptr<Slots>> slots;
  for (const auto& command : table) {
    CLI::App* app = descend(root, groups, command.path, command.summary);
    slots.push_back(std::make_unique<Slots>());
    add_options(*app, command, *slots.back());
    add_common_options(*app, out);
    std::string footer = command.details;
    if (!command.example.empty())
      footer += (footer.empty() ? "" : "\n\n") + std::string("Example:\n  ") + command.example;
    app->footer(footer);
    if (command.hidden) app->group("");
    nodes.push_back({app, &command});
  }
  for (auto& [path, app] : groups) {
    if (!app->get_subcommands([](const CLI::App*) { return true; }).empty())
      app->require_subcommand(1);
    if (app->get_description().empty()) app->description(std::string(group_summary(path)));
    if (auto first = std::ranges::find_if(
            table, [&](const Command& c) { return c.path.starts_with(path + " "); });
        first != table.end())
      app->footer("Example:\n  " + first->example);
  }
  std::ostringstream printed, complained;
  bool asked_help = argc == 2 && std::string_view(argv[1]) == "help";
  if (argc == 1 || asked_help) {
    out.text = root.help();
    out.exit = asked_help ? exit_code::done : exit_code::usage;
    return out;
  }
  int ours = before_the_rest(argc, argv, table);
  try {
    root.parse(ours, argv);
  } catch (const CLI::ParseError& problem) {
    std::string guess = unknown_verb(root, argc, argv);
    bool wanted = problem.get_exit_code() == 0;
    root.exit(problem, printed, complained);
    out.exit = wanted ? exit_code::done : exit_code::usage;
    out.text = wanted ? printed.str() : guess.empty() ? "croft: " + complained.str() : guess;
    return out;
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].app->parsed() || !nodes[i].app->get_subcommands().empty()) continue;
    out.command = nodes[i].command;
    for (auto& [name, values] : slots[i]->options)
      if (!values.empty()) out.options[name] = values;
    for (auto& [name, set] : slots[i]->flags)
      if (set) out.options[name] = {"true"};
    out.positionals = slots[i]->positionals;
    for (int k = ours + 1; k < argc; ++k) out.positionals.emplace_back(argv[k]);
  }
  return out;
}

}  // namespace croft::cli
