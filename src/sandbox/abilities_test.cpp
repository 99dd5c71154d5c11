#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/real/real_world.h"
#include "sandbox/sandbox.h"
#include "sandbox/sys.h"

namespace croft::sandbox {
namespace {

std::string render(const std::vector<Ability>& abilities) {
  std::string out;
  for (const Ability& ability : abilities)
    out += ability.name + (ability.ok ? " ok: " : " missing: ") + ability.detail + "\n";
  return out;
}

/// What `body` writes when it runs as nobody.
template <class F>
std::string as_nobody(F body) {
  int pair[2];
  if (pipe(pair) != 0) return "no pipe";
  pid_t pid = fork();
  if (pid == 0) {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 &&
        (setresgid(nobody, nobody, nobody) != 0 || setresuid(nobody, nobody, nobody) != 0))
      _exit(1);
    std::string text = body();
    _exit(write_all(pair[1], text) ? 0 : 1);
  }
  ::close(pair[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(pair[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  ::close(pair[0]);
  waitpid(pid, nullptr, 0);
  return text;
}

TEST(Abilities, EachSaysWhatItMeans) {
  auto seen = abilities();
  EXPECT_GE(seen.size(), 9u);
  for (const Ability& ability : seen) {
    EXPECT_FALSE(ability.name.empty());
    EXPECT_FALSE(ability.detail.empty()) << ability.name;
  }
  if (geteuid() == 0) EXPECT_THAT(render(seen), ::testing::HasSubstr("root ok: "));
}

TEST(Abilities, WithoutRootSaysWhatStillWorks) {
  std::string text = as_nobody([] { return render(abilities()); });
  EXPECT_THAT(text, ::testing::HasSubstr("root missing: without root no instances run; S3, plans, "
                                         "checks and the simulation work"));
}

TEST(Abilities, OpeningWithoutRootIsRefusedInWords) {
  std::string text = as_nobody([]() -> std::string {
    char name[] = "/tmp/croft-rootless-XXXXXX";
    auto world = aio::RealWorld::open();
    if (!world || mkdtemp(name) == nullptr) return "no world";
    MachinesOptions options;
    options.folder = std::string(name) + "/machines";
    options.farm_id = "00000000";
    options.spawner = {CROFT_SPAWNER};
    auto machines = (*world)->run(open_machines((*world)->world(), options));
    static_cast<void>(remove_all(name));
    return machines ? "opened" : machines.error().render();
  });
  EXPECT_THAT(text, ::testing::HasSubstr("instances need root"));
  EXPECT_THAT(text, ::testing::HasSubstr("croft farm doctor"));
}

}  // namespace
}  // namespace croft::sandbox
