// Security groups with real packets: every machine to every other, each port both ways, held
// against a model of the rules that is written down a second time here.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "base/text.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

extern "C" int setns(int fd, int type) noexcept;

namespace croft::sandbox {
namespace {

constexpr int ports[] = {8000, 8001};

struct Node {
  std::string name;
  MachineSpec spec;
  Machine machine;
  std::vector<Fd> listeners;
};

sockaddr_in at(const std::string& address, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

/// Runs `work` in the network of a process; a thread of its own, because it stays there.
void inside(int pid, const std::function<void()>& work) {
  std::thread([&] {
    Fd network(open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(setns(network.get(), CLONE_NEWNET), 0);
    work();
  }).join();
}

class Packets : public TestFarm {
 protected:
  void TearDown() override {
    nodes_.clear();
    TestFarm::TearDown();
  }

  Node& add(std::string name, std::string network, std::vector<std::string> groups) {
    Node node;
    node.name = std::move(name);
    node.spec = spec(100 + static_cast<int>(nodes_.size()));
    node.spec.network = std::move(network);
    node.spec.groups = std::move(groups);
    node.machine = start(node.spec);
    inside(node.machine.pid, [&] {
      for (int port : ports) {
        Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in here = at("0.0.0.0", port);
        ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
        ASSERT_EQ(listen(fd.get(), 64), 0);
        node.listeners.push_back(std::move(fd));
      }
    });
    nodes_.push_back(std::move(node));
    return nodes_.back();
  }

  struct Try {
    std::string what;
    bool expected = false;
    Fd fd;
    bool connected = false;
  };

  static Fd begin(const std::string& address, int port) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in there = at(address, port);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) != 0)
      EXPECT_EQ(errno, EINPROGRESS);
    return fd;
  }

