// Resource ids of EC2: a prefix and 17 hex digits (old ones: 8), with the error codes that belong
// to each kind. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "base/error.h"

namespace croft::farm::ec2 {

struct IdKind {
  std::string_view prefix;         ///< "i"
  std::string_view resource_type;  ///< "instance": as tags and filters name it
  std::string_view malformed;      ///< "InvalidInstanceID.Malformed"
  std::string_view not_found;      ///< "InvalidInstanceID.NotFound"
  std::string_view noun;           ///< "instance ID": for messages
};

/// The kind of a prefix that this farm knows; null otherwise.
const IdKind* id_kind(std::string_view prefix);
/// The kind by the part before the first '-'.
const IdKind* id_kind_of(std::string_view id);

/// prefix-hhhhhhhh or prefix-hhhhhhhhhhhhhhhhh, lower-case hex.
bool well_formed(const IdKind& kind, std::string_view id);
Result<> check_id(const IdKind& kind, std::string_view id);
/// "The instance ID 'i-1' does not exist", with the code of the kind.
Error not_found(const IdKind& kind, const std::vector<std::string>& ids);

std::string new_id(aio::Random& random, std::string_view prefix);
/// An id that is the same for the same words: default VPCs, subnets and groups need no record.
std::string derived_id(std::string_view prefix, std::string_view account, std::string_view name);

}  // namespace croft::farm::ec2
