// croft test: descriptions as tests.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/description.h"
#include "cli/pid_file.h"
#include "cli/session.h"
#include "cli/test_run.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

std::string seconds_text(Duration took) {
  return fmt::format("{:.2f} s", took.s());
}

void tell(const Invocation& invocation, const TestCase& test) {
  if (invocation.json) return;
  terminal::Terminal& terminal = invocation.terminal;
  std::string name = fmt::format("{}  {}", test.file, test.name);
  switch (test.outcome) {
    case TestOutcome::passed:
      terminal.print(fmt::format("{}  {}  {}", terminal.paint(terminal::Colour::green, "ok     "),
                                 name, seconds_text(test.took)));
      return;
    case TestOutcome::skipped:
      terminal.print(fmt::format("{}  {}: {}", terminal.paint(terminal::Colour::yellow, "skipped"),
                                 name, test.why));
      return;
    case TestOutcome::failed:
      terminal.print(fmt::format("{}  {}  {}", terminal.paint(terminal::Colour::red, "FAILED "),
                                 name, seconds_text(test.took)));
      for (const auto& line : split(test.why, '\n')) terminal.print("         " + line);
  }
}

const char* word(TestOutcome outcome) {
  switch (outcome) {
    case TestOutcome::passed:
      return "passed";
    case TestOutcome::failed:
      return "failed";
    case TestOutcome::skipped:
      return "skipped";
  }
  return "failed";
}

wire::json::Object document(const std::vector<TestCase>& cases) {
  wire::json::Array list;
  std::map<std::string, int64_t> counts{{"passed", 0}, {"failed", 0}, {"skipped", 0}};
  for (const TestCase& test : cases) {
    ++counts[word(test.outcome)];
    list.push_back(wire::json::Object{{"file", test.file},
                                      {"name", test.name},
                                      {"outcome", word(test.outcome)},
                                      {"why", test.why},
                                      {"seconds", test.took.s()},
                                      {"farm", test.farm}});
  }
  return {{"tests", std::move(list)},
          {"passed", counts["passed"]},
          {"failed", counts["failed"]},
          {"skipped", counts["skipped"]}};
}

constexpr std::string_view folder_prefix = "croft-test-of-";

/// What a killed `croft test` left, once it and its farms have ended.
void remove_left_folders(const std::string& base) {
  namespace fs = std::filesystem;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(base, problem)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(folder_prefix) || entry.is_symlink(problem)) continue;
    auto parts = cut(std::string_view(name).substr(folder_prefix.size()), '-');
    auto owner = parts ? parse_u64(parts->first) : std::nullopt;
    struct stat info{};
    if (!owner || *owner == 0 || *owner > INT32_MAX || ::kill(static_cast<pid_t>(*owner), 0) == 0 ||
        errno != ESRCH || ::lstat(entry.path().c_str(), &info) != 0 || info.st_uid != ::geteuid())
      continue;
    bool living = false;
    for (const auto& inner : fs::recursive_directory_iterator(entry.path(), problem))
      living |= inner.path().filename() == "farm.pid" &&
                pid_file_state(inner.path().string()) == PidFileState::living;
    if (!living) fs::remove_all(entry.path(), problem);
  }
}

Result<TestOptions> options_of(const Invocation& invocation) {
  TestOptions out;
  auto workers = parse_u64(invocation.value("--jobs").value_or("2"));
  if (!workers || *workers < 1 || *workers > 64)
    return fail(
        wrong_argument(fmt::format("--jobs takes 1 to 64, not '{}'", *invocation.value("--jobs"))));
  out.workers = *workers;
  out.limit = TRY(Duration::parse(invocation.value("--timeout").value_or("5m"), "s"));
  const char* temporary = std::getenv("TMPDIR");
  std::string base = temporary ? temporary : "/tmp";
  remove_left_folders(base);
  std::string folder = fmt::format("{}/{}{}-XXXXXX", base, folder_prefix, ::getpid());
  if (!mkdtemp(folder.data()))
    return fail(Code::io, fmt::format("cannot make a folder like {}", folder));
  out.folder = folder;
  return out;
}

aio::Task<Result<std::vector<TestCase>>> run_all(aio::World& world, Invocation& invocation,
                                                 std::vector<std::string> files) {
  auto options = CO_TRY(options_of(invocation));
  co_return co_await run_tests(world, invocation, std::move(files), std::move(options),
                               [&invocation](const TestCase& each) { tell(invocation, each); });
}

aio::Task<Result<int>> test(aio::World& world, Invocation& invocation) {
  auto files = CO_TRY(test_files(invocation.positionals));
  invocation.terminal.quiet = true;  // the farms' coming and going is nobody's concern
  // The signals first: from the moment there is a folder they have to remove it.
  auto outcome = co_await aio::race(world.processes.signal({SIGINT, SIGTERM}),
                                    run_all(world, invocation, std::move(files)));
  if (outcome.index() == 0) {
    invocation.terminal.quiet = false;
    invocation.terminal.note("interrupted: the tests' farms are ended, nothing of them is left");
    co_return exit_code::interrupted;
  }
  auto cases = CO_TRY(std::move(std::get<1>(outcome)));
  if (auto file = invocation.value("--junit"))
    CO_TRY(co_await world.disk.write_file(*file, junit_xml(cases), 0644));
  auto summary = document(cases);
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(summary));
  else
    invocation.terminal.print(fmt::format("{} passed, {} failed, {} skipped",
                                          wire::json::int_or(summary, "passed", 0).value_or(0),
                                          wire::json::int_or(summary, "failed", 0).value_or(0),
                                          wire::json::int_or(summary, "skipped", 0).value_or(0)));
  bool bad = wire::json::int_or(summary, "failed", 0).value_or(0) > 0;
  co_return bad ? exit_code::failed : exit_code::done;
}

int run_test(Invocation& invocation) {
  return run_verb(invocation, test);
}

}  // namespace

Command test_command() {
  auto options = options_with_parameters();
  options.push_back(
      {"--allow-files", "DIR", "open this folder to the file components of the tests, too", true});
  options.push_back({"--allow-shell", "", "their components may run programs on this machine"});
  options.push_back({"--junit", "FILE", "write the results as JUnit XML, too"});
  options.push_back({"-j,--jobs", "N", "how many descriptions run at once (default: 2)"});
  options.push_back({"--timeout", "TIME", "how long one description may take (default: 5m)"});
  return {.path = "test",
          .summary = "deploy descriptions, run the tests that they hold, take them down",
          .details =
              "Each description is deployed for itself, on an embedded farm of its own where it "
              "rents anything. Its TestCompounds are the cases; a description without any is one "
              "case, which passes when it comes up, or ends normally by itself. A condition that "
              "does not hold skips its test. Of a folder all descriptions that have an sfConfig "
              "are run. Exit code 0: none failed; 1: some failed.",
          .example = "croft test -D test.awsid=AKIDEXAMPLE --junit results.xml examples/tests",
          .positionals = {{"FILE", "description, or folder of descriptions", true, true}},
          .options = std::move(options),
          .run = run_test};
}

}  // namespace croft::cli
