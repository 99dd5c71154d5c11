// Any text is read or refused; names come sorted and once.
#include "base/error.h"
#include "components/java/property_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft;
  auto read = components::parse_properties({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  for (size_t i = 1; i < read->size(); ++i)
    CHECK((*read)[i - 1].first < (*read)[i].first, "names are not sorted, or not unique");
  return 0;
}
