// Each workflow type in its normal and failing ways, and cut short by a crash at every point.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

struct Case {
  const char* name;
  const char* text;     ///< of sfConfig
  const char* outcome;  ///< type of the application's record
  const char* why;      ///< part of its reason
};

const Case cases[] = {
    {"SequenceEmpty", "extends Sequence {}", "normal", "nothing to do"},
    {"SequenceFails",
     "extends Sequence { a extends DoNothing { time 5; } b extends Fail { message \"oh\"; } "
     "c extends DoNothing { time 5; } }",
     "abnormal", "oh"},
    {"SequenceCannotStart",
     "extends Sequence { a extends ExceptionThrower { failOnStart true; message \"no way\"; } }",
     "abnormal", "no way"},
    {"SequenceCannotDeploy",
     "extends Sequence { a extends ExceptionThrower { failOnDeploy true; message \"no way\"; } }",
     "abnormal", "no way"},
    {"ParallelAllNormal",
     "extends Parallel { a extends DoNothing { time 5; } b extends DoNothing { time 50; } }",
     "normal", ""},
    {"ParallelOneFails",
     "extends Parallel { a extends DoNothing {} b extends Fail { delay 20; message \"b failed\"; } "
     "}",
     "abnormal", "b failed"},
    {"ParallelFailureAllowed",
     "extends Parallel { terminateOnAbnormalChildTermination false; a extends DoNothing { time 90; "
     "} "
     "b extends Fail {} }",
     "normal", ""},
    {"ParallelCannotDeploy",
     "extends Parallel { a extends DoNothing {} "
     "b extends ExceptionThrower { failOnDeploy true; message \"bad\"; } }",
     "abnormal", "bad"},
    {"ParallelAsynchronous",
     "extends Parallel { asynchCreateChild true; a extends DoNothing { time 5; } "
     "b extends DoNothing { time 9; } }",
     "normal", ""},
    {"ParallelEmptyEnds", "extends Parallel { terminateOnEmptyDeploy true; }", "normal", ""},
    {"ContainerOutlivesItsActions",
     "extends Parallel { c extends Container { x extends Fail {} } "
     "stop extends Sequence { d extends Delay { time 100; } t extends Fail { message \"last\"; } } "
     "}",
     "abnormal", "last"},
    {"FireBreakHoldsFailuresBack",
     "extends Compound { c extends FireBreak { x extends Fail {} } "
     "stop extends DoNothing { time 100; message \"by the clock\"; } }",
     "normal", "by the clock"},
    {"RandomSequence",
     "extends RandomSequence { a extends DoNothing { time 5; } b extends DoNothing { time 5; } "
     "c extends DoNothing { time 5; } }",
     "normal", ""},
    {"TryNormal",
     "extends Try { action extends DoNothing { time 5; } "
     "normal extends DoNothing { time 5; message \"well\"; } abnormal extends Fail {} }",
     "normal", "well"},
    {"TryOwnType",
     "extends Try { action extends DoNothing { time 5; terminationType \"odd\"; } "
     "odd extends DoNothing { time 5; message \"oddly\"; } }",
     "normal", "oddly"},
    {"TryWithoutMatch", "extends Try { action extends Fail { message \"as it is\"; } }", "abnormal",
     "as it is"},
    {"TryFollowFails",
     "extends Try { action extends Fail {} abnormal extends Fail { message \"again\"; } }",
     "abnormal", "again"},
    {"RetryGivesUp",
     "extends Retry { retry 2; backoff 10; action extends Fail { message \"hm\"; } }", "abnormal",
     "hm"},
    {"RetryBudget",
     "extends Retry { retry 1000; backoff 100; budget 1000; action extends Fail {} }", "abnormal",
     "its time is over"},
    {"RepeatRounds", "extends Repeat { repeat 3; action extends DoNothing { time 5; } }", "normal",
     ""},
    {"RepeatFailureEndsIt", "extends Repeat { repeat 3; action extends Fail { message \"x\"; } }",
     "abnormal", "x"},
    {"RepeatForEver",
     "extends During { time 1000; action extends Repeat { repeat -1; "
     "action extends DoNothing { time 90; } } }",
     "normal", "its time is over"},
    {"TimeoutInTime", "extends Timeout { time 100; action extends DoNothing { time 5; } }",
     "normal", ""},
    {"TimeoutLate", "extends Timeout { time 100; action extends DoNothing {} }", "abnormal",
     "timeout occurred"},
    {"TimeoutOff", "extends Timeout { time 0; action extends DoNothing { time 500; } }", "normal",
     ""},
    {"DuringEndsBoth", "extends During { time 50; action extends DoNothing {} }", "normal",
     "its time is over"},
    {"DuringActionFails", "extends During { time 50; action extends Fail { message \"f\"; } }",
     "abnormal", "f"},
    {"DelayAlone", "extends Sequence { d extends Delay { time 50; } }", "normal", "delay is over"},
    {"DelayedAction", "extends Delay { time 50; action extends Fail { message \"then\"; } }",
     "abnormal", "then"},
    {"FinallyRunsAtTheEnd",
     "extends Compound { f extends Finally { action extends DoNothing { time 20; } } "
     "t extends DoNothing { time 50; message \"done\"; } }",
     "normal", "done"},
    {"IfThen",
     "extends If { condition extends And { a extends True {} b extends Not { condition extends "
     "False {} } } then extends DoNothing { time 5; message \"yes\"; } else extends Fail {} }",
     "normal", "yes"},
    {"IfElse",
     "extends If { condition extends Or { a extends False {} b extends Xor { c extends True {} "
     "d extends True {} } } then extends DoNothing {} else extends Fail { message \"no\"; } }",
     "abnormal", "no"},
    {"IfWithoutElse", "extends If { condition false; then extends DoNothing {} }", "normal",
     "there is no else"},
    {"WaitForHolds",
     "extends WaitFor { interval 10; timeout 1000; condition extends RunningFor { time 55; } "
     "then extends DoNothing { time 5; message \"it came\"; } }",
     "normal", "it came"},
    {"WaitForTooLate",
     "extends WaitFor { interval 10; timeout 50; condition extends False {} "
     "else extends Fail { message \"late\"; } }",
     "abnormal", "late"},
    {"FailingWaitFor",
     "extends FailingWaitFor { interval 10; timeout 50; condition extends False {} "
     "message \"never came\"; }",
     "abnormal", "never came"},
    {"PostConditionHolds",
     "extends PostCondition { action extends DoNothing { time 5; } condition true; then extends "
     "DoNothing { time 5; message \"it was so\"; } }",
     "normal", "it was so"},
    {"PostConditionWithoutElse",
     "extends PostCondition { action extends DoNothing { time 5; } condition extends Equals { left "
     "1; right 2; } }",
     "normal", "there is no else"},
    {"PostConditionElse",
     "extends PostCondition { action extends DoNothing { time 5; } condition false; message \"1 is "
     "not 2\"; else extends Terminator { description PARENT:message; selftype Terminator:ABNORMAL; "
     "} }",
     "abnormal", "1 is not 2"},
    {"PostConditionNotAskedAfterAFailure",
     "extends PostCondition { action extends DoNothing { time 5; terminationType \"abnormal\"; "
     "message \"no good\"; } condition true; then extends DoNothing { time 5; } }",
     "abnormal", "no good"},
    {"AssertPostConditionMet",
     "extends AssertPostConditionMet { action extends DoNothing { time 5; } condition false; }",
     "abnormal", "Condition not met after action terminated"},
    {"AssertPostConditionFailed",
     "extends AssertPostConditionFailed { action extends DoNothing { time 5; } condition true; }",
     "abnormal", "Condition should not be met"},
    {"AssertPostConditionFailedAsWanted",
     "extends AssertPostConditionFailed { action extends DoNothing { time 5; } condition false; }",
     "normal", ""},
    {"TerminatorEndsItself", "extends Terminator {}", "normal", "terminator action"},
    {"TerminatorSaysWhy",
     "extends Compound { victim extends DoNothing {} t extends Terminator { kill LAZY victim; type "
     "\"abnormal\"; description \"it was time\"; } }",
     "abnormal", "it was time"},
    {"PropertySetAtRunTime",
     "extends Sequence { s extends SetProperty { name \"colour\"; value \"green\"; "
     "sfShouldTerminate true; } e extends "
     "EvaluateCondition { condition extends StringEquals { left LAZY PROPERTY colour; right "
     "(\"gr\" ++ \"een\"); } } }",
     "normal", ""},
    {"PropertyAsANumber",
     "extends Sequence { s extends SetProperty { name \"number\"; value \"7\"; sfShouldTerminate "
     "true; } e extends "
     "EvaluateCondition { condition extends Equals { left LAZY IPROPERTY number; right 7; } } }",
     "normal", ""},
    {"PropertyUnset",
     "extends Sequence { e extends EvaluateCondition { condition extends StringEquals { left LAZY "
     "PROPERTY colour; right \"green\"; } } }",
     "abnormal", "the property 'colour' is not set"},
    {"PropertyOptional",
     "extends Sequence { e extends EvaluateCondition { condition extends StringEquals { left LAZY "
     "OPTIONAL(\"blue\") PROPERTY colour; right \"blue\"; } } }",
     "normal", ""},
    {"EvaluateConditionFails",
     "extends EvaluateCondition { condition extends StringEquals { left \"a\"; right \"A\"; } "
     "message \"case matters\"; }",
     "abnormal", "case matters"},
    {"EvaluateConditionHolds",
     "extends EvaluateCondition { condition extends StringEquals { left \"a\"; right \"A\"; "
     "ignoreCase true; } }",
     "normal", ""},
    {"TerminatorEndsAnother",
     "extends Compound { victim extends DoNothing {} t extends Terminator { kill LAZY victim; type "
     "\"abnormal\"; } }",
     "abnormal", "ended by app:t"},
    {"AttributeChangesAnother",
     "extends Sequence { a extends Attribute { ofComponent LAZY PARENT; attributeName \"x\"; value "
     "7; } b extends AssertWorkflow { reference LAZY PARENT; attribute \"x\"; attributeEquals 7; } "
     "}",
     "normal", ""},
    {"AttributeRemoved",
     "extends Sequence { x 1; a extends Attribute { ofComponent LAZY PARENT; attributeName \"x\"; "
     "} "
     "b extends AssertWorkflow { reference LAZY PARENT; attribute \"x\"; } }",
     "abnormal", "has no 'x'"},
    {"RunLivesOn",
     "extends Compound { c extends FireBreak { r extends Run { action extends DoNothing { time "
     "200; } "
     "} } stop extends DoNothing { time 100; message \"stop\"; } }",
     "normal", ""},
    {"QuietEndsTellNobody",
     "extends Compound { a extends EventSend { event \"e\"; sfShouldTerminateQuietly true; } stop "
     "extends Fail { delay 100; message \"stop\"; } }",
     "abnormal", "stop"},
    {"DetachedEndsTellNobody",
     "extends Compound { a extends EventSend { event \"e\"; sfShouldDetach true; } stop extends "
     "Fail "
     "{ delay 100; message \"stop\"; } }",
     "abnormal", "stop"},
    {"DetachedChildrenLiveOn",
     "extends Compound { d extends DetachingCompound { x extends DoNothing { time 200; message "
     "\"the "
     "last\"; } } stop extends DoNothing { time 100; message \"stop\"; } }",
     "normal", "stop"},
    {"EventsReachTheirHandler",
     "extends Parallel { on extends OnEvent { go extends DoNothing { time 5; message \"went\"; } } "
     "send extends EventSend { event \"go\"; sendTo extends LAZY { a LAZY ROOT:sfConfig:on; } } }",
     "normal", ""},
    {"EventsWithoutHandlerGoElsewhere",
     "extends Compound { on extends OnEvent { otherwise extends Fail { message \"who?\"; } } "
     "send extends EventSend { event \"go\"; sfShouldTerminate false; sendTo extends LAZY { a LAZY "
     "ROOT:sfConfig:on; } } }",
     "abnormal", "who?"},
    {"EventsAreCounted",
     "extends Compound { counter extends EventCounter { count 2; registerWith extends LAZY { a "
     "LAZY "
     "ROOT:sfConfig:bus; } } bus extends EventBus {} s extends Sequence { sfShouldTerminate false; "
     "x extends EventSend { event \"e\"; sendTo extends LAZY { a LAZY ROOT:sfConfig:bus; } } "
     "y extends EventSend { event \"e\"; sendTo extends LAZY { a LAZY ROOT:sfConfig:bus; } } "
     "z extends DoNothing {} } }",
     "normal", "2 events have come"},
    {"QueuedEventsAreHeardLater",
     "extends Compound { q extends EventQueue {} s extends Sequence { "
     "send extends EventSend { event \"go\"; sendTo extends LAZY { a LAZY ROOT:sfConfig:q; } } "
     "o extends OnEvent { registerWith extends LAZY { a LAZY ROOT:sfConfig:q; } "
     "go extends DoNothing { time 5; message \"heard\"; } } } }",
     "normal", "heard"},
    {"HistoryIsInOrder",
     "extends Compound { h extends History {} s extends Sequence { "
     "a extends HistoryEvent { history LAZY ROOT:sfConfig:h; message \"1\"; } "
     "b extends HistoryEvent { history LAZY ROOT:sfConfig:h; message \"2\"; } "
     "c extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages [\"1\", \"2\"]; } "
     "d extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages [\"2\", \"1\"]; } "
     "e extends Fail { message \"not reached\"; } } }",
     "abnormal", "the history is [\"1\", \"2\"]"},
    {"SlowStartBearsFailures",
     "extends SlowStart { delay 5000; action extends Compound { sfLivenessDelay 1; "
     "x extends ExceptionThrower { failOnPing true; message \"not alive\"; } } }",
     "abnormal", "not alive"},
    {"LivenessTestFails",
     "extends Compound { sfLivenessDelay 1; l extends LivenessTest { condition extends False {} "
     "message \"it went away\"; } }",
     "abnormal", "it went away"},
    {"AssertFailsAtStart", "extends Compound { a extends Assert { isTrue false; message \"m\"; } }",
     "abnormal", "isTrue is false"},
    {"AssertComparesStrings",
     "extends Sequence { a extends AssertWorkflow { equalsString1 \"a\"; equalsString2 \"b\"; } }",
     "abnormal", "\"a\" is not \"b\""},
    {"AssertCountsElements",
     "extends Sequence { v [1, 2]; a extends AssertWorkflow { reference LAZY PARENT; attribute "
     "\"v\"; attributeVectorMinLength 3; } }",
     "abnormal", "v has 2 elements"},
    {"TestCompoundSucceeds",
     "extends TestCompound { action extends DoNothing {} tests extends DoNothing { time 5; } }",
     "normal", "as expected"},
    {"TestCompoundSkips",
     "extends TestCompound { condition extends False {} action extends Fail {} }", "normal",
     "skipped"},
    {"TestCompoundTestsFail",
     "extends TestCompound { action extends DoNothing {} tests extends Fail { message \"bad\"; } }",
     "abnormal", "bad"},
    {"TestCompoundActionDies",
     "extends TestCompound { action extends Fail { delay 20; message \"dead\"; } "
     "tests extends DoNothing { time 500; } }",
     "abnormal", "ended during the tests"},
    {"ExpectTerminateAsExpected",
     "extends ExpectTerminate { exitType \"abnormal\"; exitText \"planned\"; action extends Fail { "
     "message \"planned\"; } }",
     "normal", "as expected"},
    {"ExpectTerminateNever",
     "extends ExpectTerminate { testTimeout 100; action extends DoNothing {} }", "abnormal",
     "took longer"},
    {"ExpectTerminateOtherType", "extends ExpectTerminate { action extends Fail {} }", "abnormal",
     "\"normal\" is expected"},
    {"ExpectDeployFailureHappens",
     "extends ExpectDeployFailure { exitText \"no way\"; action extends ExceptionThrower { "
     "failOnDeploy true; message \"no way\"; } }",
     "normal", "as expected"},
    {"ExpectDeployFailureIsNotItsOwnText",
     "extends ExpectDeployFailure { exitText \"zzz\"; action extends ExceptionThrower { "
     "failOnStart true; message \"no way\"; } }",
     "abnormal", "is expected in"},
    {"ExpectDeployFailureDoesNot",
     "extends ExpectDeployFailure { testTimeout 50; action extends DoNothing {} }", "abnormal",
     "expected not to"},
};

