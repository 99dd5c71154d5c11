// Types that old descriptions use, and where components may run: what they do, what they refuse,
// and that the same comes out wherever the controller dies on the way.
#include <gtest/gtest.h>

#include "base/machine.h"
#include "components/java/property_file.h"
#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* includes =
    "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
    "#include \"/org/smartfrog/services/os/java/components.sf\"\n"
    "#include \"/org/smartfrog/services/ssh/components.sf\"\n"
    "#include \"/org/smartfrog/services/www/components.sf\"\n";

const Case cases[] = {
    {"TextsArePutTogether", R"(extends Compound { host "h"; port 80;
      c extends LazyConcat { string extends LAZY { -- "http://"; -- LAZY ATTRIB host; -- ":";
        -- LAZY ATTRIB port; -- (LAZY ATTRIB port + 1); } }
      s extends Sequence { a extends AssertWorkflow {
        equalsString1 LAZY ROOT:sfConfig:c:concat; equalsString2 "http://h:8081"; } } })",
     "normal", ""},
    {"TextsNeedTheirParts",
     R"(extends Compound { c extends LazyConcat { string extends LAZY { -- LAZY ATTRIB nowhere; } } })",
     "abnormal", "nowhere"},
    {"ReferencesAreMade", R"(extends Compound { value 7;
      r extends LazyReference { string extends LAZY { -- "ROOT:sfConfig:"; -- "value"; } }
      s extends Sequence { a extends AssertWorkflow { reference LAZY ROOT:sfConfig;
        attribute "value"; attributeEquals LAZY ROOT:sfConfig:r:reference; } } })",
     "normal", ""},
    {"NoReference",
     R"(extends Compound { r extends LazyReference { string extends LAZY { -- "a b c"; } } })",
     "abnormal", "is no reference"},
    {"PropertyFilesAreRead", R"(extends Compound {
      f extends TextFile { filename "p"; text "# a comment\nport=80\nhost : h\n"; }
      p extends LoadPropertyFile { filename "p"; dependsOn [LAZY ROOT:sfConfig:f]; }
      s extends Sequence { a extends AssertWorkflow { equalsString1 LAZY ROOT:sfConfig:p:host;
        equalsString2 "h"; } b extends AssertWorkflow { reference LAZY ROOT:sfConfig:p;
        attribute "properties"; attributeVectorMinLength 2; attributeVectorMaxLength 2; }
        dependsOn [LAZY ROOT:sfConfig:p]; } })",
     "normal", ""},
    {"PropertyFilesMustBeThere",
     R"(extends Compound { p extends LoadPropertyFile { filename "none"; } })", "abnormal", "none"},
    {"PropertyFilesMayBeAbsent",
     R"(extends Sequence { p extends LoadPropertyFile { filename "none"; required false;
       sfShouldTerminate true; } })",
     "normal", ""},
    {"PropertyFilesAreChecked", R"(extends Compound {
      f extends TextFile { filename "p"; text "a=1\nb=\\u12\n"; }
      p extends LoadPropertyFile { filename "p"; dependsOn [LAZY ROOT:sfConfig:f]; } })",
     "abnormal", "line 2"},
    {"PropertyFilesAreConfined",
     R"(extends Compound { p extends LoadPropertyFile { filename "/etc/passwd"; } })", "abnormal",
     "outside the work folder"},
    {"ResourcesAreNone", R"(extends Compound { p extends LoadPropertyFile { resource "a"; } })",
     "abnormal", "class path"},
    {"FilesAreCollected", R"(extends Compound {
      a extends TextFile { filename "d/a.txt"; text "a"; createParentDirs true; }
      b extends TextFile { filename "d/b.txt"; text "b"; createParentDirs true; }
      all extends FilesCompound { fileCount 2; dependsOn [LAZY ROOT:sfConfig:a, LAZY ROOT:sfConfig:b];
        some extends Files { dir "d"; pattern ".*txt"; } one extends File { filename "d/a.txt"; } }
      w extends FailingWaitFor { interval 10; timeout 20000; condition extends ReferenceResolves {
        reference LAZY ROOT:sfConfig:all:fileSetString; } then extends AssertWorkflow {
        reference LAZY ROOT:sfConfig:all; attribute "files"; attributeVectorMinLength 2;
        attributeVectorMaxLength 2; } } })",
     "normal", ""},
    {"TooFewFiles", R"(extends Compound { all extends FilesCompound { minFileCount 2;
      one extends File { filename "a"; } } })",
     "abnormal", "1 files, minFileCount is 2"},
    {"TooManyFiles", R"(extends Compound { all extends FilesCompound { maxFileCount 0;
      one extends File { filename "a"; } } })",
     "abnormal", "1 files, maxFileCount is 0"},
    {"FilestoresAreFolders", R"(extends Sequence { s extends During { time 50;
        action extends LocalFilestore { filename "store"; } }
      c extends EvaluateCondition { condition extends DirectoryExists { filename "store"; } } })",
     "normal", ""},
    {"FilestoresAreNoFiles", R"(extends Compound { f extends TextFile { filename "x"; text "x"; }
      s extends LocalFilestore { filename "x"; } })",
     "abnormal", "is a file, not a folder"},
    // ---- names and defaults of the reference
    {"ConditionsByTheirOldNames", R"(extends Sequence {
      a extends EvaluateCondition { condition extends StringLength { string "four"; length 4; } }
      b extends EvaluateCondition { condition extends StringEquals { left "a"; right "A";
        caseSensitive false; } }
      c extends WaitFor { interval 10; condition extends RunningFor { seconds 1; milliseconds 5; } }
      d extends AssertWorkflow { equalsString1 "a"; equalsString2 "A"; equalityIgnoresCase true; }
      e extends Echo { message "said"; } })",
     "normal", ""},
    {"FailuresByTheirOldName", R"(extends Sequence {
      a extends FailingWaitFor { timeout 20; condition false; failureText "as it was"; } })",
     "abnormal", "as it was"},
    {"TestsWithOneLimit", R"(extends Sequence { t extends TestCompound { commonTimeout 50;
      action extends Compound {} tests extends DoNothing {} } })",
     "abnormal", "the tests took more than 50"},
    {"TestsWithoutAnAction", R"(extends Sequence { t extends TestCompound {
      tests extends DoNothing { time 5; } } })",
     "normal", ""},
    {"TestsOfNothing", R"(extends Sequence { t extends TestCompound {} })", "abnormal",
     "the test has no action"},
    {"ThrowersByTheirOldName", R"(extends Compound { t extends ExceptionThrower {
      throwOnStartup true; message "thrown"; } })",
     "abnormal", "thrown"},
    {"HiddenFilesAreLeftOut", R"(extends Compound {
      a extends TextFile { filename "d/.a"; text "a"; createParentDirs true; }
      b extends TextFile { filename "d/B"; text "b"; createParentDirs true; }
      f extends Files { dir "d"; fileCount 1; dependsOn [LAZY ROOT:sfConfig:a, LAZY ROOT:sfConfig:b]; }
      g extends Files { dir "d"; pattern "[.]?[ab]"; caseSensitive false; includeHiddenFiles true;
        minFileCount 2; dependsOn [LAZY ROOT:sfConfig:f]; }
      s extends Sequence { d extends DoNothing { time 5; } dependsOn [LAZY ROOT:sfConfig:g]; } })",
     "normal", ""},
    {"ConditionsAskedOnce", R"(extends Sequence {
      f extends During { time 5; action extends TextFile { filename "a"; text "a"; } }
      a extends FileExistsWorkflow { filename "a"; }
      b extends FileExistsWorkflow { filename "none"; } })",
     "abnormal", "does not hold at start"},
    {"ConditionsOfProperties", R"(extends Sequence {
      p extends SetProperty { name "test.id"; value "AKID"; sfShouldTerminate true; }
      q extends SetProperty { name "test.no"; value "False"; sfShouldTerminate true; }
      a extends EvaluateCondition { condition extends IsPropertyTrue { property "test.id"; } }
      b extends EvaluateCondition { condition extends Not { condition extends IsPropertyTrue {
        property "test.no"; } } }
      c extends EvaluateCondition { condition extends IsPropertyTrue { property "test.none"; } } })",
     "abnormal", "does not hold"},
    // ---- programs: what is refused before any runs
    {"JavaNeedsPermission", R"(extends Compound { j extends Java { classname "A"; } })", "abnormal",
     "wants to run a program"},
    {"SshNeedsPermission", R"(extends Compound { s extends SSHExec { host "h"; } })", "abnormal",
     "wants to run a program"},
    // ---- pages
    {"PagesAreServed", R"(extends Compound {
      f extends TextFile { filename "site/index.html"; text "<p>hello</p>"; createParentDirs true; }
      w extends WebServer { port 8099; resourceBase "site"; dependsOn [LAZY ROOT:sfConfig:f]; }
      s extends Sequence { dependsOn [LAZY ROOT:sfConfig:w];
        p extends WaitForPage { port 8099; page "index.html"; responseRegexp "hello"; }
        q extends WaitForPage { port 8099; page ""; mimeType ["text/html"]; }
        n extends WaitForPage { port 8099; page "..%2f..%2fstate.db"; minimumResponseCode 404;
          maximumResponseCode 404; }
        d extends DownloadComponent { url "http://127.0.0.1:8099/index.html"; toLocalFile "got";
          sfShouldTerminate true; }
        e extends EvaluateCondition { condition extends FileExists { filename "got"; minSize 12;
          maxSize 12; } } } })",
     "normal", ""},
    {"PagesAreConfined", R"(extends Compound { w extends WebServer { resourceBase "/etc"; } })",
     "abnormal", "outside the work folder"},
    {"PortsAreTakenOnce", R"(extends Compound { a extends WebServer { port 8099; }
      b extends WebServer { port 8099; dependsOn [LAZY ROOT:sfConfig:a]; } })",
     "abnormal", "8099"},
    {"DownloadsFail", R"(extends Compound { w extends WebServer { port 8099; }
      d extends DownloadComponent { url "http://127.0.0.1:8099/none"; toLocalFile "got";
        dependsOn [LAZY ROOT:sfConfig:w]; } })",
     "abnormal", "answered 404"},
    {"DownloadsAreConfined", R"(extends Compound { d extends DownloadComponent {
      url "http://127.0.0.1:1/x"; toLocalFile "/etc/x"; } })",
     "abnormal", "outside the work folder"},
    {"DownloadsOfFiles", R"(extends Compound { d extends DownloadComponent {
      url "file:///etc/passwd"; toLocalFile "x"; } })",
     "abnormal", "the scheme must be http"},
    {"DownloadsFromSockets", R"(extends Compound { d extends DownloadComponent {
      url "unix://%2Fa/b"; toLocalFile "x"; } })",
     "abnormal", "neither http nor https"},
    {"FireBreaksEndWell", R"(extends Sequence { f extends FireBreak { bad extends Fail {} }
      next extends DoNothing { time 5; message "next"; } })",
     "normal", "next"},
    {"NamesAreRegistered", R"(extends Compound {
      f extends TextFile { filename "nic/update"; text "good 127.0.0.1"; createParentDirs true; }
      w extends WebServer { port 8099; dependsOn [LAZY ROOT:sfConfig:f]; }
      s extends Sequence { dependsOn [LAZY ROOT:sfConfig:w];
        t extends During { time 50; action extends DynDnsRegistration { host "127.0.0.1"; port 8099;
          hostname "me.example"; username "u"; password "p"; } } } })",
     "normal", ""},
    {"NamesAreRefused", R"(extends Compound {
      f extends TextFile { filename "nic/update"; text "badauth"; createParentDirs true; }
      w extends WebServer { port 8099; dependsOn [LAZY ROOT:sfConfig:f]; }
      d extends DynDnsRegistration { host "127.0.0.1"; port 8099; hostname "me.example";
        username "u"; password "p"; dependsOn [LAZY ROOT:sfConfig:w]; } })",
     "abnormal", "matches"},
    // ---- where components run
    {"DeployersOfTheReference", R"(extends Sequence {
      a extends DoNothing { time 5; sfDeployerClass "org.smartfrog.sfcore.prim.PrimDeployerImpl"; }
      b extends DoNothing { time 5; sfDeployerClass "org.smartfrog.services.dns.DNSDeployerImpl"; }
      c extends DoNothing { time 5; sfDeployerClass ""; sfProcessName "p1"; } })",
     "normal", ""},
    {"DeployersOfNobody", R"(extends Compound { a extends Prim {
      sfDeployerClass "org.smartfrog.sfcore.prim.PrimProcessDeployerImpl"; } })",
     "abnormal", "PrimProcessDeployerImpl"},
    {"ThisMachine", R"(extends Sequence {
      a extends DoNothing { time 5; sfProcessHost "localhost"; }
      b extends DoNothing { time 5; sfProcessHost "127.0.0.1"; sfProcessName 7; } })",
     "normal", ""},
    {"OtherMachines",
     R"(extends Compound { a extends Prim { sfProcessHost "elsewhere.example"; } })", "abnormal",
     "cannot run on the host 'elsewhere.example'"},
    {"ActionsOfOtherMachines",
     R"(extends Sequence { a extends DoNothing { sfProcessHost "elsewhere.example"; } })",
     "abnormal", "cannot run on the host 'elsewhere.example'"},
    {"OtherComponents", R"(extends Compound { h extends Prim {}
      a extends Prim { sfProcessHost LAZY PARENT:h; } })",
     "abnormal", "which is no machine"},
};

