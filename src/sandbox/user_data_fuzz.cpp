#include <cstddef>
#include <cstdint>

#include "sandbox/user_data.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t limit = 16 * 1024;  // what EC2 takes
  if (size > limit) return 0;
  auto entries = croft::sandbox::boot_entries({reinterpret_cast<const char*>(data), size});
  return entries.size() > 100'000 ? -1 : 0;
}
