// Events: who sends to whom starts in any order, and nothing that is sent is lost for that.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const Case cases[] = {
    {"TwoThatSendToEachOtherStart", R"(extends Compound {
       ping extends OnEvent { sendTo extends LAZY { it LAZY ROOT:sfConfig:pong; } a extends DoNothing; }
       pong extends OnEvent { sendTo extends LAZY { it LAZY ROOT:sfConfig:ping; } b extends DoNothing; }
       stop extends DoNothing { time 50; message "both ran"; } })",
     "normal", "both ran"},
    {"TwoThatRegisterWithEachOtherStart", R"(extends Compound {
       ping extends EventBus { registerWith extends LAZY { it LAZY ROOT:sfConfig:pong; } }
       pong extends EventBus { registerWith extends LAZY { it LAZY ROOT:sfConfig:ping; } }
       stop extends DoNothing { time 50; message "both ran"; } })",
     "normal", "both ran"},
    {"WhatIsSentBeforeItsListenerIsThereIsKept", R"(extends Compound {
       send extends EventSend { event "go"; sfShouldTerminate false;
         sendTo extends LAZY { it LAZY ROOT:sfConfig:late:on; } }
       late extends Sequence { wait extends Delay { time 1000; }
         on extends OnEvent { go extends DoNothing { time 5; message "heard"; } } } })",
     "normal", "heard"},
    {"EventsThatWaitKeepTheirOrder", R"(extends Compound {
       h extends History {}
       s extends Sequence { sfShouldTerminate false;
         a extends EventSend { event "a"; sendTo extends LAZY { it LAZY ROOT:sfConfig:late:on; } }
         b extends EventSend { event "b"; sendTo extends LAZY { it LAZY ROOT:sfConfig:late:on; } } }
       late extends Sequence { wait extends Delay { time 1000; }
         on extends OnEvent {
           a extends HistoryEvent { history LAZY ROOT:sfConfig:h; message "a"; }
           b extends DoNothing { time 5; } }
         check extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages ["a"]; } } })",
     "normal", ""},
    {"CountersCountWhatCameBeforeThem", R"(extends Compound {
       a extends EventSend { event "e"; sfShouldTerminate false; sendTo extends LAZY { it LAZY ROOT:sfConfig:late:n; } }
       b extends EventSend { event "e"; sfShouldTerminate false; sendTo extends LAZY { it LAZY ROOT:sfConfig:late:n; } }
       late extends Sequence { wait extends Delay { time 1000; } n extends EventCounter { count 2; } } })",
     "normal", "2 events have come"},
    {"TheFirstCopyOfAListenerTakesThem", R"(extends Compound {
       send extends EventSend { event "go"; sfShouldTerminate false;
         sendTo extends LAZY { it LAZY ROOT:sfConfig:late:again:action; } }
       late extends Sequence { wait extends Delay { time 1000; }
         again extends Retry { action extends OnEvent { go extends DoNothing { time 5; message "heard"; } } } } })",
     "normal", "heard"},
    {"AQueueGivesEachEventOnce", R"(extends Compound {
       q extends EventQueue {}
       h extends History {}
       s extends Sequence { sfShouldTerminate false;
         a extends EventSend { event "a"; sendTo extends LAZY { it LAZY ROOT:sfConfig:q; } }
         w extends Delay { time 500; }
         b extends EventSend { event "end"; sendTo extends LAZY { it LAZY ROOT:sfConfig:q; } } }
       t extends Sequence {
         on extends OnEvent { singleEvent false; registerWith extends LAZY { it LAZY ROOT:sfConfig:q; }
           a extends HistoryEvent { history LAZY ROOT:sfConfig:h; message "a"; }
           end extends Sequence {
             c extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages ["a"]; }
             f extends Fail { message "once"; } } } } })",
     "abnormal", "once"},
    {"WhatIsSentToNobodyDoesNoHarm", R"(extends Compound {
       send extends EventSend { event "go"; sfShouldTerminate false; sendTo extends LAZY { it LAZY ROOT:sfConfig:nowhere; } }
       stop extends DoNothing { time 50; message "stop"; } })",
     "normal", "stop"},
};

class Events : public testing::TestWithParam<Case> {};

TEST_P(Events, reach_who_they_are_for_wherever_the_controller_dies) {
  ends_so_everywhere(GetParam(), std::string("sfConfig ") + GetParam().text, 6);
}
INSTANTIATE_TEST_SUITE_P(Listeners, Events, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

aio::Task<Result<>> keep_too_many(Process& process) {
  CO_TRY(co_await until_settled(process));
  engine::Application& application = *process.application;
  for (size_t i = 0; i < engine::Application::kept_events_max; ++i)
    CO_TRY(application.keep_event({"app:later", fmt::format("{}", i)}));
  auto refused = application.keep_event({"app:later", "one more"});
  EXPECT_FALSE(refused);
  if (!refused) EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  EXPECT_EQ(application.record().kept_events.size(), engine::Application::kept_events_max);
  co_return co_await take_down(process);
}

TEST(KeptEvents, are_bounded) {
  auto played = play("sfConfig extends Compound { x extends DoNothing; }", keep_too_many);
  ASSERT_TRUE(played) << played.error().render();
}

}  // namespace
}  // namespace croft::components
