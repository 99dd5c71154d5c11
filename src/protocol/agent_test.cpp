#include "protocol/agent.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace croft::protocol {
namespace {

template <class T>
T there_and_back(const T& message) {
  std::string frame = frame_of(AgentMessage(message));
  FrameReader reader;
  for (char byte : frame) reader.add({&byte, 1});
  auto read = reader.next();
  EXPECT_TRUE(read && *read);
  auto back = agent_message_from((*read)->bytes);
  EXPECT_TRUE(back) << back.error().render();
  EXPECT_EQ(to_json(*back), to_json(AgentMessage(message)));
  return std::get<T>(*back);
}

model::HostWork some_process() {
  model::ProcessWork process;
  process.command = {"/usr/bin/python3", "-m", "http.server"};
  process.environment = {{"PORT", "8080"}};
  process.limits.memory = Bytes::mib(64);
  process.secrets = {{"password", Secret(std::string("a\0b\xff", 4))}};
  process.ready.emplace().port = 8080;
  process.alive.emplace().kind = model::Probe::Kind::http;
  process.alive->url = "http://127.0.0.1:8080/";
  process.restart = model::ProcessWork::Restart::on_failure;
  model::HostWork out{"shop:web", "", std::move(process)};
  out.digest = digest_of(out, Secret("key"));
  return out;
}

TEST(AgentMessages, ComeBackAsTheyWere) {
  EXPECT_EQ(there_and_back(Join{1, "t", "i-1", "10.0.0.1", "pem"}).token, "t");
  EXPECT_EQ(there_and_back(Joined{"pem"}).certificate, "pem");
  Hello hello;
  hello.instance = "i-1";
  hello.fence = 7;
  hello.works.push_back({.name = "shop:web",
                         .digest = "d",
                         .phase = model::WorkState::Phase::backoff,
                         .why = "exit status 1",
                         .pid = 5,
                         .restarts = 2,
                         .exit_code = 1,
                         .exit_signal = std::nullopt,
                         .since = WallTime{77},
                         .output = "x"});
  EXPECT_EQ(there_and_back(hello).works, hello.works);
  Call call{9, 3, "apply", {{"work", to_json(some_process())}}};
  auto work = host_work_from(*wire::json::object_at(there_and_back(call).request, "work").value());
  ASSERT_TRUE(work) << work.error().render();
  EXPECT_EQ(digest_of(*work, Secret("key")), some_process().digest);
  EXPECT_NE(digest_of(*work, Secret("another")), some_process().digest);
  const auto& process = std::get<model::ProcessWork>(work->what);
  EXPECT_EQ(process.secrets.at(0).value.reveal(), std::string("a\0b\xff", 4));
  EXPECT_EQ(process.alive->kind, model::Probe::Kind::http);
  EXPECT_EQ(process.restart, model::ProcessWork::Restart::on_failure);
  Answer answer;
  answer.id = 4;
  answer.error = Error(Code::conflict, "an older controller");
  EXPECT_EQ(there_and_back(answer).error->what, "an older controller");
  EXPECT_EQ(there_and_back(Closed{3, {{"code", 1}}, std::nullopt}).channel, 3u);
  EXPECT_EQ(there_and_back(Renew{"a request"}).request, "a request");
  EXPECT_EQ(there_and_back(Alive{8, 2}).sequence, 8u);
  there_and_back(Leaving{});
  Report report;
  report.items["shop:web"] = {.cpu = Duration::milliseconds(7),
                              .memory = Bytes::mib(3),
                              .files = 4,
                              .processes = 2,
                              .metrics = {{"queue", 0.1}, {"big", 1e300}, {"none", 0}}};
  EXPECT_EQ(there_and_back(report).items, report.items);
  EXPECT_FALSE(there_and_back(report).agent);
  report.agent.emplace().memory = Bytes::mib(9);
  EXPECT_EQ(there_and_back(report).agent, report.agent);
  EXPECT_EQ(there_and_back(Welcome{5, Duration::seconds(2), 99, "aa"}).period,
            Duration::seconds(2));
}

TEST(AgentMessages, AFigureThatIsNoNumberIsRefused) {
  for (const char* bad : {"nan", "inf", "1x", ""}) {
    auto read = agent_message_from(fmt::format(
        R"({{"type":"report","agent":{{"cpu":1,"memory":1,"metrics":{{"a":"{}"}}}}}})", bad));
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Code::syntax);
  }
}

