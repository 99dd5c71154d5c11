// Ends: whatever a type does, what its description says with sfShouldTerminate,
// sfShouldTerminateQuietly and sfShouldDetach is obeyed when it is done.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* includes =
    "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
    "#include \"/org/smartfrog/services/passwords/components.sf\"\n"
    "#include \"/org/smartfrog/services/restlet/components.sf\"\n"
    "#include \"/org/smartfrog/services/www/components.sf\"\n";

struct Done {
  const char* name;
  const char* type;   ///< the type and what it needs
  const char* inner;  ///< its attributes; it is done within a moment
};

// One of each way to be done: at its start, by its work, by its last action, by an event, by a
// check.
const Done done[] = {
    {"Prim", "Prim", ""},
    {"DoNothing", "DoNothing", "time 10;"},
    {"Fail", "Fail", "delay 10; normal true;"},
    {"Delay", "Delay", "time 10;"},
    {"DelayWithAction", "Delay", "time 10; action extends DoNothing { time 5; }"},
    {"Timeout", "Timeout", "time 500; action extends DoNothing { time 5; }"},
    {"During", "During", "time 10; action extends DoNothing {}"},
    {"Sequence", "Sequence", "a extends DoNothing { time 5; }"},
    {"EmptySequence", "Sequence", ""},
    {"RandomSequence", "RandomSequence", "a extends DoNothing { time 5; }"},
    {"Parallel", "Parallel", "a extends DoNothing { time 5; } b extends DoNothing { time 9; }"},
    {"Retry", "Retry", "retry 1; action extends DoNothing { time 5; }"},
    {"Repeat", "Repeat", "repeat 2; action extends DoNothing { time 5; }"},
    {"NoRepeat", "Repeat", "repeat 0; action extends DoNothing { time 5; }"},
    {"Try", "Try", "action extends DoNothing { time 5; } normal extends DoNothing { time 5; }"},
    {"If", "If", "condition true; then extends DoNothing { time 5; }"},
    {"IfNot", "If", "condition false; then extends DoNothing { time 5; }"},
    {"WaitFor", "WaitFor", "condition true; then extends DoNothing { time 5; }"},
    {"PostCondition", "PostCondition", "action extends DoNothing { time 5; } condition true;"},
    {"EvaluateCondition", "EvaluateCondition", "condition true;"},
    {"Run", "Run", "action extends DoNothing { time 5; }"},
    {"Attribute", "Attribute", "ofComponent LAZY PARENT; attributeName \"colour\"; value \"red\";"},
    {"EventSend", "EventSend", "event \"e\";"},
    {"Echo", "Echo", "message \"hello\";"},
    {"SetProperty", "SetProperty", "name \"a\"; value \"b\";"},
    {"TextFile", "TextFile", "filename \"a\"; text \"x\";"},
    {"Mkdir", "Mkdir", "dir \"d\";"},
    {"AppendLines", "AppendLines", "filename \"lines\"; lines [\"x\"];"},
    {"DeleteFile", "DeleteFile", "filename \"gone\";"},
    {"True", "True", "checkOnStartup true;"},
    {"Assert", "Assert", "isTrue true;"},
    {"RemoteResource", "RemoteResource", "url \"http://127.0.0.1:9/\";"},
    {"TestCompound", "TestCompound",
     "action extends DoNothing {} tests extends DoNothing { time 5; }"},
};

/// All of them in one application: the library is read once for each question.
std::string all_in(const char* outer, const char* said, const char* last) {
  std::string text = std::string(includes) + fmt::format("sfConfig extends {} {{\n", outer);
  for (const Done& what : done)
    text += fmt::format("the_{} extends {} {{ {} {} }}\n", what.name, what.type, what.inner, said);
  return text + fmt::format("stop extends {} }}\n", last);
}

const char* late_stop = "Fail { delay 5000; message \"stop\"; }";

/// How each had ended when `stop` came: "app:the_If" of those that had.
std::set<std::string> ended_before_stop(const Seen& seen) {
  std::set<std::string> out;
  for (const std::string& path : seen.of("TERMINATED")) {
    if (path == "app:stop") break;
    out.insert(path);
  }
  return out;
}

TEST(Ends, in_order_where_each_ends) {
  auto played = play(all_in("Sequence", "sfShouldTerminate true;", "DoNothing { time 5; }"));
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal") << played->seen.why();
  auto ended = ended_before_stop(played->seen);
  for (const Done& what : done)
    EXPECT_TRUE(ended.contains(fmt::format("app:the_{}", what.name))) << what.name;
}

