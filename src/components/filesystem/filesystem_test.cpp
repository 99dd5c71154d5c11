// Files of components: what they do, what they refuse, and that nothing leaves the work folder.
#include <gtest/gtest.h>

#include "components/filesystem/work_folder.h"
#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* includes = "#include \"/org/smartfrog/services/filesystem/components.sf\"\n";

const Case cases[] = {
    {"WrittenAndFound",
     "extends Compound { w extends TextFile { filename \"a.txt\"; text \"hello\"; } c extends "
     "EvaluateCondition { condition extends FileExists { filename \"a.txt\"; minSize 5; maxSize 5; "
     "} "
     "} }",
     "normal", ""},
    {"NotThere",
     "extends EvaluateCondition { message \"no file\"; condition extends FileExists { filename "
     "\"a.txt\"; } }",
     "abnormal", "no file"},
    {"TooSmall",
     "extends Compound { w extends TextFile { filename \"a.txt\"; text \"x\"; } c extends "
     "EvaluateCondition { message \"small\"; condition extends FileExists { filename \"a.txt\"; "
     "minSize 2; } } }",
     "abnormal", "small"},
    {"CopiedAndDeleted",
     "extends Compound { w extends TextListFile { filename \"a\"; list [\"1\", \"2\"]; } s extends "
     "Sequence { c extends CopyFile { source \"a\"; destination \"b\"; } d extends DeleteFile { "
     "filename \"a\"; } n extends EvaluateCondition { condition extends And { gone extends Not { "
     "condition extends FileExists { filename \"a\"; } } there extends FileExists { filename "
     "\"b\"; "
     "minSize 4; } } } } }",
     "normal", ""},
    {"CopyOfNothing",
     "extends Compound { m extends Mkdir { dir \"d\"; } s extends Sequence { c extends CopyFile { "
     "source \"d/a\"; destination \"d/b\"; } } }",
     "abnormal", "could not be brought up"},
    {"LinesAreAddedOnce",
     "extends Sequence { a extends AppendLines { sfShouldTerminate true; filename \"l\"; lines "
     "[\"x\", \"y\"]; } b extends "
     "AppendLines { sfShouldTerminate true; filename \"l\"; lines [\"y\", \"z\"]; } n extends "
     "EvaluateCondition { "
     "condition "
     "extends FileExists { filename \"l\"; minSize 6; maxSize 6; } } }",
     "normal", ""},
    {"FoldersByPattern",
     "extends Compound { m extends Mkdir { dir \"d\"; } t extends TextFile { filename \"d/a.txt\"; "
     "text \"\"; } s extends Sequence { f extends During { time 10; action extends Files { dir "
     "\"d\"; "
     "pattern \".*\\\\.txt\"; fileCount 1; } } k extends DeleteFiles { dir \"d\"; } g extends "
     "During { time 10; action extends Files { dir \"d\"; fileCount 0; } } } }",
     "normal", "its time is over"},
    {"FileMustBeThere",
     "extends Compound { f extends File { filename \"nothing\"; mustExist true; testOnStartup "
     "true; } "
     "}",
     "abnormal", "is not there"},
    {"FileGoneAtACheck",
     "extends Compound { sfLivenessDelay 1; f extends File { filename \"nothing\"; mustExist true; "
     "} "
     "}",
     "abnormal", "is not there"},
    {"OutsideIsRefused",
     "extends Sequence { a extends CopyFile { source \"/etc/passwd\"; destination \"x\"; } }",
     "abnormal", "outside the work folder"},
    {"UpwardsIsRefused", "extends Sequence { a extends DeleteFile { filename \"../other/x\"; } }",
     "abnormal", "outside the work folder"},
    {"TempFilesSayTheirName",
     "extends Compound { t extends TempFile { prefix \"temp\"; suffix \".c\"; } s extends Sequence "
     "{ a extends AssertWorkflow { fileExists LAZY ROOT:sfConfig:t:filename; } } }",
     "normal", ""},
    {"TempFilesNeedAPrefix", "extends Compound { t extends TempFile { prefix \"\"; } }", "abnormal",
     "the prefix is empty"},
    {"FilesNamedByComponents",
     "extends Compound { t extends TempFile { text \"x\"; } s extends Sequence { a extends "
     "AppendLines { sfShouldTerminate true; filename LAZY ROOT:sfConfig:t; lines [\"a\"]; } n "
     "extends EvaluateCondition { "
     "condition extends FileExists { filename LAZY ROOT:sfConfig:t; minSize 3; } } } }",
     "normal", ""},
    {"FilesInAFolderOfAComponent",
     "extends Compound { d extends Mkdir { dir \"d\"; } w extends TextFile { dir LAZY d; filename "
     "\"a\"; text \"x\"; } s extends Sequence { n extends EvaluateCondition { condition extends "
     "FileExists { filename \"d/a\"; minSize 1; } } } }",
     "normal", ""},
    {"FilesOfWhatIsNotDeployed",
     "extends Compound { f extends File { filename extends TempFile {} } }", "abnormal",
     "not deployed"},
    {"TextInSixteenBits",
     "extends Compound { w extends TextFile { filename \"a\"; text \"UTF16\"; encoding \"UTF-16\"; "
     "} s extends Sequence { n extends EvaluateCondition { condition extends FileExists { filename "
     "\"a\"; minSize 12; maxSize 12; } } } }",
     "normal", ""},
    {"TextInOneByteEach",
     "extends Compound { w extends TextFile { filename \"a\"; text \"hä €\"; encoding "
     "\"ISO-8859-1\"; } s extends Sequence { n extends EvaluateCondition { condition extends "
     "FileExists { filename \"a\"; minSize 4; maxSize 4; } } } }",
     "normal", ""},
    {"TheHomeIsTheWorkFolder",
     "extends Compound { f extends File { parent LAZY PROPERTY user.home; filename \".\"; "
     "mustBeDir true; testOnStartup true; } s extends Sequence { d extends DoNothing { time 1; } } "
     "}",
     "normal", ""},
    {"ACopyThatGoesAgain",
     "extends Sequence { w extends During { time 10; action extends Compound { a extends TextFile "
     "{ "
     "filename \"a\"; text \"x\"; } c extends DeployByCopy { source \"a\"; destination \"b\"; } t "
     "extends SelfDeletingFile { filename \"a\"; } k extends EvaluateCondition { "
     "sfShouldTerminate false; condition extends FileExists { filename \"b\"; minSize 1; } } } } n "
     "extends EvaluateCondition { condition extends Not { condition extends Or { a extends "
     "FileExists { filename \"a\"; } b extends FileExists { filename \"b\"; } } } } }",
     "normal", ""},
    {"FilesThatEndWhereTheyAreTold",
     "extends Sequence { m extends Mkdir { dir \"d\"; sfShouldTerminate true; } t extends "
     "TouchFile "
     "{ filename \"d/t\"; sfShouldTerminate true; } f extends File { filename \"d/t\"; mustExist "
     "true; testOnStartup true; sfShouldTerminate true; } }",
     "normal", ""},
    {"FilesOfPartsAreDeleted",
     "extends Sequence { m extends Mkdir { dir \"d\"; sfShouldTerminate true; } w extends TextFile "
     "{ "
     "filename \"d/a\"; text \"\"; sfShouldTerminate true; } k extends DeleteFiles { f extends "
     "Files { dir \"d\"; } fileCount 1; } n extends EvaluateCondition { condition extends Not { "
     "condition extends FileExists { filename \"d/a\"; } } } }",
     "normal", ""},
    {"WhichFilesAreDeletedIsSaid", "extends Sequence { k extends DeleteFiles {} }", "abnormal",
     "nothing says which files are deleted"},
    {"ElementsOfTheListOfFiles",
     "extends Compound { d extends Mkdir { dir \"d\"; } w extends TextFile { filename \"d/1.txt\"; "
     "text \"\"; } f extends Files { dir \"d\"; } s extends Sequence { dependsOn [LAZY PARENT:f]; "
     "a extends "
     "AssertWorkflow { reference LAZY ROOT:sfConfig:f; attribute \"fileList\"; "
     "attributeVectorIndex 0; "
     "attributeVectorValue \"/files/app/d/1.txt\"; } } }",
     "normal", ""},
    {"AnotherElement",
     "extends Sequence { a extends AssertWorkflow { reference LAZY ROOT:sfConfig; attribute "
     "\"names\"; attributeVectorIndex 1; attributeVectorValue \"b\"; } names [\"a\", \"c\"]; }",
     "abnormal", "names has \"c\" at 1, \"b\" is wanted"},
    {"NoSuchElement",
     "extends Sequence { a extends AssertWorkflow { reference LAZY ROOT:sfConfig; attribute "
     "\"names\"; attributeVectorIndex 2; } names [\"a\", \"c\"]; }",
     "abnormal", "names has 2 elements, none at 2"},
    {"APartCalledFiles",
     "extends Compound { d extends Mkdir { dir \"d\"; } w extends TextFile { filename \"d/1.txt\"; "
     "text \"\"; } s extends Sequence { a extends During { time 10; action extends FilesCompound { "
     "files extends Files { dir \"d\"; } again extends Files { dir \"d\"; } fileCount 1; } } } }",
     "normal", "its time is over"},
    {"TempFilesAreNew",
     "extends Compound { one extends TempFile { text \"t\"; } b extends Sequence { a extends "
     "AssertWorkflow { reference LAZY ROOT:sfConfig:one; attribute \"absolutePath\"; } } }",
     "normal", ""},
};

