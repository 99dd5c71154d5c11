// Any bytes, shown whole and byte by byte, must give the same request, body and verdict.
#include "wire/http1.h"

namespace {
using namespace croft::wire;

struct Outcome {
  bool ok = false;
  bool needs_more = false;
  std::string method, target, body;
  size_t trailers = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

template <class Parser>
Outcome run(Parser parser, std::string_view input, size_t step) {
  Outcome out;
  size_t used = 0, shown = 0;
  bool in_body = false;
  while (!in_body || !parser.done()) {
    std::string_view rest = input.substr(used, shown - used);
    size_t consumed = 0;
    if (!in_body) {
      auto head = parser.head(rest);
      if (!head) return {};
      consumed = *head;
      in_body = consumed > 0;
    } else {
      auto piece = parser.body(rest);
      if (!piece) return {};
      consumed = piece->consumed;
      out.body += piece->data;
    }
    CHECK(consumed <= rest.size(), "consumed more than was shown");
    used += consumed;
    if (consumed > 0) continue;
    if (shown == input.size()) {
      out.needs_more = true;
      return out;
    }
    shown = std::min(shown + step, input.size());
  }
  out.ok = true;
  out.trailers = parser.trailers().fields().size();
  if constexpr (std::is_same_v<Parser, RequestParser>) {
    out.method = parser.request().method;
    out.target = parser.request().target;
    CHECK(serialize(parser.request()).has_value(), "a parsed request must be serialisable");
  } else {
    out.target = std::to_string(parser.response().status);
  }
  return out;
}

template <class Make>
void compare(Make make, std::string_view input) {
  Outcome whole = run(make(), input, input.size());
  Outcome single = run(make(), input, 1);
  if (whole.needs_more || single.needs_more) return;
  CHECK(whole == single, "the cut of the input changes the outcome");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string input(reinterpret_cast<const char*>(data), size);
  compare([] { return RequestParser(); }, input);
  compare([] { return ResponseParser(); }, input);
  return 0;
}