TEST(Ends, quietly_where_they_should) {
  auto played = play(all_in("Compound", "sfShouldTerminateQuietly true;", late_stop));
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "abnormal") << played->seen.why();
  auto ended = ended_before_stop(played->seen);
  for (const Done& what : done)
    EXPECT_TRUE(ended.contains(fmt::format("app:the_{}", what.name))) << what.name;
}

TEST(Ends, not_at_all_where_they_should_not) {
  auto played = play(all_in("Compound", "sfShouldTerminate false;", late_stop));
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_NE(played->seen.why().find("stop"), std::string::npos) << played->seen.why();
  auto ended = ended_before_stop(played->seen);
  for (const Done& what : done)
    EXPECT_FALSE(ended.contains(fmt::format("app:the_{}", what.name))) << what.name;
}

TEST(Ends, by_themselves_where_they_are_detached) {
  auto played = play(all_in("Compound", "sfShouldTerminate true; sfShouldDetach true;", late_stop));
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_NE(played->seen.why().find("stop"), std::string::npos) << played->seen.why();
  for (const Done& what : done) {
    auto left = std::ranges::count_if(played->seen.told, [&](const auto& line) {
      return line.starts_with(fmt::format("app:the_{} DETACHED", what.name));
    });
    EXPECT_EQ(left, 1) << what.name;
  }
}

const Case cases[] = {
    {"AFailureIsNotHiddenBySfShouldTerminate",
     "extends Compound { f extends Fail { delay 10; message \"boom\"; sfShouldTerminate false; } }",
     "abnormal", "boom"},
    {"ARequestThatCannotEndIsPassedOver",
     "extends Compound { r extends RemoteResource { url \"http://127.0.0.1:9/\"; terminateActions "
     "[[\"delete\", 200, 299], [\"post\", 200, 299]]; } stop extends DoNothing { time 10; message "
     "\"stop\"; } }",
     "normal", "stop"},
    {"AnUnreadableEndIsPassedOver",
     "extends Compound { r extends RemoteResource { url LAZY PARENT:nothing; sfUpdatable true; "
     "terminateActions [[\"delete\", 200, 299]]; } stop extends DoNothing { time 10; message "
     "\"stop\"; } }",
     "normal", "stop"},
};

class EndsSo : public testing::TestWithParam<Case> {};

TEST_P(EndsSo, as_it_is_written) {
  const Case& c = GetParam();
  ends_so_everywhere(c, std::string(includes) + "sfConfig " + c.text, 6);
}
INSTANTIATE_TEST_SUITE_P(Ways, EndsSo, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PassedOver, what_was_passed_over_is_told) {
  auto played = play(std::string(includes) + "sfConfig " + cases[1].text);
  ASSERT_TRUE(played) << played.error().render();
  auto told = [&](const char* text) {
    return std::ranges::count_if(
        played->seen.told, [&](const auto& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_EQ(told("DELETE at its end failed and is passed over"), 1);
  EXPECT_EQ(told("POST at its end failed and is passed over"), 1);
}

aio::Task<Result<>> nobody_waits(Process& process) {
  CO_TRY(co_await until_down(process));
  for (const auto& [path, node] : process.application->all_nodes())
    EXPECT_EQ(node->waits, "") << path;
  co_return Result<>{};
}

TEST(PassedOver, is_a_file_that_cannot_be_found_at_the_end) {
  auto played = play(std::string(includes) + R"(
sfConfig extends Compound {
  x "a.txt";
  f extends SelfDeletingFile { filename LAZY PARENT:x; }
  s extends Sequence {
    a extends Attribute { ofComponent LAZY ROOT:sfConfig; attributeName "x"; }
    stop extends DoNothing { time 10; message "stop"; }
  }
})");
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal") << played->seen.why();
  EXPECT_TRUE(std::ranges::any_of(played->seen.told, [](const auto& line) {
    return line.find("its end failed 3 times and is passed over") != std::string::npos;
  }));
}

TEST(PassedOver, waits_go_with_who_waited) {
  auto played = play(
      "sfConfig extends Compound { w extends WaitFor { condition false; interval 10; timeout 5000; "
      "} "
      "r extends Retry { retry 9; backoff 100; action extends Fail; } "
      "stop extends DoNothing { time 150; message \"stop\"; } }",
      nobody_waits);
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal") << played->seen.why();
}

}  // namespace
}  // namespace croft::components
