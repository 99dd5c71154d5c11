// simulation [--from SEED] [--seeds COUNT] [--tell] [--all]: so many lives full of trouble, each of
// one seed. Prints how many seeds a second; the first that fails with its story, and ends with 1.
// `--tell` prints every story: a seed replays exactly. `--all` goes on where one has failed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "trouble.h"

namespace croft::simtest {
namespace {

struct Options {
  uint64_t from = 1, seeds = 1000;
  bool tell = false, all = false;
};

std::optional<Options> options_of(int count, char** words) {
  Options out;
  for (int i = 1; i < count; ++i) {
    std::string_view word = words[i];
    if (word == "--tell" || word == "--all") {
      (word == "--tell" ? out.tell : out.all) = true;
      continue;
    }
    auto number = i + 1 < count ? parse_u64(words[++i]) : std::nullopt;
    if (!number || (word != "--from" && word != "--seeds")) return std::nullopt;
    (word == "--from" ? out.from : out.seeds) = *number;
  }
  return out;
}

/// False: it failed.
bool live(uint64_t seed, bool tell) {
  Trouble trouble(seed);
  auto print = [](const std::string& line) { fmt::print("{}\n", line); };
  if (tell) trouble.on_tell = print;
  auto lived = trouble.live();
  if (lived) return true;
  if (!tell) std::ranges::for_each(trouble.story(), print);
  fmt::print("seed {} failed: {}\nreplay: simulation --from {} --seeds 1 --tell\n", seed,
             lived.error().render(), seed);
  return false;
}

int run(int count, char** words) {
  auto options = options_of(count, words);
  if (!options) {
    fmt::print(stderr, "usage: simulation [--from SEED] [--seeds COUNT] [--tell] [--all]\n");
    return 64;
  }
  auto begin = std::chrono::steady_clock::now();
  uint64_t failed = 0;
  for (uint64_t seed = options->from; seed < options->from + options->seeds; ++seed) {
    if (live(seed, options->tell)) continue;
    ++failed;
    if (!options->all) return 1;
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("simulation: {} seeds from {}, {} failed, {:.0f} a second\n", options->seeds,
             options->from, failed, static_cast<double>(options->seeds) / took.count());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace croft::simtest

int main(int count, char** words) {
  return croft::simtest::run(count, words);
}