TEST(AgentMessages, APieceOfALogHasItsTime) {
  auto text = timed_text(WallTime{1'700'000'000'123'456'789}, "a line\n");
  auto back = timed_text_from(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->first, WallTime{1'700'000'000'123'456'789});
  EXPECT_EQ(back->second, "a line\n");
  EXPECT_FALSE(timed_text_from("short"));
}

TEST(AgentMessages, CarryBytesThatAreNoText) {
  model::FileWork file;
  file.path = "/bin/tool";
  file.content = std::string(
      "\x7f"
      "ELF\0\xff\xfe",
      7);
  auto back = host_work_from(to_json(model::HostWork{"a", "1", file}));
  ASSERT_TRUE(back) << back.error().render();
  EXPECT_EQ(std::get<model::FileWork>(back->what).content, file.content);
  EXPECT_TRUE(valid_utf8(wire::json::compact(to_json(model::HostWork{"a", "1", file}))));
}

TEST(AgentMessages, NameWhatIsWrong) {
  for (const char* text :
       {"{}", R"({"type":"joined"})", R"({"type":"welcome","fence":-1,"period":1})",
        R"({"type":"hello","version":"1"})", R"({"type":"nothing"})", "[",
        R"({"type":"changed","state":{"name":"x","phase":"asleep"}})"})
    EXPECT_FALSE(agent_message_from(text)) << text;
  auto read = agent_message_from(R"({"type":"call","id":1,"fence":1,"action":3})");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().render().find("action"), std::string::npos) << read.error().render();
}

TEST(AgentFrames, AreBounded) {
  FrameReader reader;
  reader.add(std::string("\x7f\xff\xff\xff", 4) + "J");
  EXPECT_FALSE(reader.next());
  FrameReader unknown;
  unknown.add(std::string("\0\0\0\x02Xy", 6));
  EXPECT_FALSE(unknown.next());
}

RC_GTEST_PROP(AgentFrames, SurviveAnyCut, (const std::vector<std::string>& pieces, uint8_t step)) {
  std::string all;
  for (const std::string& piece : pieces) all += frame_text({'D', 7, piece});
  FrameReader reader;
  std::vector<std::string> got;
  for (size_t at = 0; at < all.size(); at += step % 7 + 1) {
    reader.add(std::string_view(all).substr(at, step % 7 + 1));
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
      RC_ASSERT((*frame)->channel == 7u);
      got.push_back((*frame)->bytes);
    }
  }
  RC_ASSERT(got == pieces);
}

TEST(Heartbeats, AreBelievedOnlyWithTheirKey) {
  Heartbeat beat{"shop/i-1", 5, 1234567890123, 9};
  Secret key("0123456789abcdef");
  std::string datagram = sealed(beat, key);
  EXPECT_LE(datagram.size(), 256u);
  EXPECT_EQ(node_of_heartbeat(datagram).value(), "shop/i-1");
  auto read = open_heartbeat(datagram, key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sequence, 5u);
  EXPECT_EQ(read->sent_ns, 1234567890123u);
  EXPECT_EQ(read->changes, 9u);
  EXPECT_FALSE(open_heartbeat(datagram, Secret("another")));
  for (size_t i = 0; i < datagram.size(); ++i) {
    std::string changed = datagram;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(open_heartbeat(changed, key)) << i;
    EXPECT_FALSE(open_heartbeat(std::string_view(datagram).substr(0, i), key)) << i;
  }
}

}  // namespace
}  // namespace croft::protocol