class OldTypes : public testing::TestWithParam<Case> {
 protected:
  static std::string text() { return std::string(includes) + "sfConfig " + GetParam().text; }
};

TEST_P(OldTypes, DoWhatTheySay) {
  ends_so_everywhere(GetParam(), text(), 4);
}

INSTANTIATE_TEST_SUITE_P(Types, OldTypes, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

TEST(Placement, TheNearestDeployerIsNamed) {
  auto played = play(
      "sfConfig extends Compound { a extends Prim { sfDeployerClass "
      "\"org.smartfrog.sfcore.prim.PrimProcesDeployerImpl\"; } }");
  ASSERT_TRUE(played) << played.error().render();
  ASSERT_TRUE(played->seen.application && played->seen.application->error);
  std::string text = played->seen.application->error->render();
  EXPECT_NE(text.find("there is no deployer class"), std::string::npos) << text;
  EXPECT_NE(text.find("'org.smartfrog.sfcore.processcompound.PrimProcessDeployerImpl'"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("test.sf:"), std::string::npos) << text;
}

TEST(Placement, ThisMachineByItsName) {
  auto played = play("sfConfig extends Sequence { a extends DoNothing { time 5; sfProcessHost \"" +
                     host_name() + "\"; } }");
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal") << played->seen.why();
}

TEST(KillInstances, AllOfAnAccountAreNeverEndedOnAnotherFarm) {
  auto wanted = wanted_of(
      "#include \"/org/smartfrog/services/amazon/ec2/components.sf\"\n"
      "sfConfig extends KillInstances { id \"A\"; key \"b\"; }");
  ASSERT_TRUE(wanted) << wanted.error().render();
  wanted->farm.kind = cloud::FarmKind::aws;
  aio::SimWorld sim(1);
  Seen seen;
  auto done = sim.run(live(sim.world(), *std::move(wanted), until_down, seen));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen.outcome(), "abnormal");
  EXPECT_NE(seen.why().find("which instances are meant"), std::string::npos) << seen.why();
}

TEST(PropertyFile, IsReadAsJavaDoes) {
  auto read = parse_properties(
      "# comment\n! another \\\n\n a = 1\nb:2\r\nc 3\nd\n  e\\ f = g \\\n   h\n"
      "i=\\u00e4\\t\\z\\\\\na=2\nj\\:k=l==m\n");
  ASSERT_TRUE(read) << read.error().render();
  EXPECT_EQ(*read, (Properties{{"a", "2"},
                               {"b", "2"},
                               {"c", "3"},
                               {"d", ""},
                               {"e f", "g h"},
                               {"i", "\xC3\xA4\tz\\"},
                               {"j:k", "l==m"}}));
  EXPECT_EQ(*parse_properties(""), Properties{});
  EXPECT_EQ(*parse_properties("a=\\uD83D\\"), (Properties{{"a", "\xEF\xBF\xBD"}}));
  auto wrong = parse_properties("a=1\n\nb=\\u12x4\n");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::syntax);
  EXPECT_NE(wrong.error().what.find("line 3"), std::string::npos) << wrong.error().what;
}

}  // namespace
}  // namespace croft::components
