#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/test_run.h"

namespace croft::cli {
namespace {

TEST(Junit, SuitesAreFilesAndTextIsEscaped) {
  std::vector<TestCase> cases{
      {"a.sf", "one", TestOutcome::passed, "", Duration::milliseconds(1500)},
      {"b.sf", "two", TestOutcome::skipped, "not <today>", Duration{}},
      {"a.sf", "three", TestOutcome::failed, "line \"1\" & more\nline 2\x01", Duration{}}};
  std::string xml = junit_xml(cases);
  EXPECT_NE(xml.find("<testsuite name=\"a.sf\" tests=\"2\" failures=\"1\" errors=\"0\" "
                     "skipped=\"0\" time=\"1.500\">"),
            std::string::npos)
      << xml;
  EXPECT_NE(xml.find("<skipped message=\"not &lt;today&gt;\"/>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<failure message=\"line &quot;1&quot; &amp; more\">"), std::string::npos)
      << xml;
  EXPECT_EQ(xml.find('\x01'), std::string::npos);
}

TEST(Junit, BytesThatAreNoTextDoNotBreakIt) {
  std::string xml = junit_xml({{"a\xff.sf", "\xc3\xa9", TestOutcome::failed, "\xc3(", Duration{}}});
  EXPECT_TRUE(valid_utf8(xml)) << xml;
  EXPECT_NE(xml.find("a?.sf"), std::string::npos) << xml;
  EXPECT_NE(xml.find("\xc3\xa9"), std::string::npos) << xml;
}

TEST(Junit, NothingIsAnEmptyDocument) {
  EXPECT_EQ(junit_xml({}),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n</testsuites>\n");
}

}  // namespace
}  // namespace croft::cli
