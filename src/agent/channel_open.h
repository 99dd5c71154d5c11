// Private to the channel_*.cpp: one open channel, and what their workers share.
#pragma once
#include "agent/channels.h"

namespace croft::agent {

inline constexpr size_t piece_bytes = 32 << 10;

struct Channels::Open {
  std::unique_ptr<Channel> channel;
  uint32_t companion = 0;  ///< the channel of its stderr; 0: none
  aio::Event hung_up;
};

}  // namespace croft::agent
