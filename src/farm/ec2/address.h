// The addresses of instances. The default network is 10.77.0.0/16, cut into one part per zone; in
// every subnet the first four addresses and the last stay free, as in EC2. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft::farm::ec2 {

struct Subnet {
  uint32_t base = 0;
  int prefix = 16;
  uint32_t size() const { return 1u << (32 - prefix); }
  uint32_t first() const { return base + 4; }
  uint32_t last() const { return base + size() - 2; }
  bool contains(uint32_t address) const { return address >= first() && address <= last(); }
  bool holds(const Subnet& other) const {
    return other.prefix >= prefix && other.base >= base && other.base - base < size();
  }
  bool overlaps(const Subnet& other) const { return holds(other) || other.holds(*this); }
  std::string text() const;  ///< "10.77.64.0/18"
};

/// "10.0.1.0/24" with no bit set behind the prefix; nullopt otherwise.
std::optional<Subnet> parse_network(std::string_view text);

/// The same with the bits behind the prefix cleared, as EC2 clears them, and any prefix; an address
/// alone is a network of one. nullopt when it is neither.
std::optional<std::string> masked_network(std::string_view text);
/// masked_network() with a prefix; the error names the parameter.
Result<std::string> canonical_network(std::string_view text, std::string_view parameter);
/// In small letters; only its form is looked at.
Result<std::string> canonical_ipv6(std::string_view text, std::string_view parameter);

inline constexpr std::string_view network_text = "10.77.0.0/16";

/// The part of zone number `zone` of `zones` (1 to 64).
Subnet subnet_of(size_t zone, size_t zones);
std::optional<uint32_t> parse_ipv4(std::string_view text);
std::string ipv4_text(uint32_t address);

}  // namespace croft::farm::ec2
