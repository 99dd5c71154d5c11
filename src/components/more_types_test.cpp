// Types of the library by case: what they do, what they refuse, and that the same comes out
// wherever the controller dies on the way.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* includes =
    "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
    "#include \"/org/smartfrog/services/passwords/components.sf\"\n"
    "#include \"/org/smartfrog/services/restlet/components.sf\"\n"
    "#include \"/org/smartfrog/services/amazon/ec2/components.sf\"\n";

const Case cases[] = {
    // ---- Run, Deployer
    {"RunBecomesAChild",
     "extends Compound { home extends Compound {} s extends Sequence { r extends Run { asName "
     "\"x\"; parent LAZY ROOT:sfConfig:home; action extends DoNothing { time 50; message "
     "\"inside\"; } } w extends DoNothing {} } }",
     "normal", "inside"},
    {"RunIntoAWorkflowIsRefused",
     "extends Compound { home extends Sequence { a extends DoNothing {} } s extends Sequence { r "
     "extends Run { parent LAZY ROOT:sfConfig:home; action extends DoNothing {} } } }",
     "abnormal", "takes no components in"},
    {"RunIntoNothing",
     "extends Sequence { r extends Run { parent LAZY ROOT:sfConfig:nobody; action extends "
     "DoNothing "
     "{} } }",
     "abnormal", "nobody"},
    {"RunWhatCannotStart",
     "extends Compound { home extends Compound {} s extends Sequence { r extends Run { asName "
     "\"x\"; parent LAZY ROOT:sfConfig:home; action extends ExceptionThrower { failOnStart true; "
     "message \"cannot\"; } } } }",
     "abnormal", "cannot"},
    {"DeployerReadsAFile",
     "extends Compound { f extends TextFile { filename \"d.sf\"; text \"sfConfig extends { sfClass "
     "\\\"croft.DoNothing\\\"; time 5; message \\\"as written\\\"; }\"; } home extends Compound {} "
     "s extends Sequence { r extends Deployer { newComponentDescription \"d.sf\"; asName \"x\"; "
     "parent LAZY ROOT:sfConfig:home; newComponentExtraAtributes extends DATA { -- "
     "[\"sfConfig:message\", \"as changed\"]; } } w extends DoNothing {} } }",
     "normal", "as changed"},
    {"DeployerFollowsIncludes",
     "extends Compound { i extends TextFile { filename \"i.sf\"; text \"Thing extends { sfClass "
     "\\\"croft.DoNothing\\\"; time 5; message \\\"included\\\"; }\"; } f extends TextFile { "
     "filename \"d.sf\"; text \"#include \\\"i.sf\\\" sfConfig extends Thing {}\"; } home extends "
     "Compound {} s extends Sequence { r extends Deployer { newComponentDescription \"d.sf\"; "
     "parent LAZY ROOT:sfConfig:home; } w extends DoNothing {} } }",
     "normal", "included"},
    {"DeployerWithoutAFile",
     "extends Sequence { r extends Deployer { newComponentDescription \"none.sf\"; } }", "abnormal",
     "none.sf"},
    {"DeployerOutsideIsRefused",
     "extends Sequence { r extends Deployer { newComponentDescription \"/etc/app.sf\"; } }",
     "abnormal", "outside the work folder"},
    {"DeployerOfWrongText",
     "extends Compound { f extends TextFile { filename \"d.sf\"; text \"sfConfig extends {\"; } s "
     "extends Sequence { r extends Deployer { newComponentDescription \"d.sf\"; } } }",
     "abnormal", "d.sf:1"},
    // ---- CounterAction, Retract, legacy actions
    {"CounterActionEndsWithItsAction",
     "extends Sequence { c extends CounterAction { sfShouldTerminate true; action extends "
     "DoNothing "
     "{ time 5; message \"acted\"; } counterAction extends DoNothing { time 5; } } }",
     "normal", "acted"},
    {"CounterActionStays",
     "extends Sequence { t extends During { time 100; action extends CounterAction { action "
     "extends "
     "DoNothing { time 5; } counterAction extends DoNothing { time 5; } } } }",
     "normal", "its time is over"},
    {"CounterActionFails",
     "extends Sequence { c extends CounterAction { action extends Fail { message \"bad\"; } } }",
     "abnormal", "bad"},
    {"CounterActionCannotStart",
     "extends Sequence { c extends CounterAction { action extends ExceptionThrower { failOnStart "
     "true; message \"cannot\"; } counterAction extends Fail {} } }",
     "abnormal", "cannot"},
    {"CounterActionIsNotAlive",
     "extends Sequence { c extends CounterAction { action extends DoNothing {} liveness extends "
     "Fail { delay 20; message \"not alive\"; } } }",
     "abnormal", "not alive"},
    {"RetractStaysUntilOneFails",
     "extends Retract { a extends DoNothing { time 5; } b extends DoNothing { time 50; "
     "terminationType \"abnormal\"; message \"later\"; } }",
     "abnormal", "later"},
    {"RetractCannotStart",
     "extends Retract { a extends DoNothing {} b extends ExceptionThrower { failOnStart true; "
     "message \"cannot\"; } }",
     "abnormal", "cannot"},
    {"ActionsInOneChild",
     "extends Sequence { actions extends LAZY { a extends DoNothing { time 5; message \"one\"; } b "
     "extends DoNothing { time 5; message \"two\"; } } }",
     "normal", "two"},
    {"ActionsInOneChildSideBySide",
     "extends Parallel { actions extends LAZY { a extends DoNothing { time 5; } b extends Fail { "
     "delay 20; message \"b failed\"; } } }",
     "abnormal", "b failed"},
    // ---- conditions
    {"WorkIsCompleted",
     "extends Compound { p extends SetProperty { name \"n\"; value \"v\"; } w extends WaitFor { "
     "interval 10; timeout 5000; condition extends IsWorkCompleted { target LAZY ROOT:sfConfig:p; "
     "} "
     "then extends DoNothing { time 1; message \"completed\"; } } }",
     "normal", "completed"},
    {"WorkIsNotCompleted",
     "extends Compound { p extends DoNothing { time 60000; } w extends FailingWaitFor { interval "
     "10; timeout 50; message \"still at work\"; condition extends IsWorkCompleted { target LAZY "
     "ROOT:sfConfig:p; } } }",
     "abnormal", "still at work"},
    {"AnotherHost",
     "extends EvaluateCondition { condition extends Not { condition extends HostnameIs { hostnames "
     "[\"surely-no-such-host\"]; } } }",
     "normal", ""},
    {"HostnamesMustBeStrings",
     "extends EvaluateCondition { condition extends HostnameIs { hostnames [1]; } }", "abnormal",
     "strings are needed"},
    {"TheHostKnowsItsName",
     "extends Sequence { l extends During { time 50; action extends Compound { h extends Localhost "
     "{ sfShouldTerminate false; } w extends WaitFor { interval 10; condition extends "
     "ReferenceResolves { reference LAZY ATTRIB h:hostname; } then extends DoNothing {} else "
     "extends Fail {} } } } }",
     "normal", "its time is over"},
    // ---- passwords
    {"PasswordsAreChecked",
     "extends Compound { f extends TextFile { filename \"pw\"; text \"from-a-file\\n\"; } p "
     "extends "
     "FilePassword { passwordFile \"pw\"; } c extends PasswordChecker { passwordProvider LAZY "
     "ROOT:sfConfig:p; expected \"from-a-file\"; pattern \"[a-z-]+\"; minimumSize 5; maximumSize "
     "20; } e extends Sequence { d extends DoNothing { time 5; message \"good\"; } } }",
     "normal", "good"},
    {"PasswordTooShort",
     "extends Compound { c extends PasswordChecker { passwordProvider extends InlinePassword { "
     "password \"abc\"; } minimumSize 8; } }",
     "abnormal", "is shorter than 8"},
    {"PasswordTooLong",
     "extends Compound { c extends PasswordChecker { passwordProvider \"abc\"; maximumSize 2; } }",
     "abnormal", "is longer than 2"},
    {"PasswordIsAnother",
     "extends Compound { c extends PasswordChecker { passwordProvider \"abc\"; expected \"abd\"; } "
     "}",
     "abnormal", "is not the expected one"},
    {"PasswordDoesNotMatch",
     "extends Compound { c extends PasswordChecker { passwordProvider \"abc\"; pattern \"[0-9]+\"; "
     "} "
     "}",
     "abnormal", "does not match"},
    {"PasswordOfAProperty",
     "extends Compound { s extends SystemProperties { properties [[\"pw\", \"xyz\"]]; } c extends "
     "PasswordChecker { passwordProvider extends PropertyPassword { property \"pw\"; } expected "
     "\"xyz\"; } e extends Sequence { d extends DoNothing { time 5; message \"good\"; } } }",
     "normal", "good"},
    {"PropertyOfNoPassword",
     "extends Compound { p extends PropertyPassword { property \"nothing\"; } }", "abnormal",
     "the property nothing is not set"},
    {"PasswordFileOutside",
     "extends Compound { p extends FilePassword { passwordFile \"/etc/shadow\"; } }", "abnormal",
     "outside the work folder"},
    {"PasswordsStayHidden",
     "extends Compound { c extends PasswordChecker { passwordProvider \"abc\"; publish true; } }",
     "abnormal", "never published"},
    // ---- files
    {"TextsAreReplacedOnce",
     "extends Compound { t extends TextFile { filename \"in\"; text \"a=@x@ b=@x@\\n\"; } s "
     "extends "
     "Sequence { r extends ReplaceFileVar { filename \"in\"; newFileName \"out\"; varReplace1 "
     "[\"@x@\", \"12\"]; appendEnd \"end\"; } r2 extends ReplaceFileVar { filename \"out\"; append "
     "\"more\"; } c extends EvaluateCondition { condition extends FileExists { filename \"out\"; "
     "minSize 19; maxSize 19; } } } }",
     "normal", ""},
    {"NothingToReplaceIn", "extends Sequence { r extends ReplaceFileVar { filename \"none\"; } }",
     "abnormal", "none"},
    {"AReplacementIsAPair",
     "extends Compound { t extends TextFile { filename \"in\"; text \"x\"; } s extends Sequence { "
     "r "
     "extends ReplaceFileVar { filename \"in\"; varReplace [\"x\"]; } } }",
     "abnormal", "two strings"},
    {"AKeyIsAddedOnce",
     "extends Sequence { a extends AppendSSHKey { sfShouldTerminate true; filename \"ssh/keys\"; "
     "key \"ssh-ed25519 AAAA "
     "me\"; } b extends AppendSSHKey { sfShouldTerminate true; filename \"ssh/keys\"; key "
     "\"ssh-ed25519 AAAA me\"; } c "
     "extends EvaluateCondition { condition extends FileExists { filename \"ssh/keys\"; minSize "
     "20; "
     "maxSize 20; } } }",
     "normal", ""},
    {"AKeyOfTheHostIsRefused",
     "extends Sequence { a extends AppendSSHKey { key \"ssh-ed25519 AAAA me\"; } }", "abnormal",
     "outside the work folder"},
    {"APrivateKeyIsNoKey",
     "extends Sequence { a extends AppendSSHKey { filename \"k\"; key \"-----BEGIN KEY-----\"; } }",
     "abnormal", "private key"},
    {"LinesOnceMore",
     "extends Sequence { a extends AppendLines { sfShouldTerminate true; filename \"l\"; lines "
     "[\"x\"]; "
     "addOnlyMissingLines "
     "false; } b extends AppendLines { sfShouldTerminate true; filename \"l\"; lines [\"x\"]; "
     "addOnlyMissingLines false; } "
     "n "
     "extends EvaluateCondition { condition extends FileExists { filename \"l\"; minSize 4; "
     "maxSize "
     "4; } } }",
     "normal", ""},
    {"ModeOfAFile",
     "extends Compound { t extends TextFile { filename \"f\"; text \"x\"; } s extends Sequence { c "
     "extends Chmod { file \"f\"; octalCode 600; } d extends DoNothing { time 5; message "
     "\"changed\"; } } }",
     "normal", "changed"},
    {"ModeOfNothing", "extends Sequence { c extends Chmod { file \"f\"; octalCode \"600\"; } }",
     "abnormal", "f"},
    {"ModeThatIsNone", "extends Sequence { c extends Chmod { file \"f\"; octalCode \"689\"; } }",
     "abnormal", "is no mode"},
    {"PermissionsThatAreNone",
     "extends Sequence { c extends Chmod { file \"f\"; userPermissions \"rw\"; } }", "abnormal",
     "+ or -"},
    {"NoModeAtAll", "extends Sequence { c extends Chmod { file \"f\"; } }", "abnormal",
     "nothing is said"},
    {"FoldersComeAndGo",
     "extends Compound { d extends Mkdir { dir \"d\"; } w extends DirectoryWatcher { dir \"d\"; "
     "interval 10; dependsOn [LAZY ROOT:sfConfig:d]; } s extends Sequence { m extends During { "
     "time "
     "200; action extends Compound { sub extends Mkdir { dir \"d/sub\"; deleteOnExit true; } q "
     "extends Sequence { z extends Delay { time 100; } a extends AssertWorkflow { reference LAZY "
     "ROOT:sfConfig:w; attribute \"directories\"; attributeVectorMinLength 1; } o extends "
     "DoNothing "
     "{} } } } e extends DoNothing { time 100; } a extends AssertWorkflow { reference LAZY "
     "ROOT:sfConfig:w; attribute \"directories\"; attributeVectorMaxLength 0; } } }",
     "normal", ""},
    {"WatchingAFile",
     "extends Compound { t extends TextFile { filename \"f\"; text \"x\"; } w extends "
     "DirectoryWatcher { dir \"f\"; } }",
     "abnormal", "is a file, not a folder"},
    {"WatchingNothing", "extends Compound { w extends DirectoryWatcher { dir \"d\"; } }",
     "abnormal", "d"},
    {"DroppedDescriptionsRun",
     "extends Compound { d extends Mkdir { dir \"d\"; } w extends DeployingDirectoryWatcher { dir "
     "\"d\"; interval 10; dependsOn [LAZY ROOT:sfConfig:d]; } t extends TextFile { filename "
     "\"d/a.sf\"; text \"sfConfig extends { sfClass \\\"croft.DoNothing\\\"; }\"; dependsOn [LAZY "
     "ROOT:sfConfig:d]; } f extends FailingWaitFor { interval 10; timeout 20000; condition extends "
     "ReferenceResolves { reference LAZY ROOT:sfConfig:w:a; } then extends DoNothing { time 1; "
     "message \"it runs\"; } } }",
     "normal", "it runs"},
    {"BlocksKeepHowTheyEnded",
     "extends Compound { b extends TestBlock { action extends Fail { message \"bad\"; } } w "
     "extends "
     "FailingWaitFor { interval 10; timeout 5000; condition extends ReferenceResolves { reference "
     "LAZY ROOT:sfConfig:b:finished; } then extends AssertWorkflow { equalsString1 LAZY "
     "ROOT:sfConfig:b:message; equalsString2 \"bad\"; } } }",
     "normal", ""},
    {"EventsInAFile",
     "extends Compound { l extends LogToFile {} w extends FailingWaitFor { interval 10; timeout "
     "20000; condition extends FileExists { filename \"app.displayLog\"; minSize 100; } then "
     "extends DoNothing { time 1; message \"logged\"; } } }",
     "normal", "logged"},
    {"EventsOutside", "extends Compound { l extends LogToFile { path \"/var/log\"; } }", "abnormal",
     "outside the work folder"},
    {"EventsAreTraced",
     "extends Compound { t extends Trace {} w extends FailingWaitFor { interval 10; timeout 20000; "
     "condition extends ReferenceResolves { reference LAZY ROOT:sfConfig:t:last; } then extends "
     "DoNothing { time 1; message \"traced\"; } } }",
     "normal", "traced"},
    {"NoConditionIsNotWaitedFor",
     "extends WaitFor { timeout 3600000; condition extends DoNothing {} }", "abnormal",
     "is not a condition"},
    {"APatternIsCheckedFirst",
     "extends Compound { g extends GetRestResource { url \"http://127.0.0.1:9/\"; responseRegexp "
     "\"(\"; } }",
     "abnormal", "responseRegexp"},
    {"BodiesAreConfined",
     "extends Compound { p extends PutRestResource { url \"http://127.0.0.1:9/\"; datasource "
     "extends FileDataSource { filename \"/etc/passwd\"; } } }",
     "abnormal", "outside the work folder"},
    {"RunTwiceUnderOneName",
     "extends Compound { home extends Compound {} s extends Sequence { r extends Run { asName "
     "\"x\"; parent LAZY ROOT:sfConfig:home; action extends DoNothing {} } again extends Run { "
     "asName \"x\"; parent LAZY ROOT:sfConfig:home; action extends DoNothing {} } } }",
     "abnormal", "has a 'x' already"},
    {"PasswordOfAFileComponent",
     "extends Compound { f extends TempFile { text \"secret\\n\"; } p extends FilePassword { "
     "passwordFile LAZY f; } s extends Sequence { c extends PasswordChecker { passwordProvider "
     "LAZY ROOT:sfConfig:p; expected \"secret\"; sfShouldTerminate true; } } }",
     "normal", ""},
    {"LivesThatAreLogged",
     "extends Compound { h extends History {} s extends Sequence { l extends HistoryLog { history "
     "LAZY ROOT:sfConfig:h; deployMessage \"in\"; startMessage \"on\"; terminateMessage \"out\"; } "
     "a extends HistoryLogAssertion { history LAZY ROOT:sfConfig:h; message \"on\"; } b extends "
     "HistoryAssertOrderedMessages { history LAZY ROOT:sfConfig:h; message1 \"in\"; message2 "
     "\"out\"; } } }",
     "normal", ""},
    {"OrderOfMessages",
     "extends Compound { h extends History {} s extends Sequence { l extends HistoryEvent { "
     "history LAZY ROOT:sfConfig:h; message \"b\"; } k extends HistoryEvent { history LAZY "
     "ROOT:sfConfig:h; message \"a\"; } b extends HistoryAssertOrderedMessages { history LAZY "
     "ROOT:sfConfig:h; message1 \"a\"; message2 \"b\"; } } }",
     "abnormal", "after the other message"},
    {"AnEndThatFailsOnceIsTriedAgain",
     "extends Sequence { e extends During { time 5; action extends ExceptionThrower { "
     "failOnTerminate true; } } }",
     "normal", ""},
    {"NoUserInAUrlIsShown",
     "extends Compound { r extends RemoteResource { url \"http://me:hidden@127.0.0.1:9/\"; "
     "startActions [GET_ACTION]; } }",
     "abnormal", "***@127.0.0.1:9"},
    {"AssertedFilesAreConfined",
     "extends Compound { a extends Assert { fileExists \"/etc/passwd\"; } }", "abnormal",
     "outside the work folder"},
};

class MoreTypes : public testing::TestWithParam<Case> {
 protected:
  static std::string text() { return std::string(includes) + "sfConfig " + GetParam().text; }
};

TEST_P(MoreTypes, DoWhatTheySay) {
  ends_so_everywhere(GetParam(), text(), 6);
}

INSTANTIATE_TEST_SUITE_P(Types, MoreTypes, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

TEST(Retract, TakesBackInReverse) {
  auto step = [](const std::string& name) {
    auto say = [&](const std::string& text) {
      return "extends HistoryEvent { history LAZY ROOT:sfConfig:h; message \"" + text + "\"; }";
    };
    return name + " extends CounterAction { action " + say("do " + name) + " counterAction " +
           say("undo " + name) + " } ";
  };
  auto played = play(
      "sfConfig extends Compound { h extends History {} s extends Sequence { r "
      "extends During { time 100; action extends Retract { " +
      step("a") + step("b") + step("c") +
      "} } c extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages [\"do "
      "a\", \"do b\", \"do c\", \"undo c\", \"undo b\", \"undo a\"]; } } }");
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal") << played->seen.why();
}

}  // namespace
}  // namespace croft::components
