// Farmers and their customers, as descriptions.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* includes = "#include \"/org/smartfrog/services/cloudfarmer/components.sf\"\n";

/// A farm of 20 with the roles master (1..1) and worker (0..unlimited), and `rest` beside it.
std::string farm(const std::string& rest) {
  return std::string(includes) +
         "Customer extends FarmCustomer { farmer LAZY ROOT:sfConfig:farm; }\n"
         "sfConfig extends Compound { farm extends MockClusterFarmer { clusterLimit 20; "
         "roles extends Compound { master extends ClusterRole { min 1; max 1; } worker extends "
         "ClusterRole {} } } s extends Sequence { " +
         rest + " } }";
}

struct Case {
  const char* name;
  const char* steps;
  const char* outcome;
  const char* why;
};

const Case cases[] = {
    {"OneMaster",
     "a extends During { time 10; action extends Customer { role \"master\"; expected 1; } }",
     "normal", ""},
    {"TwoMastersAreTooMany",
     "a extends Parallel { x extends Customer { role \"master\"; } y extends Delay { time 500; "
     "action "
     "extends Customer { role \"master\"; } } }",
     "abnormal", "no space"},
    {"AllWorkersThatThereAre",
     "a extends During { time 10; action extends Customer { role \"worker\"; max 100; expected 20; "
     "} }",
     "normal", ""},
    {"OneMasterOfAHundred",
     "a extends During { time 10; action extends Customer { role \"master\"; max 100; expected 1; "
     "} }",
     "normal", ""},
    {"AHundredMasters", "a extends Customer { role \"master\"; min 100; max 100; }", "abnormal",
     "no space"},
    {"UnknownRole", "a extends Customer { role \"janitor\"; }", "abnormal", "no role 'janitor'"},
    {"BelowNothing", "a extends Customer { role \"worker\"; min -10; max 1; }", "abnormal",
     "cannot be asked for"},
    {"GivenBackAtTheEnd",
     "a extends During { time 10; action extends Customer { role \"worker\"; min 20; } } "
     "b extends During { time 10; action extends Customer { role \"worker\"; min 20; } } "
     "c extends EvaluateCondition { condition extends FarmHasDeployedInstances { farmer LAZY "
     "ROOT:sfConfig:farm; expected 0; } }",
     "normal", ""},
    {"NamesAreTold",
     "a extends During { time 10; action extends Customer { role \"worker\"; min 2; "
     "expectedHostnames [\"host0.internal\", \"host1.internal\"]; } }",
     "normal", ""},
    {"RolesAreChecked",
     "a extends FarmCheckRoles { farmer LAZY ROOT:sfConfig:farm; roles [\"worker\", \"cook\"]; }",
     "abnormal", "no role 'cook'"},
    {"ConditionsOnAFarm",
     "a extends EvaluateCondition { condition extends And { r extends FarmSupportsRole { farmer "
     "LAZY "
     "ROOT:sfConfig:farm; role \"worker\"; } v extends FarmIsAvailable { farmer LAZY "
     "ROOT:sfConfig:farm; } } }",
     "normal", ""},
    {"ALostMachineIsNoticed",
     "a extends Parallel { c extends Compound { sfLivenessDelay 1; x extends Customer { role "
     "\"worker\"; min 3; } } d extends Delay { time 2000; action extends DeleteAllNodes { farmer "
     "LAZY "
     "ROOT:sfConfig:farm; } } }",
     "abnormal", "is gone"},
    {"DescriptionsForEachMachine",
     "a extends During { time 300; action extends Customer { role \"worker\"; min 2; toDeploy "
     "extends "
     "Prim {} } }",
     "normal", ""},
};

class CloudFarmer : public testing::TestWithParam<Case> {};

TEST_P(CloudFarmer, GivesWhatItMay) {
  auto played = play(farm(GetParam().steps));
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), GetParam().outcome) << played->seen.why();
  EXPECT_NE(played->seen.why().find(GetParam().why), std::string::npos) << played->seen.why();
}

INSTANTIATE_TEST_SUITE_P(Types, CloudFarmer, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

/// The limit counts what was given out before a crash, too; nobody gets machines twice.
TEST(CloudFarmerCrash, TheLimitOutlivesACrash) {
  std::string text = farm(
      "a extends Parallel { x extends During { time 5000; action extends Customer { role "
      "\"worker\"; "
      "min 15; } } y extends Delay { time 1000; action extends TestCompound { expectTerminate "
      "true; "
      "exitType \"abnormal\"; exitText \"machines left\"; action extends Customer { role "
      "\"worker\"; "
      "min 6; } } } }");
  auto whole = play(text);
  ASSERT_TRUE(whole) << whole.error().render();
  for (uint64_t at : aio::crash_points("TheLimitOutlivesACrash", whole->crash_points, 16)) {
    auto played = play(text, until_down, at);
    ASSERT_TRUE(played) << "point " << at << ": " << played.error().render();
    EXPECT_TRUE(played->crashed) << "point " << at;
    ASSERT_EQ(played->seen.outcome(), "normal") << "point " << at << ": " << played->seen.why();
  }
}

TEST(ManualFarm, HasTheHostsThatItNames) {
  auto text = [](const char* hosts, int count) {
    return std::string(includes) +
           "sfConfig extends Compound { farm extends ManualClusterFarmer { roles extends Compound "
           "{ w "
           "extends ClusterRole {} } hosts extends Compound { " +
           hosts +
           " } } s extends During { time 10; action extends FarmCustomer { farmer LAZY "
           "ROOT:sfConfig:farm; role \"w\"; min " +
           std::to_string(count) + "; } } }";
  };
  const char* two =
      "a extends ManualHost { hostname \"a\"; } b extends ManualHost { hostname \"b\"; }";
  EXPECT_EQ(play(text(two, 2))->seen.outcome(), "normal");
  EXPECT_EQ(play(text(two, 3))->seen.outcome(), "abnormal");
  const char* twice =
      "a extends ManualHost { hostname \"a\"; } b extends ManualHost { hostname \"a\"; }";
  auto played = play(text(twice, 1));
  ASSERT_TRUE(played);
  EXPECT_NE(played->seen.why().find("is there twice"), std::string::npos) << played->seen.why();
}

}  // namespace
}  // namespace croft::components
