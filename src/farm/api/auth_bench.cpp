// How many signatures the farm verifies in a second, and whether the clock tells an unknown key
// from a wrong signature. Interleaved, medians; the bar is 20,000 a second and 5 us.
//   auth_bench [COUNT]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "aio/sim/sim_world.h"
#include "base/text.h"
#include "farm/api/auth.h"
#include "farm/s3/local_farm.h"

namespace croft::farm {
namespace {

wire::RequestHead request(std::string_view key, std::string_view secret, WallTime now) {
  wire::RequestHead head{"GET", "/bucket/key?list-type=2&prefix=a", {{"Host", "127.0.0.1:7480"}}};
  wire::sigv4::SigningKey signer{std::string(key), Secret(std::string(secret)), ""};
  auto done = wire::sigv4::sign_headers(head, signer, "s3", "us-east-1", now,
                                        wire::sigv4::unsigned_payload);
  CHECK(done.has_value(), "the request cannot be signed");
  return head;
}

int64_t timed(Authenticator& authenticator, const wire::RequestHead& head) {
  auto before = std::chrono::steady_clock::now();
  auto verified = authenticator.verify(head, Protocol::s3, {});
  auto after = std::chrono::steady_clock::now();
  static_cast<void>(verified);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count();
}

double median_us(std::vector<int64_t>& times) {
  std::ranges::sort(times);
  return static_cast<double>(times[times.size() / 2]) / 1000;
}

int run(size_t count) {
  aio::SimWorld sim(1);
  auto store = store::open_memory(sim.world());
  s3::OpenSealer sealer;
  auto accounts = sim.run(Accounts::open(sim.world(), *store, sealer));
  if (!accounts) return 1;
  NewAccount wanted{.name = "a", .access_key = "AKIAKNOWN", .secret_key = Secret("secret")};
  if (!sim.run((*accounts)->add(std::move(wanted)))) return 1;
  Authenticator authenticator(sim.world(), **accounts, "us-east-1");
  WallTime now = sim.world().clock.wall();
  wire::RequestHead good = request("AKIAKNOWN", "secret", now);
  wire::RequestHead wrong = request("AKIAKNOWN", "another", now);
  wire::RequestHead unknown = request("AKIANOONE", "another", now);
  std::vector<int64_t> good_times, wrong_times, unknown_times;
  for (size_t i = 0; i < count; ++i) {
    good_times.push_back(timed(authenticator, good));
    wrong_times.push_back(timed(authenticator, wrong));
    unknown_times.push_back(timed(authenticator, unknown));
  }
  double each = median_us(good_times), w = median_us(wrong_times), u = median_us(unknown_times);
  fmt::print(
      "verified: {:.2f} us, {:.0f} a second; wrong signature {:.2f} us, unknown key {:.2f} us, "
      "difference {:+.2f} us\n",
      each, 1e6 / each, w, u, u - w);
  return 0;
}

}  // namespace
}  // namespace croft::farm

int main(int argc, char** argv) {
  size_t count = argc > 1 ? static_cast<size_t>(croft::parse_u64(argv[1]).value_or(0)) : 0;
  return croft::farm::run(count > 0 ? count : 100'000);
}
