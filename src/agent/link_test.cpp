// The link against a controller on loopback, over TLS.
#include "agent/link.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "agent/fake_controller.h"
#include "agent/plain_files.h"
#include "aio/real/real_world.h"
#include "net/http_server.h"

namespace croft::agent {
namespace {

using Phase = model::WorkState::Phase;
using testing::FakeController;
constexpr Duration patience = Duration::seconds(60);

struct Scene {
  aio::World& world;
  FakeController& controller;
  Folder& folder;
  Supervisor& supervisor;
  Link& link;
};
using Body = aio::Task<Result<>> (*)(Scene&);

LinkLimits quick() {
  LinkLimits out;
  out.pause = out.pause_most = Duration::milliseconds(5);
  return out;
}

/// A controller, and an agent that runs until the body has ended.
class Linked : public ::testing::Test {
 public:
  void SetUp() override {
    char name[] = "/tmp/croft-link-XXXXXX";
    ASSERT_TRUE(mkdtemp(name));
    home = name;
  }
  void TearDown() override {
    std::filesystem::remove_all(run_folder);
    std::filesystem::remove_all(home);
  }
  void play(Body body) {
    auto real = aio::RealWorld::open().value();
    auto result = real->run(aio::deadline(real->world().clock, patience,
                                          scene(real->world(), *this, body), "the test"));
    EXPECT_TRUE(result) << result.error().render();
  }
  static aio::Task<Result<>> agent_side(Link& link, std::string token) {
    if (!token.empty()) CO_TRY(co_await link.join(Secret(token), [] {}));
    co_return co_await link.run();
  }
  static aio::Task<Result<>> scene(aio::World& world, Linked& self, Body body) {
    auto controller = CO_TRY(co_await FakeController::open(world, self.home + "/ca"));
    controller->lasts = self.lasts;
    controller->lost_joins = self.lost_joins;
    // Where agents find controllers whose addresses they do not know.
    auto genuine = CO_TRY(controller->rendezvous(3));
    std::vector<std::string> objects{wire::json::compact(protocol::to_json(genuine))};
    if (self.forgeries) {
      auto moved_on = genuine;
      moved_on.controllers = {"127.0.0.1:2"};
      auto stranger = CO_TRY(co_await trust::Authority::open(world, self.home + "/stranger"));
      auto foreign = moved_on;
      foreign.authority = stranger.certificate_pem();
      foreign.signature = CO_TRY(stranger.sign_statement(protocol::statement_of(foreign)));
      auto later = genuine;
      later.epoch = 9;
      for (const auto& each : {moved_on, foreign, later})
        objects.push_back(wire::json::compact(protocol::to_json(each)));
      objects.emplace_back(R"({"controllers":["127.0.0.1:2"],"epoch":9})");
    }
    net::HttpServer rendezvous(world, [&objects](net::Exchange& exchange) {
      std::string object = objects.back();  // the genuine one last
      if (objects.size() > 1) objects.pop_back();
      return exchange.respond(200, {}, object);
    });
    auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
    std::string url = "http://" + listener->local().text() + "/controllers.json";
    aio::Scope serving(co_await aio::here());
    serving.spawn(rendezvous.serve(std::move(listener)));
    auto result = co_await played(world, self, *controller, url, body);
    serving.cancel();
    CO_TRY(co_await serving.join());
    co_return result;
  }
  static aio::Task<Result<>> played(aio::World& world, Linked& self, FakeController& controller,
                                    std::string url, Body body) {
    Folder folder(world, self.home + "/agent");
    CO_TRY(co_await folder.open());
    self.run_folder = folder.secrets_folder("x").value_or("/nowhere/x");
    self.run_folder = self.run_folder.substr(0, self.run_folder.rfind('/'));
    Cgroups none;
    Launcher launcher(world, folder.path(), none);
    Supervisor supervisor(world, folder, launcher);
    Identity identity;
    identity.controllers = {self.moved ? "127.0.0.1:1" : controller.address()};
    identity.rendezvous = url;
    identity.pin = controller.pin();
    identity.instance = "i-1";
    Link link(world, folder, supervisor, launcher, identity, quick());
    supervisor.on_change = [&link](const model::WorkState& state) { link.changed(state); };
    CO_TRY(co_await supervisor.start());
    Scene scene{world, controller, folder, supervisor, link};
    auto outcome = co_await aio::race(body(scene), agent_side(link, self.token));
    CO_TRY(co_await supervisor.finish());
    if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
    self.agent_error = std::get<1>(outcome) ? "" : std::get<1>(outcome).error().line();
    co_return Result<>{};
  }
  std::string home, run_folder, token = "token", agent_error;
  Duration lasts = Duration::hours(24);
  size_t lost_joins = 0;
  bool moved = false;
  bool forgeries = false;  ///< come from the rendezvous before the genuine object
};

wire::json::Object apply_of(const model::HostWork& work) {
  wire::json::Object out;
  out["work"] = protocol::to_json(work);
  return out;
}

model::HostWork sleeper(std::string script = "exec sleep 1000") {
  model::ProcessWork work;
  work.command = {"/bin/sh", "-c", std::move(script)};
  return {"app:web", "1", work};
}

wire::json::Object named(std::string name) {
  wire::json::Object out;
  out["name"] = std::move(name);
  return out;
}

TEST_F(Linked, TellsWhatItsItemsUseAndWhatTheyTellOfThemselves) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    controller.welcome.report = Duration::milliseconds(100);
    CO_TRY(co_await controller.meet());
    std::string page = scene.folder.path() + "/figures";
    model::HostWork work = sleeper(
        fmt::format("echo 'queue{{a=\"b\"}} 3\nqueue 4\nother 1' > {}; exec sleep 1000", page));
    auto& process = std::get<model::ProcessWork>(work.what);
    process.metrics.emplace().kind = model::Probe::Kind::file;
    process.metrics->path = page;
    process.metric_names = {"queue"};
    CO_TRY(co_await controller.call("apply", apply_of(work)));
    auto told = [&controller]() -> const model::WorkUsage* {
      for (const auto& report : controller.reports)
        if (auto found = report.items.find("app:web");
            found != report.items.end() && !found->second.metrics.empty())
          return &found->second;
      return nullptr;
    };
    while (!told()) controller.keep(CO_TRY(co_await controller.receive()));
    EXPECT_EQ(told()->metrics, (std::map<std::string, double>{{"queue", 7}}));
    EXPECT_GT(told()->memory, Bytes(0));
    EXPECT_GE(told()->files, 3);
    EXPECT_EQ(told()->processes, 1);
    bool agent_told = false;
    for (const auto& report : controller.reports) agent_told |= report.agent.has_value();
    EXPECT_TRUE(agent_told);
    // A page that is none is said in the agent's log, and what the host measures still comes.
    CO_TRY(co_await scene.world.disk.write_file(page, "<html>", 0644));
    auto without = [&controller] {
      auto found = controller.reports.back().items.find("app:web");
      return found != controller.reports.back().items.end() && found->second.metrics.empty();
    };
    while (!without()) controller.keep(CO_TRY(co_await controller.receive()));
    co_return co_await scene.supervisor.remove("app:web");
  });
}