class Filesystem : public testing::TestWithParam<Case> {};

TEST_P(Filesystem, DoesWhatItSays) {
  const Case& c = GetParam();
  auto played = play(std::string(includes) + "sfConfig " + c.text);
  ASSERT_TRUE(played) << played.error().render();
  expect_end(c, played->seen);
}

INSTANTIATE_TEST_SUITE_P(Types, Filesystem, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

const Case edits[] = {
    {"LinesAddedSideBySide", R"(extends Compound {
       a extends AppendLines { filename "l"; lines ["a", "b"]; addOnlyMissingLines false; }
       b extends AppendLines { filename "l"; lines ["c", "d"]; addOnlyMissingLines false; }
       c extends AppendLines { filename "./l"; lines ["e", "f"]; addOnlyMissingLines false; }
       d extends AppendSSHKey { filename "l"; key "ssh-ed25519 AAAA me"; }
       s extends Sequence { dependsOn [LAZY PARENT:a, LAZY PARENT:b, LAZY PARENT:c, LAZY PARENT:d];
         n extends EvaluateCondition { condition extends FileExists { filename "l"; minSize 32; maxSize 32; } } } })",
     "normal", ""},
    {"ReplacedSideBySide", R"(extends Sequence {
       w extends TextFile { filename "l"; text "@a@ @b@ @c@"; sfShouldTerminate true; }
       p extends Parallel {
         a extends ReplaceFileVar { filename "l"; varReplace1 ["@a@", "1"]; }
         b extends ReplaceFileVar { filename "l"; varReplace1 ["@b@", "2"]; }
         c extends ReplaceFileVar { filename "l"; varReplace1 ["@c@", "3"]; } }
       n extends EvaluateCondition { condition extends FileExists { filename "l"; minSize 5; maxSize 5; } } })",
     "normal", ""},
};

class Edits : public testing::TestWithParam<Case> {};

TEST_P(Edits, OfOneFileComeOneAfterAnotherWhereverTheControllerDies) {
  ends_so_everywhere(GetParam(), std::string(includes) + "sfConfig " + GetParam().text, 8);
}
INSTANTIATE_TEST_SUITE_P(Types, Edits, testing::ValuesIn(edits),
                         [](const auto& each) { return each.param.name; });

TEST(WorkFolder, PathsAreMadePlain) {
  EXPECT_EQ(normal_path("/a/./b//c/../d"), "/a/b/d");
  EXPECT_EQ(normal_path("/../../x"), "/x");
  EXPECT_EQ(normal_path("/"), "/");
  EXPECT_EQ(normal_path("/files/app/../apples"), "/files/apples");
}

TEST(Shell, ProgramsNeedTheOperatorsWord) {
  auto played = play(
      "#include \"/org/smartfrog/services/os/runshell/components.sf\"\n"
      "sfConfig extends Sequence { a extends ExecuteProgram { shellCmd \"/bin/true\"; } }");
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "abnormal");
  EXPECT_NE(played->seen.why().find("wants to run a program"), std::string::npos)
      << played->seen.why();
}

}  // namespace
}  // namespace croft::components
