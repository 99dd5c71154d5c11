// What can go wrong in a simulated life. Header-only, for test/sim.
#pragma once
#include <string_view>

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

}  // namespace croft::simtest
