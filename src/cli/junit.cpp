// JUnit's XML as CI systems read it: a suite a file, its cases, failures with their text.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "cli/test_run.h"

namespace croft::cli {
namespace {

/// XML 1.0 has no other control characters than these three, and neither U+FFFE nor U+FFFF.
std::string escaped(std::string_view text) {
  std::string out;
  bool readable = valid_utf8(text);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\xEF\xBF\xBE") || text.substr(i).starts_with("\xEF\xBF\xBF")) {
      out += '?';
      i += 2;
      continue;
    }
    char c = text[i];
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default: {
        bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r';
        out += control || (!readable && static_cast<unsigned char>(c) >= 0x80) ? '?' : c;
      }
    }
  }
  return out;
}

std::string case_xml(const TestCase& test) {
  std::string out = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                                escaped(test.file), escaped(test.name), test.took.s());
  switch (test.outcome) {
    case TestOutcome::passed:
      return out + "/>\n";
    case TestOutcome::skipped:
      return out + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                               escaped(test.why));
    case TestOutcome::failed:
      break;
  }
  std::string first = test.why.substr(0, test.why.find('\n'));
  return out + fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                           escaped(first), escaped(test.why));
}

}  // namespace

std::string junit_xml(const std::vector<TestCase>& cases) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const TestCase*>> suites;
  for (const TestCase& test : cases) {
    if (!suites.contains(test.file)) order.push_back(test.file);
    suites[test.file].push_back(&test);
  }
  auto count = [](const auto& list, TestOutcome outcome) {
    size_t out = 0;
    for (const TestCase* each : list) out += each->outcome == outcome ? 1 : 0;
    return out;
  };
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const std::string& file : order) {
    const auto& list = suites[file];
    Duration took;
    for (const TestCase* each : list) took = took + each->took;
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" "
        "time=\"{:.3f}\">\n",
        escaped(file), list.size(), count(list, TestOutcome::failed),
        count(list, TestOutcome::skipped), took.s());
    for (const TestCase* each : list) out += case_xml(*each);
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace croft::cli
