// Which crash points of a run a test tries: all of them with CROFT_LONG_TESTS=1 (./test.sh --long),
// else a sample that is the same in every run. Samples of different tests differ, so that together
// they reach the whole of a run. For tests; pure.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace croft::aio {

inline bool long_tests() {
  const char* wanted = std::getenv("CROFT_LONG_TESTS");
  return wanted && std::string_view(wanted) == "1";
}

/// Of the points 1..last of the test `name`: the last, and others at equal distances, `most` in
/// all.
inline std::vector<uint64_t> crash_points(std::string_view name, uint64_t last, size_t most) {
  uint64_t step = long_tests() ? 1 : std::max<uint64_t>(1, (last + most - 1) / most);
  uint64_t hash = 14695981039346656037u;  // FNV-1a: the same on every machine
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  std::vector<uint64_t> out;
  for (uint64_t at = 1 + hash % step; at < last; at += step) out.push_back(at);
  if (last > 0) out.push_back(last);
  return out;
}

}  // namespace croft::aio
