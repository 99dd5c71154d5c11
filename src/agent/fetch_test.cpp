// Fetching from a server on loopback, and unpacking with the machine's own programs.
#include <sys/stat.h>

#include "agent/plain_files.h"
#include "agent/testing.h"
#include "agent/unpack.h"
#include "base/digest.h"
#include "net/testing.h"

namespace croft::agent {
namespace {

using testing::until;
using Agent = testing::Stage::Agent;
using Fetching = testing::Stage;
using model::FetchWork;
using Phase = model::WorkState::Phase;

aio::Task<Result<>> serve_files(std::string root, int* asked, net::Exchange& exchange) {
  ++*asked;
  std::string path(exchange.request().path());
  if (path == "/moved") co_return co_await exchange.respond(302, {{"Location", "/file"}}, "");
  auto text = read_plain(root + path);
  if (!text) co_return co_await exchange.respond(404, {}, "");
  co_return co_await exchange.respond(200, {}, *std::move(text));
}

struct Site {
  std::string root, url;
  int asked = 0;
};
using Visit = aio::Task<Result<>> (*)(Agent&, testing::Stage&, Site&);

aio::Task<Result<>> with_site(Agent& agent, testing::Stage& self, Visit visit) {
  Site site;
  site.root = self.home + "/site";
  std::filesystem::create_directory(site.root);
  net::HttpServer server(agent.world, [&site](net::Exchange& exchange) {
    return serve_files(site.root, &site.asked, exchange);
  });
  auto listener = CO_TRY(agent.world.net.listen({"127.0.0.1", 0, ""}));
  site.url = "http://" + listener->local().text();
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(std::move(listener)));
  auto result = co_await visit(agent, self, site);
  scope.cancel();
  CO_TRY(co_await scope.join());
  co_return result;
}

aio::Task<Result<model::WorkState>> settled(Agent& agent, FetchWork work,
                                            std::string digest = "1") {
  CO_TRY(co_await agent.supervisor.apply({"get", digest, work}));
  co_return co_await until(agent.world, agent.supervisor, "get", [digest](const auto& state) {
    return state.digest == digest && (state.phase == Phase::ready || state.phase == Phase::failing);
  });
}

TEST_F(Fetching, ChecksBeforeItPuts) {
  agent([](Agent& agent, testing::Stage& stage) -> aio::Task<Result<>> {
    co_return co_await with_site(
        agent, stage, [](Agent& here, testing::Stage& self, Site& site) -> aio::Task<Result<>> {
          CO_TRY(write_plain(site.root + "/file", "content"));
          FetchWork work;
          work.url = site.url + "/file";
          work.sha256 = sha256_hex("something else");
          work.path = self.home + "/opt/file";
          auto state = CO_TRY(co_await settled(here, work));
          EXPECT_EQ(state.phase, Phase::failing);
          EXPECT_TRUE(state.why.find("has the digest") != std::string::npos) << state.why;
          EXPECT_FALSE(std::filesystem::exists(work.path));
          work.sha256 = sha256_hex("content");
          work.url = site.url + "/moved";
          work.mode = 0755;
          state = CO_TRY(co_await settled(here, work, "2"));
          EXPECT_EQ(state.phase, Phase::ready) << state.why;
          EXPECT_EQ(read_plain(work.path).value_or(""), "content");
          struct stat info{};
          stat(work.path.c_str(), &info);
          EXPECT_EQ(info.st_mode & 07777, 0755u);
          work.most = Bytes(3);
          work.sha256.clear();
          state = CO_TRY(co_await settled(here, work, "3"));
          EXPECT_EQ(state.phase, Phase::failing);
          EXPECT_EQ(read_plain(work.path).value_or(""), "content");
          work.url = site.url + "/none";
          state = CO_TRY(co_await settled(here, work, "4"));
          EXPECT_TRUE(state.why.ends_with("/none answers 404")) << state.why;
          // Nothing but the file lies there.
          EXPECT_EQ(std::distance(std::filesystem::directory_iterator(self.home + "/opt"), {}), 1);
          co_return co_await here.supervisor.remove("get");
        });
  });
}

Result<> shell(const std::string& script) {
  if (std::system(script.c_str()) == 0) return {};
  return fail(Code::internal, "the test's own script failed: " + script);
}

TEST_F(Fetching, UnpacksTarAndZip) {
  agent([](Agent& agent, testing::Stage& stage) -> aio::Task<Result<>> {
    co_return co_await with_site(
        agent, stage, [](Agent& here, testing::Stage& self, Site& site) -> aio::Task<Result<>> {
          CO_TRY(shell("cd " + site.root +
                       " && mkdir -p app-1/bin && echo x > app-1/bin/run && "
                       "ln -s bin/run app-1/link && tar czf app.tgz app-1"));
          FetchWork work;
          work.url = site.url + "/app.tgz";
          work.path = self.home + "/app";
          work.unpack = true;
          work.strip = 1;
          auto state = CO_TRY(co_await settled(here, work));
          EXPECT_EQ(state.phase, Phase::ready) << state.why;
          EXPECT_EQ(read_plain(self.home + "/app/link").value_or(""), "x\n");
          int before = site.asked;
          CO_TRY(co_await settled(here, work));
          EXPECT_EQ(site.asked, before);
          if (std::system("command -v zip unzip >/dev/null") == 0) {
            CO_TRY(shell("cd " + site.root +
                         " && echo y > app-1/bin/run && zip -qr app.zip app-1/bin"));
            work.url = site.url + "/app.zip";
            state = CO_TRY(co_await settled(here, work, "2"));
            EXPECT_EQ(state.phase, Phase::ready) << state.why;
            EXPECT_EQ(read_plain(self.home + "/app/bin/run").value_or(""), "y\n");
            EXPECT_FALSE(std::filesystem::exists(self.home + "/app/link"));
          }
          CO_TRY(co_await here.supervisor.remove("get"));
          EXPECT_FALSE(std::filesystem::exists(self.home + "/app"));
          co_return Result<>{};
        });
  });
}

TEST_F(Fetching, RefusesArchivesThatLeave) {
  agent([](Agent& agent, testing::Stage& stage) -> aio::Task<Result<>> {
    co_return co_await with_site(
        agent, stage, [](Agent& here, testing::Stage& self, Site& site) -> aio::Task<Result<>> {
          CO_TRY(
              shell("cd " + site.root +
                    " && mkdir d e f && ln -s ../../etc d/out && tar cf link.tar d && "
                    "echo x > e/x && tar cPf absolute.tar $PWD/e && tar cPf up.tar e/../e/x && "
                    "echo x > f/su && chmod 4755 f/su && tar cf su.tar f && echo no > broken.tar"));
          FetchWork work;
          work.path = self.home + "/app";
          work.unpack = true;
          struct {
            const char *file, *why;
          } cases[] = {{"link", "a link of the archive leads out of it"},
                       {"absolute", "which is absolute"},
                       {"up", "which leads out of its folder"},
                       {"su", "a program that runs as its owner"},
                       {"broken", "cannot read the archive"}};
          for (const auto& each : cases) {
            work.url = site.url + "/" + each.file + ".tar";
            auto state = CO_TRY(co_await settled(here, work, each.file));
            EXPECT_EQ(state.phase, Phase::failing) << each.file;
            EXPECT_NE(state.why.find(each.why), std::string::npos) << state.why;
            EXPECT_FALSE(std::filesystem::exists(work.path)) << each.file;
          }
          co_return co_await here.supervisor.remove("get");
        });
  });
}

TEST(Unpacking, KnowsWhereLinksLead) {
  EXPECT_FALSE(leads_out("a", "b"));
  EXPECT_FALSE(leads_out("a/b", "../c"));
  EXPECT_FALSE(leads_out("a/b/c", "../../x/y"));
  EXPECT_TRUE(leads_out("a", "../b"));
  EXPECT_TRUE(leads_out("a/b", "../../c"));
  EXPECT_TRUE(leads_out("a/b", "/etc/passwd"));
  EXPECT_TRUE(leads_out("a/b/c", "x/../../y"));  // x may be a link itself
  EXPECT_EQ(unsafe_name("a/b"), "");
  EXPECT_EQ(unsafe_name("a/..b"), "");
  EXPECT_NE(unsafe_name("a/../b"), "");
  EXPECT_NE(unsafe_name("/a"), "");
}

}  // namespace
}  // namespace croft::agent
