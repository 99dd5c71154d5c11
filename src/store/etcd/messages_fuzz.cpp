// What a member answers, or something that pretends to be one.
#include "store/etcd/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::store::etcd;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto news = watch_news(text, 2);
  if (news)
    for (const auto& change : news->changes) static_cast<void>(change.entry.key.size());
  static_cast<void>(refusal(400, text).render());
  auto object = croft::wire::json::parse_object(text);
  if (!object) return 0;
  static_cast<void>(revision_of(*object));
  static_cast<void>(entries(*object, 2));
  static_cast<void>(part_at(*object, 0, "response_range"));
  return 0;
}
