// What parses must come back the same after writing and parsing again.
#include "wire/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  CHECK(percent_decode(percent_encode(input)).value() == input, "encoding loses bytes");
  std::string path = normalize_path(input);
  CHECK(normalize_path(path) == path, "normalising twice changes the path");
  if (auto query = Query::parse(input))
    CHECK(Query::parse(query->text()).value().pairs() == query->pairs(),
          "a query changes when written");
  if (auto target = Target::parse(input))
    CHECK(Target::parse(target->text()).value().path == target->path, "target");
  return 0;
}
