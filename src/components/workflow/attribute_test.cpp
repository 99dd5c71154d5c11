// Attribute: what it sets is held against the schema of whom it sets it, and no value that got into
// a record keeps an application from coming up again.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const Case cases[] = {
    {"AValueOfTheWrongTypeIsRefused", R"(extends Compound { v extends DoNothing;
       s extends Sequence { a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "time"; value "rubbish"; } } })",
     "abnormal", "'time' must be a duration"},
    {"AValueOutOfRangeIsRefused",
     R"(extends Compound { v extends Retry { action extends DoNothing; }
       s extends Sequence { a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "retry"; value -1; } } })",
     "abnormal", "'retry' is -1; 0 is the least"},
    {"TheClassOfWhatRunsStays", R"(extends Compound { v extends DoNothing;
       s extends Sequence { a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "sfClass"; value "croft.Prim"; } } })",
     "abnormal", "its class stays what it is"},
    {"WhatIsNeededIsNotRemoved", R"(extends Compound { v extends Delay { time 60000; }
       s extends Sequence { a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "time"; } } })",
     "abnormal", "'Delay' needs the attribute 'time'"},
    {"APartThatRunsIsNotReplaced",
     R"(extends Compound { v extends Compound { part extends DoNothing; }
       s extends Sequence { a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "part"; value 1; } } })",
     "abnormal", "is a component that runs"},
    {"AGoodValueIsTaken", R"(extends Compound { v extends DoNothing;
       s extends Sequence {
         a extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "time"; value "90m"; }
         b extends Attribute { ofComponent LAZY ROOT:sfConfig:v; attributeName "anything"; value [1, 2]; }
         c extends AssertWorkflow { reference LAZY ROOT:sfConfig:v; attribute "time"; attributeEquals "90m"; checkOnLiveness false; }
         d extends DoNothing { time 5; message "taken"; } } })",
     "normal", "taken"},
};

class Attributes : public testing::TestWithParam<Case> {};

TEST_P(Attributes, are_checked_when_they_are_set) {
  ends_so_everywhere(GetParam(), std::string("sfConfig ") + GetParam().text, 4);
}
INSTANTIATE_TEST_SUITE_P(Values, Attributes, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

const char* staying =
    "sfConfig extends Compound { v extends DoNothing; w extends Delay { time \"90m\"; } }";

aio::Task<Result<>> spoil(Process& process) {
  CO_TRY(co_await until_settled(process));
  auto& v = process.application->find("app:v")->record.published;
  v.insert_or_assign("time", model::Value("rubbish"));
  v.insert_or_assign("sfClass", model::Value("croft.Nonsense"));
  v.insert_or_assign("colour", model::Value("red"));
  auto& w = process.application->find("app:w")->record.published;
  w.insert_or_assign("time", model::Null{});
  for (const char* path : {"app:v", "app:w"})
    process.application->ledger().put(process.application->find(path)->record);
  co_return co_await process.application->ledger().flush();
}

aio::Task<Result<>> look_again(Process& process) {
  CO_TRY(co_await until_settled(process));
  EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up)
      << process.application->record().why;
  engine::Node* v = process.application->find("app:v");
  EXPECT_EQ(v->record.state, model::State::running);
  EXPECT_EQ(v->description->string("colour"), "red");
  EXPECT_EQ(v->description->string("sfClass"), "croft.DoNothing");
  EXPECT_FALSE(v->record.published.contains("time"));
  EXPECT_EQ(process.application->find("app:w")->description->string("time"), "90m");
  co_return Result<>{};
}

TEST(BadValues, keep_nothing_from_coming_up_again) {
  log::set_level(log::Level::off);
  auto text = std::string(library) + staying;
  aio::SimWorld sim(7);
  Seen seen;
  auto first = sim.run(live(sim.world(), *wanted_of(text), spoil, seen));
  ASSERT_TRUE(first) << first.error().render();
  sim.restart(true);
  auto second = sim.run(live(sim.world(), *wanted_of(text), look_again, seen));
  ASSERT_TRUE(second) << second.error().render();
  auto told = std::ranges::count_if(seen.told, [](const auto& line) {
    return line.find("that it was given while it ran") != std::string::npos ||
           line.find("was given while it ran is passed over") != std::string::npos;
  });
  EXPECT_EQ(told, 3);
}

}  // namespace
}  // namespace croft::components