TEST_F(Linked, JoinsSaysHelloAndObeys) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    CO_TRY(co_await controller.meet());
    EXPECT_EQ(controller.joins.size(), 1u);
    EXPECT_EQ(controller.joins[0].instance, "i-1");
    EXPECT_EQ(controller.hello.instance, "i-1");
    EXPECT_EQ(controller.hello.boot, Folder::boot_id());
    CO_TRY(co_await controller.call("apply", apply_of(sleeper())));
    auto state = CO_TRY(co_await controller.until("app:web", Phase::ready));
    EXPECT_EQ(::kill(static_cast<pid_t>(state.pid), 0), 0);
    auto listed = CO_TRY(co_await controller.call("list", {}));
    EXPECT_EQ(listed.at("states").as_array().size(), 1u);
    // Away and back: the hello has all that is.
    controller.hang_up();
    CO_TRY(co_await controller.meet());
    EXPECT_EQ(controller.hello.works.at(0).pid, state.pid);
    EXPECT_EQ(controller.joins.size(), 1u);
    wire::json::Object signal = named("app:web");
    signal["signal"] = "KILL";
    CO_TRY(co_await controller.call("signal", signal));
    while (controller.states["app:web"].restarts < 1 ||
           controller.states["app:web"].phase != Phase::ready)
      controller.keep(CO_TRY(co_await controller.receive()));
    CO_TRY(co_await controller.call("remove", named("app:web")));
    EXPECT_TRUE(scene.supervisor.states().empty());
    co_return Result<>{};
  });
}

TEST_F(Linked, AnOlderControllerIsNotObeyed) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    CO_TRY(co_await controller.meet());
    controller.fence = 7;
    CO_TRY(co_await controller.call("ping", {}));
    controller.fence = 6;
    auto refused = co_await controller.call("apply", apply_of(sleeper()));
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_EQ(CO_TRY(co_await scene.folder.load()).fence, 7u);
    // Nor one that says hello with less.
    controller.hang_up();
    CO_TRY(co_await controller.meet());
    EXPECT_EQ(controller.hello.fence, 7u);
    auto gone = co_await controller.receive();
    EXPECT_FALSE(gone);
    controller.welcome.fence = 8;
    controller.fence = 8;
    CO_TRY(co_await controller.meet());
    CO_TRY(co_await controller.call("ping", {}));
    co_return Result<>{};
  });
}

