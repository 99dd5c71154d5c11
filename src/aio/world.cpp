#include "aio/world.h"

#include <arpa/inet.h>

#include "aio/waiter.h"
#include "base/text.h"

namespace croft::aio {

namespace {
constexpr size_t copy_chunk = 64 << 10;

bool is_ip(const std::string& text, int family) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), buffer) == 1;
}
}  // namespace

Task<Result<>> Clock::sleep(Duration duration) {
  Waiter<> waiter;
  auto timer = call_at(now() + duration, [&waiter] { waiter.complete({}); });
  Result<> result = co_await waiter;
  if (!result) stop(timer);
  co_return result;
}

std::string Address::text() const {
  if (is_unix()) return "unix:" + path;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

Result<Address> Address::parse(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  Address out;
  if (text.starts_with(unix_prefix)) {
    out.path = text.substr(unix_prefix.size());
    if (out.path.empty()) return fail(Code::invalid_argument, "'unix:' needs a path after it");
    return out;
  }
  auto wrong = [&](std::string_view why) {
    return fail(Error(Code::invalid_argument,
                      fmt::format("'{}' is not an address: {}", printable(text), why))
                    .hint("expected 127.0.0.1:8080, [::1]:8080 or unix:/path"));
  };
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("it has no port");
  auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port > 65535) return wrong("the port must be a number from 0 to 65535");
  out.port = static_cast<uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    out.host = host.substr(1, host.size() - 2);
    if (!is_ip(out.host, AF_INET6)) return wrong("no IPv6 address stands between the brackets");
    return out;
  }
  out.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (!is_ip(out.host, AF_INET)) return wrong("the part before the port is no IP address");
  return out;
}

Task<Result<>> Stream::send_file(File& file, uint64_t offset, uint64_t length) {
  std::string buffer(std::min<uint64_t>(length, copy_chunk), '\0');
  while (length > 0) {
    size_t want = std::min<uint64_t>(length, buffer.size());
    size_t got = CO_TRY(co_await file.read_at(offset, {buffer.data(), want}));
    if (got == 0) co_return fail(Code::io, fmt::format("the file ends {} bytes too early", length));
    std::vector<std::string_view> pieces{std::string_view(buffer.data(), got)};
    CO_TRY(co_await write(std::move(pieces)));
    offset += got;
    length -= got;
  }
  co_return Result<>{};
}

uint64_t Random::next() {
  uint64_t out;
  fill({reinterpret_cast<uint8_t*>(&out), sizeof out});
  return out;
}

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0, "below() needs a bound above zero");
  // Values of the last, incomplete run of `bound` would favour small results: draw again.
  uint64_t incomplete = -bound % bound;
  uint64_t value = next();
  while (value < incomplete) value = next();
  return value % bound;
}

double Random::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::string Random::hex_id(size_t digits) {
  std::string bytes((digits + 1) / 2, '\0');
  fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  std::string out = hex(bytes);
  out.resize(digits);
  return out;
}

}  // namespace croft::aio
