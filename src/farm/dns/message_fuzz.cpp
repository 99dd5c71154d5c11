// Whatever an instance sends to its resolver: parsed or refused, and always answerable.
#include "farm/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::farm::dns;
  std::string_view message(reinterpret_cast<const char*>(data), size);
  auto question = parse_query(message);
  if (!question)
    return message_id(message)
               ? static_cast<int>(write_error(*message_id(message), Rcode::format_error).empty())
               : 0;
  std::string answer = write_answer(
      *question, Rcode::ok, {{Type::a, "10.77.0.5"}, {Type::ptr, question->name}}, max_udp_answer);
  CHECK(answer.size() <= max_udp_answer + question->raw.size(), "an answer above its limit");
  reverse_address(question->name);
  return 0;
}
