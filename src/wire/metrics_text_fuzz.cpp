// Whatever a program calls its metrics: finite numbers come out, or the line that is none.
#include <cmath>
#include <cstdlib>

#include "wire/metrics_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t most = 8;
  auto read = croft::wire::metrics_in({reinterpret_cast<const char*>(data), size}, {}, most);
  if (!read) return 0;
  if (read->size() > most) std::abort();
  for (const auto& [name, value] : *read)
    if (name.empty() || !std::isfinite(value)) std::abort();
  return 0;
}
