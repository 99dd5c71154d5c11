// Private to link.cpp and link_beats.cpp.
#pragma once
#include "agent/link.h"
#include "trust/authority.h"

namespace croft::agent {

inline constexpr size_t outgoing_max = 32;  // frames, of at most 32 KiB of data

/// One connection from Welcome to its end.
struct Link::Session {
  std::unique_ptr<aio::Stream> stream;
  protocol::FrameReader reader;
  protocol::Welcome welcome;
  std::string controller;  ///< where this leads: "10.0.0.7:7071"
  std::string node;        ///< as in our certificate
  aio::Channel<protocol::Frame> outgoing{outgoing_max};
  std::optional<Channels> channels;
  aio::Scope* scope = nullptr;
  std::map<std::string, model::WorkState> unsent;  ///< states: the last word on each item counts
  aio::Signal something;
  Moment heard;
  bool looking = false;              ///< whether another leads
  bool moved = false;                ///< one does
  uint64_t beats = 0, answered = 0;  ///< datagrams sent; how many there were at the last answer
  bool beats_pass = false;           ///< the controller takes datagrams
  std::optional<trust::KeyPair> coming;
  Moment reported;          ///< when the last Report was begun
  bool reporting = false;   ///< one is under way
  protocol::Report told{};  ///< what the controller knows

  aio::Task<Result<>> say(protocol::AgentMessage message) {
    co_return co_await outgoing.push(
        {'J', 0, wire::json::compact(protocol::to_json(std::move(message)))});
  }
};

}  // namespace croft::agent
