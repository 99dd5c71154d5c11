#include "aio/sim/sim_loop.h"

namespace croft::aio {

namespace {
uint64_t scramble(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}
}  // namespace

uint64_t SimRandom::draw() {
  return scramble(state_ += 0x9e3779b97f4a7c15);
}

void SimRandom::fill(std::span<uint8_t> out) {
  for (size_t done = 0; done < out.size(); done += sizeof(uint64_t)) {
    uint64_t value = draw();
    memcpy(out.data() + done, &value, std::min(sizeof value, out.size() - done));
  }
}

Duration SimRandom::between(Duration low, Duration high) {
  if (high <= low) return low;
  return low + Duration::nanoseconds(
                   static_cast<int64_t>(below(static_cast<uint64_t>((high - low).ns()) + 1)));
}

std::string SimWaiting::text() const {
  std::string out;
  auto add = [&](size_t count, std::string_view what) {
    if (count > 0)
      out += fmt::format("{}{} {}{}", out.empty() ? "" : ", ", count, what, count == 1 ? "" : "s");
  };
  add(reads, "read");
  add(writes, "write");
  add(accepts, "accept");
  add(connects, "connect");
  add(datagrams, "datagram read");
  add(signals, "signal wait");
  return out.empty() ? "nothing outside is waited for" : out;
}

bool SimLoop::step() {
  if (!ready_.empty()) {
    // What becomes ready meanwhile waits for the next step: yield() lets all others run first.
    std::vector<std::coroutine_handle<>> batch;
    batch.swap(ready_);
    for (size_t i = batch.size(); i > 1; --i) std::swap(batch[i - 1], batch[random.below(i)]);
    mix(batch.size());
    resumptions_ += batch.size();
    for (auto handle : batch) handle.resume();
    return true;
  }
  auto at = events.next();
  if (!at) return false;
  now_ = std::max(now_, *at);
  mix(static_cast<uint64_t>(now_.ns));
  events.take_due(now_)();
  return true;
}

void SimLoop::mix(uint64_t value) {
  hash_ = scramble(hash_ ^ scramble(value + 0x9e3779b97f4a7c15));
}

void SimLoop::trace(std::string_view what) {
  // FNV-1a over words instead of bytes: whole pages of a database go through here.
  uint64_t sum = 0xcbf29ce484222325 ^ what.size();
  for (std::string_view rest = what; !rest.empty();) {
    uint64_t word = 0;
    size_t size = std::min(rest.size(), sizeof word);
    memcpy(&word, rest.data(), size);
    rest.remove_prefix(size);
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 32;  // what is in the high bytes reaches the low ones
  }
  mix(sum);
  if (observer) observer(now_, what);
}

}  // namespace croft::aio
