// Running descriptions as tests: each is deployed in this process, on an embedded farm of its own
// where it rents anything, until its tests are over; then taken down. Loop thread only.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "aio/world.h"
#include "base/units.h"
#include "cli/command.h"

namespace croft::cli {

enum class TestOutcome { passed, failed, skipped };

/// One TestCompound, or a whole description that has none.
struct TestCase {
  std::string file;  ///< as it was named
  std::string name;  ///< path below the application; the file's name for a whole description
  TestOutcome outcome = TestOutcome::failed;
  std::string why;
  Duration took;
  bool farm = false;  ///< on an embedded farm
};

struct TestOptions {
  size_t workers = 2;
  Duration limit;      ///< for one description
  std::string folder;  ///< of the farms' data; removed at the end
};

/// The files to run: a file itself, of a folder all descriptions below it that have an sfConfig.
Result<std::vector<std::string>> test_files(const std::vector<std::string>& named);

/// All of them, told by `told` as they come; in the order of `files`.
aio::Task<Result<std::vector<TestCase>>> run_tests(aio::World& world, Invocation& invocation,
                                                   std::vector<std::string> files,
                                                   TestOptions options,
                                                   std::function<void(const TestCase&)> told);

/// The results as JUnit's XML: a suite a file.
std::string junit_xml(const std::vector<TestCase>& cases);

}  // namespace croft::cli
