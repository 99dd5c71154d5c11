// Artifacts of repositories, classes in archives.
#include "components/java/library.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "components/java/jar.h"
#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

TEST(ArtifactPath, AsMavenAndIvyLayThemOut) {
  ArtifactName name{"org.apache.ant", "ant", "1.10", "", "jar"};
  auto path = [&](RepositoryLayout layout) { return artifact_path(layout, name).value_or("none"); };
  EXPECT_EQ(path(RepositoryLayout::maven1), "org.apache.ant/jars/ant-1.10.jar");
  EXPECT_EQ(path(RepositoryLayout::maven2), "org/apache/ant/ant/1.10/ant-1.10.jar");
  EXPECT_EQ(path(RepositoryLayout::ivy_cache), "org.apache.ant/ant/jars/ant-1.10.jar");
  EXPECT_EQ(path(RepositoryLayout::ivy_published), "org.apache.ant/ant/1.10/jars/ant.jar");
  EXPECT_EQ(path(RepositoryLayout::flat), "ant-1.10.jar");
  EXPECT_EQ(path(RepositoryLayout::none), "");
  name.classifier = "sources";
  EXPECT_EQ(path(RepositoryLayout::maven2), "org/apache/ant/ant/1.10/ant-1.10-sources.jar");
  EXPECT_EQ(path(RepositoryLayout::ivy_cache), "org.apache.ant/ant/jars/ant-sources-1.10.jar");
  name.version.clear();
  EXPECT_EQ(path(RepositoryLayout::maven1), "org.apache.ant/jars/ant-sources.jar");
  EXPECT_FALSE(artifact_path(RepositoryLayout::maven2, name));
}

/// An archive with these names and nothing in them.
std::string archive(const std::vector<std::string>& names) {
  auto number = [](size_t value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  };
  std::string directory;
  for (const auto& name : names)
    directory += std::string("PK\x01\x02", 4) + std::string(24, '\0') + number(name.size(), 2) +
                 std::string(16, '\0') + name;
  return directory + std::string("PK\x05\x06", 4) + std::string(4, '\0') + number(names.size(), 2) +
         number(names.size(), 2) + number(directory.size(), 4) + number(0, 4) + number(0, 2);
}

TEST(Jar, ItsDirectoryIsReadOrRefused) {
  EXPECT_EQ(*names_in_jar(archive({})), std::vector<std::string>{});
  EXPECT_EQ(*names_in_jar(archive({"a/B.class", "c"})),
            (std::vector<std::string>{"a/B.class", "c"}));
  std::string whole = archive({"a/B.class", "c"});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(names_in_jar(whole.substr(0, size))) << size;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    auto names = names_in_jar(changed);
    if (names) EXPECT_LE(names->size(), 2u) << at;
  }
}

const char* java =
    "#include \"/org/smartfrog/services/os/java/components.sf\"\n"
    "#include \"/org/smartfrog/services/filesystem/components.sf\"\n";

Result<Played> played(const std::string& text) {
  return play_whole(std::string(java) + library + "sfConfig extends Sequence { " + text + " }");
}

TEST(LibraryArtifact, OneThatIsThereIsCheckedAndCopied) {
  auto text = [](const std::string& sha1) {
    return "all extends Compound { f extends TextFile { filename "
           "\".m2/repository/a/b/c/1/c-1.jar\"; text \"jar\"; createParentDirs true; } "
           "l extends Maven2Library; j extends JarArtifact { library LAZY PARENT:l; project "
           "\"a.b\"; artifact \"c\"; version \"1\"; sha1 \"" +
           sha1 +
           "\"; copyTo \"copy\"; dependsOn [LAZY PARENT:f]; } } "
           "e extends AssertWorkflow { fileExists \"copy\"; }";
  };
  auto good = played(text("f92e777f4341930bad9b2422283c4680d00dbc06"));
  ASSERT_TRUE(good) << good.error().render();
  EXPECT_EQ(good->seen.outcome(), "normal") << good->seen.why();
  auto bad = played(text(std::string(40, '0')));
  ASSERT_TRUE(bad) << bad.error().render();
  EXPECT_NE(bad->seen.why().find("Checksum mismatch"), std::string::npos) << bad->seen.why();
}

TEST(LibraryArtifact, WhatNobodyHasIsSaidWithTheReason) {
  struct Wrong {
    const char* text;
    const char* why;
  };
  for (
      const Wrong& wrong : std::initializer_list<Wrong>{
          {"l extends Maven2Library; j extends JarArtifact { library LAZY PARENT:l; project \"a\"; "
           "version \"1\"; }",
           "No repositories"},
          {"l extends IvyLocallyPublishedLibrary; j extends JarArtifact { library LAZY PARENT:l; "
           "project \"a\"; version \"1\"; }",
           "The network policy prevents"},
          {"j extends JarArtifact { project \"a\"; version \"1\"; }", "No owner repository"},
          {"l extends Maven2Library; j extends JarArtifact { library LAZY PARENT:l; project \"a\"; "
           "}",
           "needs a version"},
          {"j extends JarArtifact { project \"../a\"; version \"1\"; }",
           "part of a file's name"}}) {
    auto done = played(std::string("all extends Compound { ") + wrong.text + " }");
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_NE(done->seen.why().find(wrong.why), std::string::npos)
        << wrong.text << done->seen.why();
  }
}

TEST(LoadClass, LooksInFoldersForWhatItIsTold) {
  auto done = played(
      "all extends Compound { f extends TextFile { filename \"classes/a/B.class\"; text \"x\"; "
      "createParentDirs true; } a extends LoadClass { classes [\"a.B\"]; resources "
      "[\"/a/B.class\"]; classpath [\"classes\"]; sfShouldTerminate true; dependsOn [LAZY "
      "PARENT:f]; } } "
      "b extends If { condition extends LoadClassCondition { classes [\"a.C\"]; classpath "
      "[\"classes\"]; } then extends Fail; else extends DoNothing { time 1; } } "
      "c extends LoadClass { classes [\"a.C\"]; classpath [\"classes\"]; message \"oh\"; }");
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_NE(done->seen.why().find("oh: not found in the class path: a/C.class"), std::string::npos)
      << done->seen.why();
}

}  // namespace
}  // namespace croft::components