TEST_F(Linked, AJoinWhoseAnswerIsLostIsAskedAgainWithTheSameKey) {
  lost_joins = 2;
  play([](Scene& scene) -> aio::Task<Result<>> {
    CO_TRY(co_await scene.controller.meet());
    EXPECT_EQ(scene.controller.joins.size(), 3u);
    for (const auto& join : scene.controller.joins)
      EXPECT_EQ(join.request, scene.controller.joins[0].request);
    EXPECT_FALSE(std::filesystem::exists(scene.folder.path() + "/joining.pem"));
    co_return Result<>{};
  });
}

TEST_F(Linked, FindsControllersThatMoved) {
  moved = true;
  play([](Scene& scene) -> aio::Task<Result<>> {
    CO_TRY(co_await scene.controller.meet());
    auto kept = CO_TRY(co_await scene.folder.load());
    EXPECT_EQ(kept.controllers.at(0), scene.controller.address());
    EXPECT_EQ(kept.epoch, 3u);
    co_return Result<>{};
  });
}

TEST_F(Linked, WhatTheAuthorityHasNotSignedIsNoRendezvous) {
  moved = forgeries = true;
  play([](Scene& scene) -> aio::Task<Result<>> {
    CO_TRY(co_await scene.controller.meet());
    auto kept = CO_TRY(co_await scene.folder.load());
    EXPECT_EQ(kept.controllers, std::vector<std::string>{scene.controller.address()});
    EXPECT_EQ(kept.epoch, 3u);
    co_return Result<>{};
  });
}

TEST_F(Linked, TheRendezvousMayBeElsewhereLater) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    controller.welcome.rendezvous = "http://127.0.0.1:1/one";
    CO_TRY(co_await controller.meet());
    CO_TRY(co_await controller.call("ping", {}));
    EXPECT_EQ(CO_TRY(co_await scene.folder.load()).rendezvous, "http://127.0.0.1:1/one");
    CO_TRY(co_await controller.call("rendezvous", {{"url", "http://127.0.0.1:1/two"}}));
    EXPECT_EQ(CO_TRY(co_await scene.folder.load()).rendezvous, "http://127.0.0.1:1/two");
    EXPECT_FALSE(co_await controller.call("rendezvous", {{"url", "no address"}}));
    co_return Result<>{};
  });
}

TEST_F(Linked, ARefusedTokenIsTheEnd) {
  token = "another";
  play([](Scene& scene) -> aio::Task<Result<>> { co_return co_await scene.controller.meet(); });
  EXPECT_EQ(agent_error, "the token is not known");
}

TEST_F(Linked, UnknownActionsAreRefusedByName) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    CO_TRY(co_await scene.controller.meet());
    auto answer = co_await scene.controller.call("dance", {});
    EXPECT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "this agent knows no action 'dance'");
    answer = co_await scene.controller.call("signal", named("app:web"));
    EXPECT_FALSE(answer);
    co_return Result<>{};
  });
}

TEST_F(Linked, BeatsAreDatagramsOrMessages) {
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    CO_TRY(co_await controller.meet());
    while (controller.alives.size() < 3) controller.keep(CO_TRY(co_await controller.receive()));
    EXPECT_GT(controller.alives[2].sequence, controller.alives[1].sequence);
    controller.hang_up();
    auto socket = CO_TRY(scene.world.net.datagrams({"127.0.0.1", 0, ""}));
    controller.welcome.heartbeat_port = socket->local().port;
    controller.welcome.heartbeat_key = "00112233";
    CO_TRY(co_await controller.meet());
    std::array<char, 512> buffer;
    Secret key(std::string("\x00\x11\x22\x33", 4));
    uint64_t before = 0;
    for (int i = 0; i < 3; ++i) {
      auto got = CO_TRY(co_await socket->receive(buffer));
      auto beat = CO_TRY(protocol::open_heartbeat({buffer.data(), got.size}, key));
      EXPECT_EQ(beat.node, "i-1");
      EXPECT_GT(beat.sequence, before);
      before = beat.sequence;
    }
    co_return Result<>{};
  });
}

TEST_F(Linked, RenewsItsCertificate) {
  lasts = Duration::seconds(2);  // and the ten minutes of slack before now: it is due at once
  play([](Scene& scene) -> aio::Task<Result<>> {
    FakeController& controller = scene.controller;
    CO_TRY(co_await controller.meet());
    while (controller.renewals.empty()) controller.keep(CO_TRY(co_await controller.receive()));
    controller.lasts = Duration::hours(24);
    std::string certificate = CO_TRY(controller.sign(controller.renewals[0].request));
    CO_TRY(co_await controller.send(protocol::Joined{certificate}));
    while (CO_TRY(co_await scene.folder.load_keys()).certificate != certificate)
      controller.keep(CO_TRY(co_await controller.receive()));
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::agent
