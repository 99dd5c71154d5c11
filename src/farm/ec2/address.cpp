#include "farm/ec2/address.h"

#include <fmt/format.h>

#include <bit>

#include "base/text.h"
#include "farm/api/error.h"

namespace croft::farm::ec2 {

namespace {
constexpr uint32_t network_base = (10u << 24) | (77u << 16);
}

std::string Subnet::text() const {
  return fmt::format("{}/{}", ipv4_text(base), prefix);
}

Subnet subnet_of(size_t zone, size_t zones) {
  int bits = std::bit_width(std::bit_ceil(std::max<size_t>(zones, 1))) - 1;
  int prefix = 16 + bits;
  return {network_base + (static_cast<uint32_t>(zone) << (32 - prefix)), prefix};
}

std::optional<uint32_t> parse_ipv4(std::string_view text) {
  auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  uint32_t out = 0;
  for (const std::string& part : parts) {
    auto number = parse_u64(part);
    if (!number || *number > 255 || (part.size() > 1 && part[0] == '0')) return std::nullopt;
    out = out << 8 | static_cast<uint32_t>(*number);
  }
  return out;
}

std::optional<Subnet> parse_network(std::string_view text) {
  auto parts = cut(text, '/');
  if (!parts) return std::nullopt;
  auto base = parse_ipv4(parts->first);
  auto prefix = parse_u64(parts->second);
  if (!base || !prefix || *prefix > 32 || *prefix == 0) return std::nullopt;
  Subnet out{*base, static_cast<int>(*prefix)};
  if ((out.base & (out.size() - 1)) != 0) return std::nullopt;
  return out;
}

std::optional<std::string> masked_network(std::string_view text) {
  auto parts = cut(text, '/');
  auto base = parse_ipv4(parts ? parts->first : text);
  auto prefix = parts ? parse_u64(parts->second) : std::optional<uint64_t>(32);
  if (!base || !prefix || *prefix > 32) return std::nullopt;
  uint32_t mask = *prefix == 0 ? 0 : ~uint32_t{0} << (32 - *prefix);
  return fmt::format("{}/{}", ipv4_text(*base & mask), *prefix);
}

namespace {
Error no_block(std::string_view text, std::string_view parameter) {
  return aws_error("InvalidParameterValue", 400,
                   fmt::format("Value ({}) for parameter {} is invalid. This is not a valid CIDR "
                               "block.",
                               printable(text), parameter));
}
}  // namespace

Result<std::string> canonical_network(std::string_view text, std::string_view parameter) {
  auto masked = masked_network(text);
  if (!masked || text.find('/') == text.npos) return fail(no_block(text, parameter));
  return std::move(*masked);
}

Result<std::string> canonical_ipv6(std::string_view text, std::string_view parameter) {
  auto parts = cut(text, '/');
  auto prefix = parts ? parse_u64(parts->second) : std::nullopt;
  bool looks = parts && parts->first.find(':') != std::string_view::npos &&
               parts->first.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  if (!looks || !prefix || *prefix > 128) return fail(no_block(text, parameter));
  return to_lower(text);
}

std::string ipv4_text(uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, (a >> 16) & 255, (a >> 8) & 255, a & 255);
}

}  // namespace croft::farm::ec2
