// Any bytes as an archive: entries whose names stay inside, or an error.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "image/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  image::TarReader reader([&](std::span<char> into) -> Result<size_t> {
    size_t count = std::min(into.size(), rest.size());
    std::copy_n(rest.data(), count, into.data());
    rest.remove_prefix(count);
    return count;
  });
  for (;;) {
    auto entry = reader.next();
    if (!entry || !*entry) return 0;
    for (const std::string& part : split((*entry)->path, '/'))
      CHECK(part != ".." && part != ".", "names stay inside");
    CHECK((*entry)->mode <= 01777, "no bits of other users' rights");
    std::array<char, 1000> buffer;
    for (auto got = reader.read(buffer); got && *got > 0;) got = reader.read(buffer);
  }
}