class Workflow : public testing::TestWithParam<Case> {};

TEST_P(Workflow, EndsAsItShould) {
  const Case& c = GetParam();
  auto played = play(std::string("sfConfig ") + c.text);
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), c.outcome) << played->seen.why();
  EXPECT_NE(played->seen.why().find(c.why), std::string::npos) << played->seen.why();
}

/// Wherever the controller dies, the next one comes to the same end.
TEST_P(Workflow, EndsAsItShouldAcrossACrash) {
  const Case& c = GetParam();
  std::string text = std::string("sfConfig ") + c.text;
  auto whole = play(text);
  ASSERT_TRUE(whole) << whole.error().render();
  EXPECT_GT(whole->crash_points, 3u);
  // These hold ends of which a crash may lose a half: every point, where others are sampled.
  std::string_view name = c.name;
  bool all = name == "RunLivesOn" || name == "TerminatorEndsAnother" || name == "EventsAreCounted";
  for (uint64_t at :
       aio::crash_points(c.name, whole->crash_points, all ? whole->crash_points : 12)) {
    auto played = play(text, until_down, at);
    ASSERT_TRUE(played) << "point " << at << ": " << played.error().render();
    EXPECT_TRUE(played->crashed) << "point " << at;
    EXPECT_EQ(played->seen.outcome(), c.outcome) << "point " << at << ": " << played->seen.why();
    EXPECT_NE(played->seen.why().find(c.why), std::string::npos)
        << "point " << at << ": " << played->seen.why();
    if (HasFailure()) {
      Error told(Code::internal, "what was told");
      explain(told, played->seen);
      ADD_FAILURE() << told.render();
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Workflow, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace croft::components
