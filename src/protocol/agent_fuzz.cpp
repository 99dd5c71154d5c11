// Whatever a connection brings: frames and messages are read or refused, and what is read comes
// back the same.
#include <cstdlib>

#include "protocol/agent.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::protocol;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  FrameReader reader;
  reader.add(text);
  for (;;) {
    auto frame = reader.next();
    if (!frame || !*frame) break;
  }
  if (auto message = agent_message_from(text)) {
    auto again = agent_message_from(croft::wire::json::compact(to_json(*message)));
    if (!again || to_json(*again) != to_json(*message)) std::abort();
  }
  if (auto object = croft::wire::json::parse_object(text)) {
    if (auto work = host_work_from(*object)) {
      auto again = host_work_from(to_json(*work));
      if (!again || to_json(*again) != to_json(*work)) std::abort();
    }
  }
  auto node = node_of_heartbeat(text);
  static_cast<void>(node);
  return 0;
}
