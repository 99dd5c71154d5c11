// What parses must come back the same after both writers.
#include "wire/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::wire;
  auto value = json::parse({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  std::string compact = json::compact(*value);
  auto again = json::parse(compact);
  CHECK(again.has_value() && json::compact(*again) == compact, "JSON changes when written");
  CHECK(json::compact(json::parse(json::pretty(*value)).value()) == compact, "pretty JSON differs");
  return 0;
}
