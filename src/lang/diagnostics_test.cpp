// The text of every error, as golden files: test/lang/diagnostics/NAME.sf fails with NAME.err.
// ACCEPT=1 in the environment writes the answers anew; the difference is to be reviewed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lang/lang.h"

namespace croft::lang {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(Diagnostics, ReadAsTheyShould) {
  fs::path folder = CROFT_SOURCE_DIR "/test/lang/diagnostics";
  Options options;
  options.reader = [&](const std::string& path) -> Result<std::string> {
    fs::path file = folder / path;
    if (!fs::exists(file)) return fail(Code::not_found, path);
    return slurp(file);
  };
  size_t cases = 0;
  bool accept = std::getenv("ACCEPT") != nullptr;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".sf") continue;
    ++cases;
    auto description = resolve_file(entry.path().filename().string(), options);
    ASSERT_FALSE(description) << entry.path() << " resolves:\n" << print(*description->config);
    std::string text = description.error().render();
    fs::path golden = entry.path();
    golden.replace_extension(".err");
    if (accept)
      std::ofstream(golden) << text;
    else
      EXPECT_EQ(text, slurp(golden)) << entry.path();
  }
  EXPECT_GT(cases, 50u);
}

}  // namespace
}  // namespace croft::lang
