// Agents that join, come back and are refused, over real TLS on loopback.
#include "controller/hosts/agent_hosts.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "aio/cancel.h"
#include "aio/real/real_world.h"
#include "base/text.h"
#include "controller/controller.h"
#include "controller/settle.h"

namespace croft::controller {
namespace {

using protocol::AgentMessage;

const engine::AgentProgram program{"the agent", std::string(64, 'a')};

aio::Task<Result<>> both(aio::Task<Result<>> one, aio::Task<Result<>> other) {
  aio::Scope scope(co_await aio::here());
  scope.spawn(std::move(one));
  scope.spawn(std::move(other));
  co_return co_await scope.join();
}

/// One connection as an agent makes it.
struct Line {
  std::unique_ptr<aio::Stream> stream;
  protocol::FrameReader reader;

  static aio::Task<Result<Line>> open(aio::World& world, aio::Address at, std::string certificate,
                                      Secret key) {
    net::TlsOptions options;
    options.verify_peer = false;  // the pin is the agent's affair, not this test's
    options.certificate_pem = std::move(certificate);
    options.key_pem = std::move(key);
    auto tls = CO_TRY(net::TlsContext::client(options));
    auto plain = CO_TRY(co_await world.net.connect(at));
    co_return Line{CO_TRY(net::tls_client(tls, std::move(plain), "127.0.0.1")), {}};
  }
  aio::Task<Result<>> say(AgentMessage message) {
    std::string frame = protocol::frame_of(message);
    std::vector<std::string_view> pieces{frame};
    co_return co_await stream->write(std::move(pieces));
  }
  aio::Task<Result<AgentMessage>> hear() {
    std::array<char, 4096> buffer;
    for (;;) {
      auto frame = CO_TRY(reader.next());
      if (frame) co_return protocol::agent_message_from(frame->bytes);
      size_t got = CO_TRY(co_await stream->read(buffer));
      if (got == 0) co_return fail(Code::unavailable, "hung up");
      reader.add({buffer.data(), got});
    }
  }
};

class AgentHostsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/croft-hosts-XXXXXX";
    folder = mkdtemp(name);
    std::filesystem::create_directories(folder + "/controller");
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// `work` beside a controller's hosts.
  template <class Work>
  void with_hosts(Work work, Duration join_within = Duration::minutes(15)) {
    auto all = [&]() -> aio::Task<Result<>> {
      auto encryption =
          CO_TRY(co_await trust::Encryption::open(world, folder + "/controller/secret.key"));
      net::HttpClient http(world);
      auto hosts = CO_TRY(co_await AgentHosts::open(world, *store, encryption, http,
                                                    {.home = folder,
                                                     .listen = fmt::format("127.0.0.1:{}", port),
                                                     .program = program,
                                                     .join_within = join_within}));
      auto document = CO_TRY(wire::json::parse(CO_TRY(co_await hosts->rendezvous("")).object));
      at = CO_TRY(aio::Address::parse(
          std::string_view(document.get_object()["controllers"].get_array()[0].get_string())));
      port = at.port;
      auto outcome = co_await aio::race(hosts->serve(), work(*hosts));
      if (outcome.index() == 1) co_return std::move(std::get<1>(outcome));
      co_return fail(Code::internal, "it stopped serving");
    };
    auto done = real->run(all());
    ASSERT_TRUE(done) << done.error().render();
  }

  engine::Joining joining() {
    engine::Joining out;
    out.application = "shop";
    out.component = "shop:web";
    out.client_token = "call-1";
    out.agent_url = "http://127.0.0.1:1/croft-agent?X-Amz-Signature=1";
    return out;
  }
  engine::Machine machine(std::string instance = "i-1", std::string address = "127.0.0.1") {
    return {"shop", "shop:web", "call-1", "", std::move(instance), std::move(address)};
  }
  static std::string token_in(const std::string& user_data) {
    size_t begin = user_data.find("printf '%s' '") + 13;
    return user_data.substr(begin, user_data.find('\'', begin) - begin);
  }
  aio::Task<Result<AgentMessage>> ask_to_join(std::string token, std::string instance,
                                              std::string request) {
    auto line = CO_TRY(co_await Line::open(world, at, "", Secret()));
    CO_TRY(co_await line.say(
        protocol::Join{protocol::agent_protocol_version, token, instance, "10.0.0.1", request}));
    co_return co_await line.hear();
  }
  static std::string refusal(const Result<AgentMessage>& answer) {
    if (!answer) return "no answer: " + answer.error().line();
    const auto* told = std::get_if<protocol::Closed>(&*answer);
    return told && told->error ? told->error->what : "it was let in";
  }

