// What the library promises its readers.
#include <gtest/gtest.h>

#include "base/text.h"
#include "lang/lang.h"

namespace croft::lang {
namespace {

TEST(LibraryText, EveryTemplateHasItsComment) {
  size_t templates = 0;
  for (std::string_view file : library_files()) {
    std::string before;
    for (const std::string& line : split(*library_file(file), '\n')) {
      size_t name = line.find(" extends");
      bool top = name != std::string::npos && name > 0 && line[0] != ' ' && line[0] != '/' &&
                 line.substr(0, name).find_first_of(" *") == std::string::npos;
      if (top) {
        ++templates;
        EXPECT_TRUE(before.ends_with("*/")) << file << ": " << line;
      }
      before = line;
    }
  }
  EXPECT_GT(templates, 300u);
}

}  // namespace
}  // namespace croft::lang
