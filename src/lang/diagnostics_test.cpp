// The text of every error, as golden files: test/lang/diagnostics/NAME.sf fails with NAME.err.
// Lines that begin with //! are options of the run: "set a:b=VALUE", "environment NAME", "limit
// NAME NUMBER".
// ACCEPT=1 in the environment writes the answers anew; the difference is to be reviewed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"
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

size_t* limit_named(Limits& limits, const std::string& name) {
  const std::map<std::string, size_t*> all = {{"file_bytes", &limits.file_bytes},
                                              {"nesting", &limits.nesting},
                                              {"includes", &limits.includes},
                                              {"include_depth", &limits.include_depth},
                                              {"components", &limits.components},
                                              {"attributes", &limits.attributes},
                                              {"chain", &limits.chain},
                                              {"text_bytes", &limits.text_bytes},
                                              {"steps", &limits.steps}};
  auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

/// The options that the head of a case asks for.
void read_head(const std::string& text, Options& options) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with("//! ");) {
    std::istringstream words(line.substr(4));
    std::string what, name, number;
    words >> what >> name >> number;
    if (what == "environment") options.environment_name = name;
    if (what == "set") {
      std::string given = line.substr(8);
      auto parts = cut(given, '=');
      ASSERT_TRUE(parts) << line;
      options.settings.push_back({split(parts->first, ':'), std::string(parts->second), {}});
    }
    if (what == "limit") {
      size_t* limit = limit_named(options.limits, name);
      ASSERT_NE(limit, nullptr) << line;
      *limit = std::stoul(number);
    }
  }
}

TEST(Diagnostics, ReadAsTheyShould) {
  fs::path folder = CROFT_SOURCE_DIR "/test/lang/diagnostics";
  Options options;
  options.reader = [&](const std::string& path) -> Result<std::string> {
    fs::path file = folder / path;
    if (path == "unreadable.inc") return fail(Code::io, "permission denied");
    if (!fs::exists(file)) return fail(Code::not_found, path);
    return slurp(file);
  };
  options.property = [](std::string_view name) -> std::optional<std::string> {
    if (name == "broken") return "1 2 (";
    if (name == "again") return "IPROPERTY again";
    if (name == "extending") return "extends Base { x 1; }";
    if (name == "open") return "TBD";
    return std::nullopt;
  };
  size_t cases = 0;
  bool accept = std::getenv("ACCEPT") != nullptr;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".sf") continue;
    ++cases;
    Options own = options;
    read_head(slurp(entry.path()), own);
    auto description = resolve_file(entry.path().filename().string(), own);
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