  std::string folder;
  std::unique_ptr<aio::RealWorld> real = aio::RealWorld::open().value();
  aio::World& world = real->world();
  std::unique_ptr<store::Store> store = store::open_memory(world);
  aio::Address at;
  uint16_t port = 0;
};

TEST_F(AgentHostsTest, AMachineJoinsOnceAndComesBackWithItsCertificate) {
  auto key = trust::make_key("agent").value();
  std::string certificate;
  with_hosts([&](AgentHosts& hosts) -> aio::Task<Result<>> {
    std::string text = CO_TRY(co_await hosts.user_data(joining()));
    EXPECT_EQ(CO_TRY(co_await hosts.user_data(joining())), text);
    CO_TRY(co_await hosts.expect(machine()));
    EXPECT_FALSE(hosts.find("shop", "i-1"));
    auto answer = co_await ask_to_join(token_in(text), "i-1", key.request_pem);
    auto* joined = answer ? std::get_if<protocol::Joined>(&*answer) : nullptr;
    if (!joined) co_return fail(Code::internal, refusal(answer));
    certificate = joined->certificate;
    // The answer may be lost: the same request again is the same machine.
    auto again = co_await ask_to_join(token_in(text), "i-1", key.request_pem);
    EXPECT_TRUE(again && std::holds_alternative<protocol::Joined>(*again)) << refusal(again);
    certificate = std::get<protocol::Joined>(*again).certificate;
    co_return Result<>{};
  });
  // Another process on the same store.
  with_hosts([&](AgentHosts& hosts) -> aio::Task<Result<>> {
    auto host = hosts.find("shop", "i-1");
    if (!host) co_return fail(Code::internal, "it is forgotten");
    EXPECT_FALSE(host->connected());
    auto line = CO_TRY(co_await Line::open(world, at, certificate, key.key_pem));
    protocol::Hello hello;
    hello.instance = "i-1";
    hello.works.push_back({.name = "shop:web:x",
                           .digest = "d",
                           .phase = model::WorkState::Phase::ready,
                           .why = "",
                           .exit_code = {},
                           .exit_signal = {},
                           .output = ""});
    CO_TRY(co_await line.say(hello));
    auto first = CO_TRY(co_await line.hear());
    auto* welcome = std::get_if<protocol::Welcome>(&first);
    if (!welcome) co_return fail(Code::internal, "no welcome");
    EXPECT_EQ(welcome->fence, 2u);
    EXPECT_TRUE(host->connected());
    EXPECT_EQ(host->state("shop:web:x")->phase, model::WorkState::Phase::ready);
    // A heartbeat with its key counts, once.
    auto beats = CO_TRY(world.net.datagrams({"127.0.0.1", 0, ""}));
    Secret beat_key(*unhex(welcome->heartbeat_key));
    auto* remote = dynamic_cast<RemoteHost*>(host.get());
    for (uint64_t sequence : {4, 3}) {
      std::string beat = protocol::sealed({"i-1", sequence, 0, 0}, beat_key);
      CO_TRY(co_await beats->send({"127.0.0.1", welcome->heartbeat_port, ""}, beat));
    }
    while (remote->last_sequence() == 0)
      CO_TRY(co_await world.clock.sleep(Duration::milliseconds(1)));
    EXPECT_EQ(remote->last_sequence(), 4u);
    std::array<char, 512> echo;
    auto given_back = CO_TRY(co_await beats->receive(echo));
    EXPECT_EQ(CO_TRY(protocol::open_heartbeat({echo.data(), given_back.size}, beat_key)).sequence,
              4u);
    // Over the connection, where no datagrams pass.
    CO_TRY(co_await line.say(protocol::Alive{9, 0}));
    auto alive = CO_TRY(co_await line.hear());
    EXPECT_TRUE(std::holds_alternative<protocol::Alive>(alive));
    EXPECT_EQ(remote->last_sequence(), 9u);
    // A call and its answer.
    auto asked = [&]() -> aio::Task<Result<>> {
      auto message = CO_TRY(co_await line.hear());
      auto* call = std::get_if<protocol::Call>(&message);
      if (!call) co_return fail(Code::internal, "no call");
      EXPECT_EQ(call->action, "apply");
      EXPECT_EQ(call->fence, 2u);
      auto work =
          CO_TRY(protocol::host_work_from(*CO_TRY(wire::json::object_at(call->request, "work"))));
      protocol::Answer answer;
      answer.id = call->id;
      answer.result["state"] =
          protocol::to_json(model::WorkState{.name = work.name,
                                             .digest = work.digest,
                                             .phase = model::WorkState::Phase::starting,
                                             .why = "",
                                             .exit_code = {},
                                             .exit_signal = {},
                                             .output = ""});
      co_return co_await line.say(answer);
    };
    auto applied = [&]() -> aio::Task<Result<>> {
      model::HostWork work{"shop:web:y", "", model::RunWork{.command = {"true"}}};
      auto state = CO_TRY(co_await host->apply(work));
      EXPECT_EQ(state.phase, model::WorkState::Phase::starting);
      co_return Result<>{};
    };
    CO_TRY(co_await both(asked(), applied()));
    // The agent goes: calls under way end.
    auto lost = [&]() -> aio::Task<Result<>> {
      auto removed = co_await host->remove("shop:web:y");
      EXPECT_FALSE(removed);
      EXPECT_EQ(removed.error().code, Code::unavailable);
      co_return Result<>{};
    };
    auto gone = [&]() -> aio::Task<Result<>> {
      CO_TRY(co_await line.hear());
      line.stream->close();
      co_return Result<>{};
    };
    CO_TRY(co_await both(lost(), gone()));
    EXPECT_FALSE(host->connected());
    hosts.give_up("other", "i-1", "not that one");
    EXPECT_FALSE(host->lost());
    hosts.give_up("shop", "i-1", "its disk is broken");
    EXPECT_EQ(host->lost(), "its disk is broken");
    // Once forgotten its certificate opens nothing.
    CO_TRY(co_await hosts.forget("shop", "i-1"));
    auto stranger = CO_TRY(co_await Line::open(world, at, certificate, key.key_pem));
    CO_TRY(co_await stranger.say(hello));
    EXPECT_EQ(refusal(co_await stranger.hear()), "croft://shop/i-1 is no machine of ours");
    co_return Result<>{};
  });
}

TEST_F(AgentHostsTest, StolenWrongAndForeignTokensAreRefused) {
  with_hosts([&](AgentHosts& hosts) -> aio::Task<Result<>> {
    size_t notices = 0;
    hosts.on_notice = [&notices](const engine::Machine&, const std::string&) { ++notices; };
    std::string token = token_in(CO_TRY(co_await hosts.user_data(joining())));
    CO_TRY(co_await hosts.expect(machine()));
    CO_TRY(co_await hosts.expect(machine("i-2", "10.77.0.9")));
    auto key = trust::make_key("agent").value();
    std::string guessed = token;
    guessed.front() = guessed.front() == '0' ? '1' : '0';
    EXPECT_EQ(refusal(co_await ask_to_join(guessed, "i-1", key.request_pem)),
              "the token is not that of this machine");
    EXPECT_NE(refusal(co_await ask_to_join(token, "i-2", key.request_pem))
                  .find("the farm says that it is at 10.77.0.9"),
              std::string::npos);
    EXPECT_NE(
        refusal(co_await ask_to_join(token, "i-1", "no request")).find("no certificate request"),
        std::string::npos);
    auto first = co_await ask_to_join(token, "i-1", key.request_pem);
    if (!first) co_return fail(std::move(first).error());
    std::string certificate = std::get<protocol::Joined>(*first).certificate;
    auto thief = trust::make_key("thief").value();
    EXPECT_EQ(refusal(co_await ask_to_join(token, "i-1", thief.request_pem)),
              "its token was used before");
    EXPECT_EQ(hosts.find("shop", "i-1")->lost(),
              "its token was used twice on it, so that its agent is not believed any more");
    EXPECT_EQ(notices, 2u);  // of each machine, and once a minute at most
    // One of the two is a thief, and nobody knows which.
    auto line = CO_TRY(co_await Line::open(world, at, certificate, key.key_pem));
    CO_TRY(co_await line.say(protocol::Hello{}));
    EXPECT_EQ(refusal(co_await line.hear()), "the certificate of i-1 was withdrawn");
    // No certificate, no Hello.
    auto bare = CO_TRY(co_await Line::open(world, at, "", Secret()));
    CO_TRY(co_await bare.say(protocol::Hello{}));
    EXPECT_EQ(refusal(co_await bare.hear()), "it has shown no certificate");
    co_return Result<>{};
  });
}

TEST_F(AgentHostsTest, ALateTokenIsRefused) {
  with_hosts(
      [&](AgentHosts& hosts) -> aio::Task<Result<>> {
        std::string token = token_in(CO_TRY(co_await hosts.user_data(joining())));
        CO_TRY(co_await hosts.expect(machine()));
        CO_TRY(co_await world.clock.sleep(Duration::milliseconds(2)));
        auto key = trust::make_key("agent").value();
        EXPECT_EQ(refusal(co_await ask_to_join(token, "i-1", key.request_pem)),
                  "its token was good for 1 ms");
        co_return Result<>{};
      },
      Duration::milliseconds(1));
}

TEST_F(AgentHostsTest, ACertificateOfAnotherAuthorityIsRefused) {
  with_hosts([&](AgentHosts& hosts) -> aio::Task<Result<>> {
    CO_TRY(co_await hosts.expect(machine()));
    auto other = CO_TRY(co_await trust::Authority::open(world, folder + "/other"));
    auto key = trust::make_key("agent").value();
    auto certificate =
        CO_TRY(other.sign(key.request_pem, {.name = "i-1", .uri = "croft://shop/i-1"}));
    auto line = CO_TRY(co_await Line::open(world, at, certificate, key.key_pem));
    auto said = co_await line.say(protocol::Hello{});
    auto heard = said ? co_await line.hear() : fail(std::move(said).error());
    EXPECT_FALSE(heard && std::holds_alternative<protocol::Welcome>(*heard));
    co_return Result<>{};
  });
}

TEST_F(AgentHostsTest, PapersOfAControllerAreForItsCallAlone) {
  with_hosts([&](AgentHosts& hosts) -> aio::Task<Result<>> {
    engine::RentedController machine{"call-1", "http://127.0.0.1:1/croft", std::string(64, 'c'),
                                     "http://127.0.0.1:1/papers"};
    std::string text = CO_TRY(co_await hosts.controller_user_data(machine));
    machine.program_url = "http://127.0.0.1:1/croft?signed=later";
    EXPECT_EQ(CO_TRY(co_await hosts.controller_user_data(machine)), text) << "the same again";
    std::string sealed =
        CO_TRY(co_await hosts.controller_papers("call-1", R"({"members":[{"instance":"i-1"}]})"));
    auto key = unbase64(token_in(text));
    EXPECT_TRUE(key);
    auto opening = CO_TRY(trust::Encryption::of_key(world.random, Secret(key.value_or(""))));
    auto papers = CO_TRY(opening.unseal(sealed, papers_place));
    auto told = CO_TRY(wire::json::parse_object(papers.reveal()));
    const auto* files = CO_TRY(wire::json::object_at(told, "files"));
    EXPECT_EQ(files->size(), std::size(shared_keys));
    machine.client_token = "call-2";
    auto other = unbase64(token_in(CO_TRY(co_await hosts.controller_user_data(machine))));
    auto stranger = CO_TRY(trust::Encryption::of_key(world.random, Secret(other.value_or(""))));
    EXPECT_EQ(stranger.unseal(sealed, papers_place).error().code, Code::conflict);
    co_return Result<>{};
  });
}

TEST_F(AgentHostsTest, AFarmThatCannotReachTheControllerIsSaidSo) {
  auto encryption =
      real->run(trust::Encryption::open(world, folder + "/controller/secret.key")).value();
  net::HttpClient http(world);
  auto hosts = real->run(AgentHosts::open(world, *store, encryption, http,
                                          {.home = folder, .listen = "", .program = program}));
  ASSERT_TRUE(hosts) << hosts.error().render();
  auto text = real->run((*hosts)->user_data(joining()));
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().render().find("--agents"), std::string::npos);
}

}  // namespace
}  // namespace croft::controller
