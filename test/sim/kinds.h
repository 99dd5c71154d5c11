// What can go wrong in a simulated life. Header-only, for test/sim.
#pragma once
#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace croft::simtest {

enum class Kind {
  // Of a controller, its disk, and its way to a store that several share.
  crash,
  kill,
  power,
  pause,
  clock,
  full,
  broken,
  store_cut,
  store_lossy,
  store_slow,
  hand_over,
  // Of the farm and the network.
  farm,
  cut,
  silence,
  slow,
  refuse,
  // Of machines that are hosts.
  agent_crash,
  agent_kill,
  agent_pause,
  agent_full,
  machine_cut,
  process_end,
  door_silence
};

constexpr std::string_view text_of(Kind kind) {
  switch (kind) {
    case Kind::crash:
      return "the controller dies at a crash point";
    case Kind::kill:
      return "the controller is killed";
    case Kind::power:
      return "the controller loses power";
    case Kind::pause:
      return "the controller stands still";
    case Kind::clock:
      return "the controller's clock is set";
    case Kind::full:
      return "the controller's disk is full";
    case Kind::broken:
      return "the controller's disk is broken";
    case Kind::store_cut:
      return "the controller does not reach the store";
    case Kind::store_lossy:
      return "the way to the store loses much";
    case Kind::store_slow:
      return "the way to the store is slow";
    case Kind::hand_over:
      return "the controller is stopped";
    case Kind::farm:
      return "the farm is killed";
    case Kind::cut:
      return "the farm is cut off";
    case Kind::silence:
      return "the farm is silent";
    case Kind::slow:
      return "the network is slow";
    case Kind::refuse:
      return "the farm refuses";
    case Kind::agent_crash:
      return "an agent dies at a crash point";
    case Kind::agent_kill:
      return "an agent is killed";
    case Kind::agent_pause:
      return "an agent stands still";
    case Kind::agent_full:
      return "a machine's disk is full";
    case Kind::machine_cut:
      return "a machine is cut off";
    case Kind::process_end:
      return "a process ends";
    case Kind::door_silence:
      return "agents do not reach the controller";
  }
}

struct Event {
  Moment at;
  Duration lasts;
  Kind kind;
  uint64_t number = 0;
};

/// All that is drawn in a life.
struct Dice {
  explicit Dice(uint64_t seed) : draw(seed) {}
  uint64_t up_to(uint64_t most) { return 1 + draw() % most; }
  bool one_in(uint64_t n) { return draw() % n == 0; }
  /// As many short ones as long ones.
  Duration a_while(Duration least, Duration most) {
    int64_t out = least.ns();
    for (int64_t high = most.ns(); out * 2 < high && !one_in(6);) out *= 2;
    return Duration::nanoseconds(out + static_cast<int64_t>(draw() % static_cast<uint64_t>(out)));
  }
  std::mt19937_64 draw;
};

/// What goes wrong from now on, in order. `shared`: several controllers share a store.
inline std::vector<Event> plan_trouble(Dice& dice, Moment now, bool shared, bool hosts) {
  std::vector<Event> out;
  auto line = [&](std::vector<Kind> kinds) {
    Moment at = now;
    for (uint64_t i = dice.draw() % 4; i > 0; --i) {
      Event event;
      event.at = at + dice.a_while(Duration::milliseconds(2), Duration::seconds(8));
      event.kind = kinds[dice.draw() % kinds.size()];
      event.lasts = dice.a_while(Duration::milliseconds(5), Duration::seconds(40));
      event.number = dice.draw();
      at = event.at + event.lasts;
      out.push_back(event);
    }
  };
  line({Kind::crash, Kind::crash, Kind::kill, Kind::power, Kind::clock, Kind::full, Kind::broken});
  if (shared)
    line({Kind::store_cut, Kind::store_lossy, Kind::store_slow, Kind::hand_over, Kind::pause});
  if (hosts)
    line({Kind::agent_crash, Kind::agent_kill, Kind::agent_pause, Kind::agent_full,
          Kind::machine_cut, Kind::process_end, Kind::door_silence});
  line({Kind::farm, Kind::cut, Kind::silence, Kind::slow, Kind::refuse, Kind::pause});
  std::ranges::stable_sort(out, {}, &Event::at);
  return out;
}

}  // namespace croft::simtest
