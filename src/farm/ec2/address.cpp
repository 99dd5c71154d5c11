#include "farm/ec2/address.h"

#include <fmt/format.h>

#include <bit>

#include "base/text.h"

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

std::string ipv4_text(uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, (a >> 16) & 255, (a >> 8) & 255, a & 255);
}

}  // namespace croft::farm::ec2