  /// All connections at once: those that must work have long, the others as long as those need
  /// and a moment more.
  static std::string wrong_ones(std::vector<Try>& tries) {
    auto look = [&](int wait_ms, bool all) {
      std::vector<pollfd> waits;
      for (Try& one : tries)
        waits.push_back({one.connected || (!all && !one.expected) ? -1 : one.fd.get(), POLLOUT, 0});
      poll(waits.data(), waits.size(), wait_ms);
      for (size_t i = 0; i < tries.size(); ++i) {
        if ((waits[i].revents & POLLOUT) == 0) continue;
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(tries[i].fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        tries[i].connected = error == 0;
      }
    };
    auto waiting = [&] {
      for (const Try& one : tries)
        if (one.expected && !one.connected) return true;
      return false;
    };
    for (int round = 0; round < 200 && waiting(); ++round) look(100, false);
    constexpr int moment_ms = 300;
    for (int round = 0; round < 3; ++round) look(moment_ms / 3, true);
    std::string wrong;
    for (const Try& one : tries)
      if (one.expected != one.connected)
        wrong += fmt::format("{}: {}\n", one.what, one.connected ? "passes" : "is dropped");
    return wrong;
  }

  using Model = std::function<bool(const Node& from, const Node& to, int port)>;
  std::string matrix(const Model& passes) {
    std::vector<Try> tries;
    for (Node& from : nodes_) {
      inside(from.machine.pid, [&] {
        for (Node& to : nodes_) {
          if (&from == &to) continue;
          for (int port : ports)
            tries.push_back({fmt::format("{} to {}:{}", from.name, to.name, port),
                             passes(from, to, port), begin(to.spec.private_address, port), false});
        }
      });
    }
    return wrong_ones(tries);
  }
  void describe(std::vector<PacketGroup> groups) {
    auto done = run(machines_->set_groups(std::move(groups)));
    ASSERT_TRUE(done) << done.error().render();
  }

  std::vector<Node> nodes_;
};

PacketRule anything() {
  return {-1, -1, -1, "0.0.0.0/0", ""};
}
PacketRule tcp(int port, std::string network, std::string group = "") {
  return {6, port, port, std::move(network), std::move(group)};
}

std::vector<PacketGroup> some_groups() {
  return {
      {"open", {anything()}, {anything()}},
      {"web", {tcp(8000, "0.0.0.0/0")}, {anything()}},
      {"db", {tcp(8001, "", "web")}, {}},
      {"mute", {anything()}, {}},
      {"narrow", {anything()}, {tcp(8000, "10.77.0.101/32"), tcp(8001, "", "db")}},
  };
}

bool has(const Node& node, std::string_view group) {
  return std::ranges::find(node.spec.groups, group) != node.spec.groups.end();
}

bool model(const Node& from, const Node& to, int port) {
  bool out = has(from, "open") || has(from, "web");
  if (has(from, "narrow"))
    out = out || (port == 8000 && to.name == "web") || (port == 8001 && has(to, "db"));
  bool in = has(to, "open") || has(to, "mute") || has(to, "narrow");
  in = in || (has(to, "web") && port == 8000);
  in = in || (has(to, "db") && port == 8001 && has(from, "web"));
  return out && in && from.spec.network == to.spec.network;
}

TEST_F(Packets, PassWhereBothSidesGroupsSaySo) {
  describe(some_groups());
  nodes_.reserve(8);
  add("open", "vpc-1", {"open"});
  add("web", "vpc-1", {"web"});
  add("db", "vpc-1", {"db"});
  add("mute", "vpc-1", {"mute"});
  add("narrow", "vpc-1", {"narrow"});
  add("both", "vpc-1", {"db", "web"});
  add("nobody", "vpc-1", {"never described"});
  add("abroad", "vpc-2", {"open"});
  EXPECT_EQ(matrix(model), "");

  // The same after the farm's return: the rules come with its first words.
  abandon();
  open();
  describe(some_groups());
  EXPECT_EQ(matrix(model), "");

  // One machine changes its groups, one group its rules: at once, without a new start.
  auto joined = run(machines_->join_groups(nodes_[2].spec.id, {"open"}));
  ASSERT_TRUE(joined) << joined.error().render();
  nodes_[2].spec.groups = {"open"};
  describe({{"mute", {}, {anything()}}});
  EXPECT_EQ(matrix([](const Node& from, const Node& to, int port) {
              if (has(to, "mute")) return false;
              if (!has(from, "mute")) return model(from, to, port);
              Node open = {"mute", from.spec, {}, {}};
              open.spec.groups = {"open"};
              return model(open, to, port);
            }),
            "");
}

TEST_F(Packets, ReachAPublicAddressFromHereAndFromOtherNetworks) {
  describe(some_groups());
  nodes_.reserve(2);
  add("web", "vpc-1", {"web"});
  add("abroad", "vpc-2", {"open"});
  const std::string address =
      fmt::format("198.19.{}.{}", world().random.below(256), 1 + world().random.below(254));
  auto made = run(machines_->set_public(address, nodes_[0].spec.private_address));
  ASSERT_TRUE(made) << made.error().render();
  std::vector<Try> tries;
  for (int port : ports) {
    tries.push_back({fmt::format("here to {}", port), port == 8000, begin(address, port), false});
    inside(nodes_[1].machine.pid, [&] {
      tries.push_back(
          {fmt::format("abroad to {}", port), port == 8000, begin(address, port), false});
    });
  }
  EXPECT_EQ(wrong_ones(tries), "");
  ASSERT_TRUE(run(machines_->set_public(address, "")));
  std::vector<Try> again;
  inside(nodes_[1].machine.pid,
         [&] { again.push_back({"after its release", false, begin(address, 8000), false}); });
  EXPECT_EQ(wrong_ones(again), "");
}

TEST_F(Packets, OfPeersPassAndBordersAskForAnswersToo) {
  describe({{"open", {anything()}, {anything()}}});
  nodes_.reserve(3);
  add("a", "vpc-1", {"open"});
  add("b", "vpc-1", {"open"});
  add("c", "vpc-2", {"open"});
  auto same = [](const Node& from, const Node& to, int) {
    return from.spec.network == to.spec.network;
  };
  EXPECT_EQ(matrix(same), "");
  auto set = [&](PacketNetworks networks) {
    auto done = run(machines_->set_networks(std::move(networks)));
    ASSERT_TRUE(done) << done.error().render();
  };
  PacketNetworks networks;
  networks.peers = {{"vpc-1", "vpc-2"}};
  set(networks);
  EXPECT_EQ(matrix([](const Node&, const Node&, int) { return true; }), "");
  // Of what comes to "a" only port 8000 passes: not the answers to what it asks itself.
  PacketBorder border{"10.77.0.100/32", {"10.77.0.100"}, {}, {}};
  border.in = {{true, tcp(8000, "0.0.0.0/0")}};
  border.out = {{false, {6, 8000, 8001, "0.0.0.0/0", ""}}, {true, anything()}};
  networks.borders = {border};
  set(networks);
  EXPECT_EQ(matrix([](const Node& from, const Node& to, int port) {
              return from.name != "a" && (to.name != "a" || port == 8000);
            }),
            "");
  set({});
  EXPECT_EQ(matrix(same), "");
}

}  // namespace
}  // namespace croft::sandbox
