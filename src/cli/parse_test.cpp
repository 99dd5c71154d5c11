#include "cli/parse.h"

namespace croft::cli {
namespace {

Parsed parse_line(std::vector<const char*> words) {
  words.insert(words.begin(), "croft");
  return parse(static_cast<int>(words.size()), words.data(), commands());
}

}  // namespace

TEST(CommandLine, finds_verb_options_and_positionals) {
  auto parsed = parse_line(
      {"up", "app.sf", "--name", "web", "-I", "a", "-I", "b", "--keep-on-failure", "--json"});
  ASSERT_TRUE(parsed.command);
  EXPECT_EQ(parsed.command->path, "up");
  EXPECT_EQ(parsed.positionals, (std::vector<std::string>{"app.sf"}));
  EXPECT_EQ(parsed.options["--name"], (std::vector<std::string>{"web"}));
  EXPECT_EQ(parsed.options["--include"], (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(parsed.options.contains("--keep-on-failure"));
  EXPECT_TRUE(parsed.json);
}

TEST(CommandLine, an_option_takes_one_value_wherever_it_stands) {
  auto parsed = parse_line({"test", "-D", "a=1", "-D", "b=2", "--jobs", "3", "x.sf", "y.sf"});
  ASSERT_TRUE(parsed.command) << parsed.text;
  EXPECT_EQ(parsed.positionals, (std::vector<std::string>{"x.sf", "y.sf"}));
  EXPECT_EQ(parsed.options["--property"], (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(parsed.options["--jobs"], (std::vector<std::string>{"3"}));
}

TEST(CommandLine, what_follows_two_dashes_is_another_programs) {
  auto parsed = parse_line({"exec", "shop:web", "-t", "--", "ls", "-l", "--json", "--"});
  ASSERT_TRUE(parsed.command) << parsed.text;
  EXPECT_EQ(parsed.positionals, (std::vector<std::string>{"shop:web", "ls", "-l", "--json", "--"}));
  EXPECT_TRUE(parsed.options.contains("--tty"));
  EXPECT_FALSE(parsed.json);
}

TEST(CommandLine, nested_verbs) {
  auto parsed = parse_line({"farm", "account", "add", "alice", "--data", "d"});
  ASSERT_TRUE(parsed.command);
  EXPECT_EQ(parsed.command->path, "farm account add");
}

TEST(CommandLine, what_all_verbs_take_may_stand_before_the_verb) {
  auto parsed = parse_line({"--home", "h", "--json", "plan", "a.sf"});
  ASSERT_TRUE(parsed.command) << parsed.text;
  EXPECT_EQ(parsed.home, "h");
  EXPECT_TRUE(parsed.json);
  auto later = parse_line({"--home", "h", "plan", "a.sf", "--home", "i"});
  EXPECT_EQ(later.home, "i");
  auto typo = parse_line({"--home", "h", "upp"});
  EXPECT_NE(typo.text.find("did you mean 'up'"), std::string::npos) << typo.text;
}

TEST(CommandLine, mistakes_exit_64_and_help) {
  auto typo = parse_line({"upp", "app.sf"});
  EXPECT_EQ(typo.exit, exit_code::usage);
  EXPECT_NE(typo.text.find("did you mean 'up'"), std::string::npos);
  EXPECT_EQ(parse_line({"up"}).exit, exit_code::usage);
  EXPECT_EQ(parse_line({"up", "a", "--nonsense"}).exit, exit_code::usage);
  EXPECT_EQ(parse_line({}).exit, exit_code::usage);
}

TEST(CommandLine, help_and_version_are_not_mistakes) {
  auto help = parse_line({"up", "--help"});
  EXPECT_EQ(help.exit, exit_code::done);
  EXPECT_NE(help.text.find("Example"), std::string::npos);
  EXPECT_EQ(parse_line({"--version"}).exit, exit_code::done);
}

TEST(Table, every_verb_says_what_it_does_and_shows_an_example) {
  for (const auto& command : commands()) {
    EXPECT_FALSE(command.summary.empty()) << command.path;
    EXPECT_FALSE(command.example.empty()) << command.path;
    EXPECT_TRUE(command.run) << command.path;
  }
}

}  // namespace croft::cli
