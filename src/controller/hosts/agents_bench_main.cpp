// agents_bench: N simulated agents (5,000) against the controller's part that holds them: real TLS
// connections and heartbeat datagrams over loopback, from another process. Prints what joining
// takes, the controller's CPU a heartbeat, with and without reports of usage, its memory an agent,
// and how long a command takes while they beat.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "aio/cancel.h"
#include "aio/real/descriptors.h"
#include "aio/real/real_world.h"
#include "aio/scope.h"
#include "base/text.h"
#include "controller/hosts/agent_hosts.h"

namespace croft::controller {
namespace {

constexpr double bar_us = 15;
constexpr size_t joining_at_once = 16;
constexpr Duration measured = Duration::seconds(20);
constexpr int commands = 2000;
constexpr size_t buffer_bytes = 4096;

std::string name_of_agent(size_t number) {
  return fmt::format("i-{:08x}", number);
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// ---- the agents' side ----

struct Given {
  aio::Address at;
  std::string token;
  size_t count = 0;
};

class Agent {
 public:
  Agent(aio::World& world, const Given& given, size_t number)
      : world_(world), given_(given), name_(name_of_agent(number)) {}

  aio::Task<Result<>> join() {
    auto pair = CO_TRY(trust::make_key(name_));
    CO_TRY(co_await connect("", Secret()));
    CO_TRY(co_await say(protocol::Join{protocol::agent_protocol_version, given_.token, name_,
                                       "127.0.0.1", pair.request_pem}));
    auto answer = CO_TRY(co_await hear());
    auto* joined = std::get_if<protocol::Joined>(&answer);
    if (!joined) co_return fail(Code::internal, "it may not join");
    CO_TRY(co_await connect(joined->certificate, pair.key_pem));
    protocol::Hello hello;
    hello.instance = name_;
    CO_TRY(co_await say(hello));
    auto first = CO_TRY(co_await hear());
    auto* welcome = std::get_if<protocol::Welcome>(&first);
    if (!welcome) co_return fail(Code::internal, "no welcome");
    welcome_ = *welcome;
    datagrams_ = CO_TRY(world_.net.datagrams({"127.0.0.1", 0, ""}));
    co_return Result<>{};
  }
  /// Its heartbeats; a Report with every tenth, where it is to.
  aio::Task<Result<>> beat() {
    Secret key(unhex(welcome_.heartbeat_key).value_or(""));
    aio::Address to{given_.at.host, welcome_.heartbeat_port, ""};
    for (uint64_t sequence = 1;; ++sequence) {
      std::string text = protocol::sealed({name_, sequence, 0, 0}, key);
      CO_TRY(co_await datagrams_->send(to, text));
      if (welcome_.report > Duration() && sequence % 10 == 0) {
        protocol::Report report;
        report.agent.emplace().memory = Bytes::mib(7);
        for (const char* work : {"shop:web:a", "shop:web:b", "shop:web:c"})
          report.items[work] = {Duration::milliseconds(static_cast<int64_t>(sequence)),
                                Bytes::mib(20),
                                9,
                                2,
                                {{"queue", 3}}};
        CO_TRY(co_await say(std::move(report)));
      }
      CO_TRY(co_await world_.clock.sleep(welcome_.period));
    }
  }
  aio::Task<Result<>> hear_beats() {
    std::array<char, 512> buffer;
    for (;;) CO_TRY(co_await datagrams_->receive(buffer));
  }
  aio::Task<Result<>> answer() {
    for (;;) {
      auto message = CO_TRY(co_await hear());
      auto* call = std::get_if<protocol::Call>(&message);
      if (!call) continue;
      protocol::Answer out;
      out.id = call->id;
      CO_TRY(co_await say(std::move(out)));
    }
  }

 private:
  aio::Task<Result<>> connect(std::string certificate, Secret key) {
    net::TlsOptions options;
    options.verify_peer = false;
    options.certificate_pem = std::move(certificate);
    options.key_pem = std::move(key);
    auto tls = CO_TRY(net::TlsContext::client(options));
    auto plain = CO_TRY(co_await world_.net.connect(given_.at));
    stream_ = CO_TRY(net::tls_client(tls, std::move(plain), "127.0.0.1"));
    reader_ = {};
    co_return Result<>{};
  }
  aio::Task<Result<>> say(protocol::AgentMessage message) {
    std::string frame = protocol::frame_of(message);
    std::vector<std::string_view> pieces{frame};
    co_return co_await stream_->write(std::move(pieces));
  }
  aio::Task<Result<protocol::AgentMessage>> hear() {
    std::array<char, buffer_bytes> buffer;
    for (;;) {
      if (auto frame = CO_TRY(reader_.next())) co_return protocol::agent_message_from(frame->bytes);
      size_t got = CO_TRY(co_await stream_->read(buffer));
      if (got == 0) co_return fail(Code::unavailable, "hung up");
      reader_.add({buffer.data(), got});
    }
  }

  aio::World& world_;
  const Given& given_;
  std::string name_;
  std::unique_ptr<aio::Stream> stream_;
  protocol::FrameReader reader_;
  protocol::Welcome welcome_;
  std::unique_ptr<aio::Datagrams> datagrams_;
};

/// Each beats from its own moment on, so that they are spread over a second.
aio::Task<Result<>> join_some(std::vector<std::unique_ptr<Agent>>& agents, size_t& next,
                              aio::Scope& beating) {
  while (next < agents.size()) {
    Agent& agent = *agents[next++];
    CO_TRY(co_await agent.join());
    beating.spawn(agent.beat());
    beating.spawn(agent.hear_beats());
    beating.spawn(agent.answer());
  }
  co_return Result<>{};
}

aio::Task<Result<>> be_agents(aio::World& world, const Given& given) {
  std::vector<std::unique_ptr<Agent>> agents;
  for (size_t i = 0; i < given.count; ++i)
    agents.push_back(std::make_unique<Agent>(world, given, i));
  size_t next = 0;
  aio::Scope scope(co_await aio::here());
  {
    aio::Scope joining(co_await aio::here());
    for (size_t i = 0; i < joining_at_once; ++i) joining.spawn(join_some(agents, next, scope));
    CO_TRY(co_await joining.join());
  }
  co_return co_await scope.join();
}

// ---- the controller's side ----

struct Bench {
  aio::World& world;
  AgentHosts& hosts;
  size_t count;

  uint64_t beats() const {
    uint64_t out = 0;
    for (const auto& host : hosts.of("shop")) out += host->last_sequence();
    return out;
  }
  size_t connected() const {
    return static_cast<size_t>(std::ranges::count_if(
        hosts.of("shop"), [](const auto& host) { return host->connected(); }));
  }
};

aio::Task<Result<>> measure_beats(Bench& bench, const char* what) {
  uint64_t before = bench.beats();
  double cpu = cpu_seconds();
  CO_TRY(co_await bench.world.clock.sleep(measured));
  double used = cpu_seconds() - cpu;
  auto beats = static_cast<double>(bench.beats() - before);
  fmt::print(
      "{}: {:.0f} a second, {:.1f} us of the controller's CPU each, bar {:g} us, ratio {:.2f}\n",
      what, beats / static_cast<double>(measured.ms()) * 1e3, used / beats * 1e6, bar_us,
      used / beats * 1e6 / bar_us);
  co_return Result<>{};
}

aio::Task<Result<>> measure_commands(Bench& bench) {
  std::vector<double> spans;
  auto hosts = bench.hosts.of("shop");
  for (int i = 0; i < commands; ++i) {
    Moment begin = bench.world.clock.now();
    CO_TRY(co_await hosts[static_cast<size_t>(i) * 7919 % hosts.size()]->call("ping", {}));
    spans.push_back(static_cast<double>((bench.world.clock.now() - begin).ns()) / 1e6);
  }
  std::ranges::sort(spans);
  fmt::print(
      "a command to one of {} agents and back, while they beat: median {:.2f} ms, p99 {:.2f} ms\n",
      bench.count, spans[spans.size() / 2], spans[spans.size() * 99 / 100]);
  co_return Result<>{};
}

aio::Task<Result<>> measure(Bench& bench, double empty_mib) {
  Moment begin = bench.world.clock.now();
  double cpu = cpu_seconds();
  while (bench.connected() < bench.count)
    CO_TRY(co_await bench.world.clock.sleep(Duration::milliseconds(100)));
  double took = static_cast<double>((bench.world.clock.now() - begin).ms()) / 1e3;
  auto count = static_cast<double>(bench.count);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  fmt::print(
      "{} agents have joined after {:.1f} s, {:.2f} ms of the controller's CPU each; "
      "{:.1f} KiB of its memory each\n",
      bench.count, took, (cpu_seconds() - cpu) / count * 1e3,
      (resident_mib() - empty_mib) * 1024 / count);
  CO_TRY(co_await bench.world.clock.sleep(Duration::seconds(2)));  // all beat now
  CO_TRY(co_await measure_beats(bench, "heartbeats with reports of usage"));
  co_return co_await measure_commands(bench);
}

aio::Task<Result<>> be_controller(aio::World& world, std::string folder, size_t count, int to) {
  auto store = store::open_memory(world);
  auto encryption = CO_TRY(co_await trust::Encryption::open(world, folder + "/secret.key"));
  net::HttpClient http(world);
  const std::string digest(64, 'a');
  auto hosts = CO_TRY(co_await AgentHosts::open(world, *store, encryption, http,
                                                {.home = folder,
                                                 .listen = "127.0.0.1:0",
                                                 .program = {"the agent", digest},
                                                 .join_within = Duration::hours(1)}));
  engine::Joining joining;
  joining.application = "shop";
  joining.component = "shop:web";
  joining.client_token = "call-1";
  joining.agent_url = "http://127.0.0.1:1/croft-agent";
  std::string text = CO_TRY(co_await hosts->user_data(std::move(joining)));
  auto object = CO_TRY(wire::json::parse_object(CO_TRY(co_await hosts->rendezvous("")).object));
  std::string at = CO_TRY(wire::json::strings_at(object, "controllers")).front();
  for (size_t i = 0; i < count; ++i)
    CO_TRY(
        co_await hosts->expect({"shop", "shop:web", "call-1", "", name_of_agent(i), "127.0.0.1"}));
  double empty = resident_mib();
  constexpr std::string_view mark = "printf '%s' '";
  size_t begin = text.find(mark) + mark.size();
  std::string line = fmt::format("{} {}\n", at, text.substr(begin, text.find('\'', begin) - begin));
  if (::write(to, line.data(), line.size()) < 0) co_return fail(Code::io, "the agents are gone");
  Bench bench{world, *hosts, count};
  auto outcome = co_await aio::race(hosts->serve(), measure(bench, empty));
  co_return outcome.index() == 1 ? std::move(std::get<1>(outcome))
                                 : std::move(std::get<0>(outcome));
}

int complain(const Result<>& result) {
  if (result) return 0;
  fmt::print(stderr, "{}\n", result.error().render());
  return 1;
}

int run(size_t count) {
  aio::allow_many_files();
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return 1;
  pid_t agents = fork();
  if (agents == 0) {
    close(pipe_ends[1]);
    std::string text(512, '\0');
    ssize_t got = read(pipe_ends[0], text.data(), text.size());
    auto words =
        split(trim(std::string_view(text).substr(0, got > 0 ? static_cast<size_t>(got) : 0)), ' ');
    auto at = aio::Address::parse(words.front());
    if (words.size() != 2 || !at) _exit(1);
    Given given{*at, words[1], count};
    auto real = aio::RealWorld::open().value();
    _exit(complain(real->run(be_agents(real->world(), given))));
  }
  close(pipe_ends[0]);
  char name[] = "/tmp/croft-agents-bench-XXXXXX";
  if (!mkdtemp(name)) return 1;
  std::filesystem::create_directories(std::string(name) + "/controller");
  auto real = aio::RealWorld::open().value();
  int code = complain(real->run(be_controller(real->world(), name, count, pipe_ends[1])));
  kill(agents, SIGKILL);
  waitpid(agents, nullptr, 0);
  std::filesystem::remove_all(name);
  return code;
}

}  // namespace
}  // namespace croft::controller

int main(int count, char** arguments) {
  constexpr size_t usual = 5000;
  auto wanted = count > 1 ? croft::parse_u64(arguments[1]) : usual;
  if (!wanted || *wanted == 0) {
    fmt::print(stderr, "usage: agents_bench [AGENTS]\n");
    return 64;
  }
  return croft::controller::run(static_cast<size_t>(*wanted));
}
