// The simulation: same seed same run, time that jumps, faults of network, disk and process.
#include "aio/sim/sim_world.h"

#include <gtest/gtest.h>

#include "aio/sync.h"

namespace croft::aio {
namespace {

constexpr auto second = Duration::seconds(1);
const Address server_address{"10.0.0.1", 80, ""};

Task<Result<>> serve_one(std::unique_ptr<Stream> stream) {
  std::array<char, 64> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await stream->read(buffer));
    if (got == 0) co_return Result<>{};
    std::vector<std::string_view> pieces{{buffer.data(), got}};
    CO_TRY(co_await stream->write(std::move(pieces)));
  }
}

/// One broken connection must not end the others.
Task<Result<>> serve_whatever_happens(std::unique_ptr<Stream> stream) {
  auto ignored = co_await serve_one(std::move(stream));
  static_cast<void>(ignored);
  co_return Result<>{};
}

Task<Result<>> echo_server(World& world, Address at) {
  auto listener = CO_TRY(world.net.listen(at));
  Scope scope(co_await here());
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) break;
    scope.spawn(serve_whatever_happens(std::move(*stream)));
  }
  scope.cancel();
  co_return co_await scope.join();
}

Task<Result<std::string>> ask(World& world, Address at, std::string text) {
  auto stream = CO_TRY(co_await world.net.connect(at));
  std::vector<std::string_view> pieces{text};
  CO_TRY(co_await stream->write(std::move(pieces)));
  CO_TRY(co_await stream->shutdown());
  std::string out;
  std::array<char, 64> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await stream->read(buffer));
    if (got == 0) co_return out;
    out.append(buffer.data(), got);
  }
}

Task<Result<std::string>> many_questions(World& world) {
  CO_TRY(co_await world.clock.sleep(second));
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += CO_TRY(
        co_await ask(world, server_address, world.random.hex_id(1 + world.random.below(500))));
  co_return all;
}

std::pair<uint64_t, std::string> whole_run(uint64_t seed) {
  SimWorld sim(seed);
  auto& server = sim.start_process("server");
  sim.spawn(server, echo_server(server.world(), server_address));
  auto result = sim.run(many_questions(sim.world()));
  EXPECT_TRUE(result) << result.error().render();
  return {sim.hash(), result ? *result : ""};
}

TEST(SimWorld, the_same_seed_gives_the_same_run) {
  for (uint64_t seed = 0; seed < 5; ++seed) EXPECT_EQ(whole_run(seed), whole_run(seed));
  EXPECT_NE(whole_run(1).first, whole_run(2).first);
  EXPECT_NE(whole_run(1).second, whole_run(2).second);
}

TEST(SimWorld, time_jumps) {
  SimWorld sim(1);
  auto wall = sim.world().clock.wall();
  EXPECT_TRUE(sim.run(sim.world().clock.sleep(Duration::hours(1000))));
  EXPECT_EQ(sim.world().clock.wall() - wall, Duration::hours(1000));
}

Task<Result<>> waits_for_nothing() {
  Event event;
  co_return co_await event.wait();
}

TEST(SimWorld, a_run_that_cannot_go_on_is_an_error) {
  SimWorld sim(1);
  auto result = sim.run(waits_for_nothing());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::internal);
  EXPECT_EQ(result.error().what,
            "nothing can happen any more, and the task waits: nothing outside is waited for");
  SimWorld other(1);
  auto reading = other.run(echo_server(other.world(), server_address));
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().what, "nothing can happen any more, and the task waits: 1 accept");
}

Task<Result<>> spins(World& world) {
  for (;;) CO_TRY(co_await world.clock.sleep(Duration::hours(1)));
}

