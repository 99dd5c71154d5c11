// Members of etcd for the tests: on loopback, in a folder of their own, gone with the test process.
// Needs Debian's etcd-server. Tests only.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "aio/real/real_world.h"
#include "net/http_client.h"
#include "store/etcd/etcd.h"
#include "wire/json.h"

namespace croft::store::testing {

inline constexpr Duration patience = Duration::seconds(40);

class EtcdCluster {
 public:
  explicit EtcdCluster(int members, std::vector<std::string> flags = {}, bool tls = false)
      : flags_(std::move(flags)), scheme_(tls ? "https" : "http") {
    EXPECT_TRUE(mkdtemp(folder_));
    members_.resize(static_cast<size_t>(members));
    // A port that was free may be taken by the time etcd gets there.
    for (int attempt = 1; attempt <= 5; ++attempt) {
      for (Member& member : members_) member = {free_port(), free_port(), 0};
      for (size_t i = 0; i < members_.size(); ++i) start(i, attempt);
      if (tls || ready()) return;
      stop_all();
    }
    ADD_FAILURE() << "no etcd could be started; is Debian's etcd-server installed "
                     "(tools/setup.sh test)? Its log:\n"
                  << log();
  }
  ~EtcdCluster() {
    stop_all();
    std::filesystem::remove_all(folder_);
  }
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  /// One member, for all tests that do it no harm.
  static EtcdCluster& shared() {
    static EtcdCluster cluster(1);
    return cluster;
  }
  std::string endpoint(size_t i) const {
    return fmt::format("{}://127.0.0.1:{}", scheme_, members_[i].client_port);
  }
  /// A prefix that no other has.
  EtcdOptions options(std::string prefix = "") {
    static int used = 0;
    EtcdOptions options;
    for (size_t i = 0; i < members_.size(); ++i) options.endpoints.push_back(endpoint(i));
    options.prefix = prefix.empty() ? fmt::format("/test-{}/", ++used) : std::move(prefix);
    // Loaded machines.
    options.deadline = Duration::seconds(20);
    return options;
  }
  size_t size() const { return members_.size(); }
  void signal(size_t i, int number) { EXPECT_EQ(::kill(members_[i].pid, number), 0); }
  std::string log() const {
    std::stringstream text;
    for (const auto& file : std::filesystem::directory_iterator(folder_))
      if (file.path().extension() == ".log") text << std::ifstream(file.path()).rdbuf();
    return text.str();
  }

 private:
  struct Member {
    int client_port = 0, peer_port = 0;
    pid_t pid = 0;
  };

  static int free_port() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
    ::close(fd);
    return ntohs(at.sin_port);
  }
  void start(size_t i, int attempt) {
    std::string all;
    for (size_t n = 0; n < members_.size(); ++n)
      all += fmt::format("{}m{}=http://127.0.0.1:{}", n ? "," : "", n, members_[n].peer_port);
    std::string peer = fmt::format("http://127.0.0.1:{}", members_[i].peer_port);
    std::vector<std::string> command{
        "etcd", "--name", fmt::format("m{}", i), "--data-dir",
        fmt::format("{}/{}-{}", folder_, i, attempt), "--listen-client-urls", endpoint(i),
        "--advertise-client-urls", endpoint(i), "--listen-peer-urls", peer,
        "--initial-advertise-peer-urls", peer, "--initial-cluster", all,
        // What a power cut takes is not what these tests are about.
        "--unsafe-no-fsync", "--max-txn-ops", "16500", "--logger", "zap"};
    command.insert(command.end(), flags_.begin(), flags_.end());
    std::string file = fmt::format("{}/{}.log", folder_, i);
    pid_t parent = getpid();
    pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(out, 1);
      ::dup2(out, 2);
      std::vector<char*> arguments;
      for (std::string& word : command) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      ::execvp("etcd", arguments.data());
      _exit(127);
    }
    members_[i].pid = pid;
  }
  static aio::Task<Result<>> healthy(aio::World& world, std::string url) {
    net::HttpClient client(world);
    for (;;) {
      net::ClientRequest request;
      request.url = CO_TRY(net::Url::parse(url + "/health"));
      auto answer = co_await client.send(std::move(request));
      if (answer && answer->body.find("\"true\"") != std::string::npos) co_return Result<>{};
      CO_TRY(co_await world.clock.sleep(Duration::milliseconds(20)));
    }
  }
  bool any_ended() {
    for (Member& member : members_)
      if (member.pid > 0 && ::waitpid(member.pid, nullptr, WNOHANG) == member.pid) {
        member.pid = 0;
        return true;
      }
    return false;
  }
  bool ready() {
    auto real = aio::RealWorld::open().value();
    aio::World& world = real->world();
    for (size_t i = 0; i < members_.size(); ++i) {
      Result<> well = fail(Code::timeout, "");
      for (int turn = 0; turn < 40 && !well && !any_ended(); ++turn)
        well = real->run(aio::deadline(world.clock, Duration::seconds(1),
                                       healthy(world, endpoint(i)), "etcd's start"));
      if (!well) return false;
    }
    return true;
  }
  void stop_all() {
    for (Member& member : members_)
      if (member.pid > 0) {
        ::kill(member.pid, SIGKILL);
        ::waitpid(member.pid, nullptr, 0);
        member.pid = 0;
      }
  }

  char folder_[32] = "/tmp/croft-etcd-XXXXXX";
  std::vector<std::string> flags_;
  std::string scheme_;
  std::vector<Member> members_;
};

/// POST to the gateway of one member, past the store.
inline aio::Task<Result<wire::json::Object>> ask_etcd(aio::World& world, std::string endpoint,
                                                      std::string path, wire::json::Object body) {
  net::HttpClient client(world);
  net::ClientRequest request;
  request.method = "POST";
  request.url = CO_TRY(net::Url::parse(endpoint + "/v3/" + path));
  request.body = wire::json::compact(body);
  net::Response answer = CO_TRY(co_await client.send(std::move(request)));
  if (answer.status != 200) co_return fail(Code::internal, path + ": " + answer.body);
  co_return wire::json::parse_object(answer.body);
}

}  // namespace croft::store::testing
