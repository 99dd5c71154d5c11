// The script that installs packages, in a real shell, with stand-ins for dpkg-query and apt-get.
#include "components/host/package.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "aio/real/real_world.h"
#include "aio/scope.h"

namespace croft::components {
namespace {

constexpr const char* dpkg_query = R"(#!/bin/sh
for name; do :; done
line=$(grep "^$name " "$STATE/installed") || exit 1
echo "installed ${line#* }"
)";
// Knows a package only after an update; the first call finds the lock taken.
constexpr const char* apt_get = R"(#!/bin/sh
for word; do case "$word" in update|install) verb=$word;; esac; done
if [ -e "$STATE/locked" ]; then
  rm "$STATE/locked"
  echo "E: Could not get lock /var/lib/dpkg/lock-frontend" >&2
  exit 100
fi
echo "$verb" >> "$STATE/log"
if [ "$verb" = update ]; then touch "$STATE/lists"; exit 0; fi
[ -e "$STATE/lists" ] || { echo "E: Unable to locate package" >&2; exit 100; }
past=
for word; do
  if [ -n "$past" ]; then
    [ "$word" = unknown ] && { echo "E: Unable to locate package unknown" >&2; exit 100; }
    version=${word#*=}; [ "$version" = "$word" ] && version=1
    grep -v "^${word%%=*} " "$STATE/installed" > "$STATE/rest"; mv "$STATE/rest" "$STATE/installed"
    echo "${word%%=*} $version" >> "$STATE/installed"
  fi
  [ "$word" = install ] && past=yes
done
exit 0
)";

class PackageScript : public testing::Test {
 protected:
  PackageScript() {
    std::string pattern = testing::TempDir() + "package-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    write("dpkg-query", dpkg_query);
    write("apt-get", apt_get);
    write("installed", "old 1\n");
  }
  ~PackageScript() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  std::string read(const std::string& name) {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  aio::Task<Result<int>> install(std::vector<std::string> names) {
    aio::ProcessOptions options;
    options.command = {"/bin/sh", "-s", "--"};
    options.command.insert(options.command.end(), names.begin(), names.end());
    options.environment = {"PATH=" + folder_.string() + ":/usr/bin:/bin",
                           "STATE=" + folder_.string()};
    options.output_file = (folder_ / "output").string();
    options.pipe_input = true;
    auto child = CO_TRY(real_->world().processes.start(std::move(options)));
    CO_TRY(co_await child->write(std::string(package_script())));
    child->close_input();
    co_return CO_TRY(co_await child->wait()).code;
  }
  int code_of(std::vector<std::string> names) {
    auto code = real_->run(aio::deadline(real_->world().clock, Duration::seconds(60),
                                         install(std::move(names)), "the script"));
    EXPECT_TRUE(code) << code.error().render();
    return code.value_or(-1);
  }

  std::filesystem::path folder_;
  std::unique_ptr<aio::RealWorld> real_ = aio::RealWorld::open().value();
};

TEST_F(PackageScript, AsksNobodyWhereAllIsThere) {
  EXPECT_EQ(code_of({"old", "old=1"}), 0);
  EXPECT_EQ(read("log"), "");
}

TEST_F(PackageScript, InstallsWhatIsMissingAndWaitsForTheLock) {
  write("locked", "");
  write("lists", "");
  EXPECT_EQ(code_of({"old", "new"}), 0);
  EXPECT_EQ(read("log"), "install\n");
  EXPECT_EQ(read("installed"), "old 1\nnew 1\n");
  EXPECT_EQ(code_of({"old", "new"}), 0);
  EXPECT_EQ(read("log"), "install\n");
}

TEST_F(PackageScript, UpdatesTheListsWhereTheyDoNotKnowIt) {
  EXPECT_EQ(code_of({"new"}), 0);
  EXPECT_EQ(read("log"), "install\nupdate\ninstall\n");
}

TEST_F(PackageScript, AnotherVersionIsInstalledOverTheOldOne) {
  write("lists", "");
  EXPECT_EQ(code_of({"old=2"}), 0);
  EXPECT_EQ(read("installed"), "old 2\n");
}

TEST_F(PackageScript, SaysWhatAptSays) {
  EXPECT_EQ(code_of({"unknown"}), 1);
  EXPECT_NE(read("output").find("Unable to locate package unknown"), std::string::npos);
}

}  // namespace
}  // namespace croft::components