TEST(SimWorld, a_run_without_end_is_an_error) {
  SimWorld sim(1);
  auto result = sim.run(spins(sim.world()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::internal);
}

Task<Result<>> network_faults(SimWorld& sim) {
  World& world = sim.world();
  auto absent = co_await world.net.connect(Address{"10.0.0.9", 1, ""});
  EXPECT_EQ(absent.error().code, Code::unavailable);
  CO_TRY(co_await world.clock.sleep(second));
  EXPECT_EQ(CO_TRY(co_await ask(world, server_address, "one")), "one");

  auto stream = CO_TRY(co_await world.net.connect(server_address));
  sim.network().cut(server_address);
  std::array<char, 8> buffer;
  EXPECT_EQ((co_await stream->read(buffer)).error().code, Code::unavailable);
  EXPECT_EQ((co_await ask(world, server_address, "two")).error().code, Code::unavailable);
  sim.network().heal(server_address);
  EXPECT_EQ(CO_TRY(co_await ask(world, server_address, "three")), "three");

  sim.network().silence(server_address);
  auto hung = co_await deadline(world.clock, second * 5, ask(world, server_address, "four"),
                                "the question");
  EXPECT_EQ(hung.error().code, Code::timeout);
  sim.network().heal(server_address);
  EXPECT_EQ(CO_TRY(co_await ask(world, server_address, std::string(200'000, 'x'))).size(),
            200'000u);

  EXPECT_EQ((co_await world.net.resolve("nowhere")).error().code, Code::not_found);
  sim.network().set_name("farm", {"10.0.0.1"});
  EXPECT_EQ(CO_TRY(co_await world.net.resolve("farm")), std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(CO_TRY(co_await world.net.resolve("::1")), std::vector<std::string>{"::1"});
  co_return Result<>{};
}

Task<Result<>> machine_is_cut_off(SimWorld& sim, World& guest) {
  auto one = CO_TRY(sim.world().net.datagrams(Address{"10.0.0.5", 9, ""}));
  auto other = CO_TRY(guest.net.datagrams(Address{"0.0.0.0", 9, ""}));
  EXPECT_EQ(other->local().host, "10.0.0.7");
  EXPECT_EQ(CO_TRY(co_await ask(guest, server_address, "one")), "one");
  auto stream = CO_TRY(co_await guest.net.connect(server_address));

  sim.network().isolate("10.0.0.7");
  EXPECT_EQ(CO_TRY(co_await ask(sim.world(), server_address, "others")), "others");
  std::array<char, 8> buffer;
  auto hung = co_await deadline(guest.clock, second * 5, ask(guest, server_address, "two"), "it");
  EXPECT_EQ(hung.error().code, Code::timeout);
  CO_TRY(co_await other->send(one->local(), "lost"));
  CO_TRY(co_await one->send(other->local(), "lost"));
  std::vector<std::string_view> late{"late"};
  CO_TRY(co_await stream->write(late));
  hung = co_await deadline(guest.clock, second, ask(guest, server_address, "three"), "it");
  EXPECT_EQ(hung.error().code, Code::timeout);

  sim.network().rejoin("10.0.0.7");
  size_t got = CO_TRY(co_await stream->read(buffer));
  EXPECT_EQ(std::string_view(buffer.data(), got), "late");  // nothing broke
  CO_TRY(co_await other->send(one->local(), "here"));
  auto came = CO_TRY(co_await one->receive(buffer));
  EXPECT_EQ(std::string_view(buffer.data(), came.size), "here");
  EXPECT_EQ(came.from, other->local());
  co_return Result<>{};
}

TEST(SimWorld, a_machine_is_cut_off_and_comes_back) {
  SimOptions options;
  options.network.short_read = 0;
  SimWorld sim(3, options);
  auto& server = sim.start_process("server");
  auto& guest = sim.start_process("guest", &sim.add_disk(), "10.0.0.7");
  sim.spawn(server, echo_server(server.world(), server_address));
  auto result = sim.run(machine_is_cut_off(sim, guest.world()));
  EXPECT_TRUE(result) << result.error().render();
}

TEST(SimWorld, network) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SimWorld sim(seed);
    auto& server = sim.start_process("server");
    sim.spawn(server, echo_server(server.world(), server_address));
    auto result = sim.run(network_faults(sim));
    EXPECT_TRUE(result) << seed << ": " << result.error().render();
  }
}

TEST(SimWorld, a_killed_server_breaks_its_connections) {
  SimWorld sim(4);
  auto& server = sim.start_process("server");
  sim.spawn(server, echo_server(server.world(), server_address));
  auto body = [](SimWorld& s, SimProcess& victim) -> Task<Result<>> {
    CO_TRY(co_await s.world().clock.sleep(second));
    auto stream = CO_TRY(co_await s.world().net.connect(server_address));
    victim.kill("test");
    std::array<char, 8> buffer;
    auto got = co_await stream->read(buffer);
    EXPECT_TRUE(!got || *got == 0);
    EXPECT_EQ((co_await s.world().net.connect(server_address)).error().code, Code::unavailable);
    co_return Result<>{};
  };
  auto result = sim.run(body(sim, server));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> datagram_body(World& world) {
  auto a = CO_TRY(world.net.datagrams(Address{"10.0.0.1", 0, ""}));
  auto b = CO_TRY(world.net.datagrams(Address{"10.0.0.2", 53, ""}));
  CO_TRY(co_await a->send(b->local(), "question"));
  std::array<char, 4> buffer;
  auto got = CO_TRY(co_await b->receive(buffer));
  EXPECT_EQ(std::string_view(buffer.data(), got.size), "ques");
  EXPECT_TRUE(got.truncated);
  EXPECT_EQ(got.from, a->local());
  co_return Result<>{};
}

TEST(SimWorld, datagrams) {
  SimWorld sim(1);
  auto result = sim.run(datagram_body(sim.world()));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> disk_body(World& world) {
  Disk& disk = world.disk;
  CO_TRY(co_await disk.make_dirs("/a/b"));
  CO_TRY(co_await disk.write_file("/a/b/one", "1"));
  auto file = CO_TRY(co_await disk.open("/a/b/two", OpenMode::create));
  CO_TRY(co_await file->write_at(3, "abc"));
  EXPECT_EQ(CO_TRY(co_await file->size()), 6u);
  CO_TRY(co_await file->truncate(4));
  EXPECT_EQ(CO_TRY(co_await disk.read_file("/a/b/two", Bytes(100))), std::string("\0\0\0a", 4));
  EXPECT_EQ(CO_TRY(co_await disk.list("/a/b")), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(CO_TRY(co_await disk.list("/a")), std::vector<std::string>{"b"});
  EXPECT_EQ((co_await disk.open("/a/b/one", OpenMode::create_new)).error().code,
            Code::already_exists);
  EXPECT_EQ((co_await disk.read_file("/none", Bytes(1))).error().code, Code::not_found);
  EXPECT_EQ((co_await disk.read_file("/a/b/two", Bytes(3))).error().code, Code::resource_exhausted);
  CO_TRY(co_await disk.rename("/a/b/two", "/a/three"));
  EXPECT_EQ((co_await disk.info("/a/b/two")).error().code, Code::not_found);
  EXPECT_TRUE(CO_TRY(co_await disk.info("/a/b")).is_directory);
  CO_TRY(co_await disk.remove("/a/three"));
  CO_TRY(co_await disk.remove_tree("/a"));
  EXPECT_EQ((co_await disk.list("/a")).error().code, Code::not_found);
  co_return Result<>{};
}

TEST(SimWorld, disk) {
  SimWorld sim(1);
  auto result = sim.run(disk_body(sim.world()));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> three_versions(World& world) {
  CO_TRY(co_await world.disk.make_dirs("/data"));
  for (int i = 1; i <= 3; ++i) {
    CO_TRY(co_await world.disk.write_file("/data/file",
                                          std::string(2000, static_cast<char>('0' + i))));
    world.crash.pass(fmt::format("written {}", i));
  }
  co_return Result<>{};
}

TEST(SimWorld, write_file_is_whole_or_not_at_all_at_every_step) {
  SimWorld measure(1);
  ASSERT_TRUE(measure.run(three_versions(measure.world())));
  uint64_t steps = measure.main().disk_operations();
  ASSERT_GT(steps, 10u);
  for (uint64_t at = 1; at <= steps; ++at) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      SimWorld sim(seed);
      sim.main().crash_at_disk(at);
      auto result = sim.run(three_versions(sim.world()));
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, Code::cancelled);
      size_t promised = sim.main().crash_log().size();
      sim.restart(true);
      auto read = sim.run(sim.world().disk.read_file("/data/file", Bytes(5000)));
      if (!read) {
        EXPECT_EQ(promised, 0u);
        continue;
      }
      ASSERT_EQ(read->size(), 2000u);
      EXPECT_EQ(*read, std::string(2000, read->front()));
      EXPECT_GE(static_cast<size_t>(read->front() - '0'), promised);
    }
  }
}

Task<Result<>> unsynced(World& world) {
  auto file = CO_TRY(co_await world.disk.open("/file", OpenMode::create));
  CO_TRY(co_await file->write_at(0, std::string(4096, 'a')));
  CO_TRY(co_await file->sync());
  CO_TRY(co_await world.disk.sync_dir("/"));
  CO_TRY(co_await file->write_at(0, std::string(4096, 'b')));
  co_return Result<>{};
}

TEST(SimWorld, a_power_cut_drops_or_tears_what_was_not_synced) {
  size_t kept = 0, dropped = 0, torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SimWorld sim(seed);
    ASSERT_TRUE(sim.run(unsynced(sim.world())));
    sim.restart(true);
    auto text = sim.run(sim.world().disk.read_file("/file", Bytes(5000))).value();
    ASSERT_EQ(text.size(), 4096u);
    auto count = static_cast<size_t>(std::ranges::count(text, 'b'));
    EXPECT_EQ(count % SimDisk::sector, 0u);
    ++(count == 0 ? dropped : count == 4096 ? kept : torn);
  }
  EXPECT_GT(kept, 20u);
  EXPECT_GT(dropped, 20u);
  EXPECT_GT(torn, 20u);
}

TEST(SimWorld, a_killed_process_loses_nothing_that_was_written) {
  SimWorld sim(5);
  ASSERT_TRUE(sim.run(unsynced(sim.world())));
  sim.restart(false);
  EXPECT_EQ(sim.run(sim.world().disk.read_file("/file", Bytes(5000))).value(),
            std::string(4096, 'b'));
}

struct Counts {
  int steps = 0;
  int cleaned = 0;
};

Task<Result<>> marches_on(World& world, Counts& counts) {
  for (int i = 0; i < 10; ++i) {
    world.crash.pass("before");
    auto written = co_await world.disk.write_file(fmt::format("/{}", i), "x");
    if (!written) {
      // Clean-up after death: neither waits nor has an effect.
      EXPECT_FALSE(co_await shield(world.disk.write_file("/cleaned", "x")));
      CO_TRY(co_await shield(world.clock.sleep(Duration::hours(1))));
      ++counts.cleaned;
      co_return written;
    }
    ++counts.steps;
  }
  co_return Result<>{};
}

TEST(SimWorld, crash_points_stop_the_process_at_the_chosen_one) {
  for (uint64_t at = 1; at <= 10; ++at) {
    SimWorld sim(at);
    Counts counts;
    sim.main().crash_at(at);
    auto start = sim.now();
    auto result = sim.run(marches_on(sim.world(), counts));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what,
              fmt::format("the process 'main' was killed at crash point 'before' #{}", at));
    EXPECT_EQ(counts.steps, static_cast<int>(at) - 1);
    EXPECT_EQ(counts.cleaned, 1);
    EXPECT_LT(sim.now() - start, second);
    sim.restart(false);
    EXPECT_EQ(sim.run(sim.world().disk.list("/")).value().size(), at - 1);
  }
}

TEST(SimWorld, programs_need_a_hook_and_signals_are_delivered) {
  SimWorld sim(1);
  EXPECT_EQ(sim.world().processes.start({.command = {"/bin/true"}}).error().code,
            Code::unsupported);
  auto body = [](SimWorld& s) -> Task<Result<int>> {
    s.main().raise(15);
    CO_TRY(co_await s.world().clock.sleep(second));
    co_return co_await s.world().processes.signal({2, 15});
  };
  EXPECT_EQ(sim.run(body(sim)).value(), 15);
}

TEST(SimWorld, the_blocking_interface_sees_the_same_files) {
  SimWorld sim(1);
  SyncDisk* disk = sim.world().disk.sync_disk();
  ASSERT_NE(disk, nullptr);
  auto file = disk->open("/db", OpenMode::create).value();
  ASSERT_TRUE(file->write_at(0, "page"));
  ASSERT_TRUE(file->sync());
  EXPECT_TRUE(disk->exists("/db"));
  EXPECT_EQ(sim.run(sim.world().disk.read_file("/db", Bytes(9))).value(), "page");
  sim.disk().full = true;
  EXPECT_EQ(file->write_at(0, "x").error().code, Code::resource_exhausted);
  sim.main().kill("test");
  EXPECT_EQ(file->sync().error().code, Code::cancelled);
}

}  // namespace
}  // namespace croft::aio
