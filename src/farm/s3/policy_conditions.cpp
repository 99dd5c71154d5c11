#include "farm/s3/policy_conditions.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "base/units.h"

namespace croft::farm::s3 {
namespace {

/// "10.0.0.0/8", "2001:db8::/32" or one address: its bytes, and how many of their bits count.
struct Network {
  std::string address;
  unsigned bits = 0;
};

std::optional<Network> parse_network(std::string_view text) {
  auto parts = cut(text, '/');
  std::string host(parts ? parts->first : text);
  std::array<char, sizeof(in6_addr)> bytes{};
  Network out;
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
    out.address.assign(bytes.data(), sizeof(in_addr));
  else if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1)
    out.address.assign(bytes.data(), sizeof(in6_addr));
  else
    return {};
  out.bits = static_cast<unsigned>(out.address.size() * 8);
  if (!parts) return out;
  auto bits = parse_u64(parts->second);
  if (!bits || *bits > out.bits) return {};
  out.bits = static_cast<unsigned>(*bits);
  return out;
}

bool in_network(std::string_view network, std::string_view address) {
  auto net = parse_network(network), one = parse_network(address);
  if (!net || !one || net->address.size() != one->address.size()) return network == address;
  size_t whole = net->bits / 8;
  if (net->address.compare(0, whole, one->address, 0, whole) != 0) return false;
  if (net->bits % 8 == 0) return true;
  int differing = net->address[whole] ^ one->address[whole];
  return ((differing & 0xff) >> (8 - net->bits % 8)) == 0;
}

std::optional<double> number_of(std::string_view text) {
  double out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return out;
}

std::optional<WallTime> time_of(std::string_view text) {
  if (auto time = WallTime::parse_iso8601(text)) return *time;
  if (text.size() == 10)
    if (auto time = WallTime::parse_iso8601(fmt::format("{}T00:00:00.000Z", text))) return *time;
  if (text.ends_with('Z') && text.find('.') == std::string_view::npos)
    if (auto time =
            WallTime::parse_iso8601(fmt::format("{}.000Z", text.substr(0, text.size() - 1))))
      return *time;
  constexpr int64_t farthest = 9'000'000'000;  // nanoseconds end in 2262
  if (auto seconds = parse_i64(text))
    return WallTime::from_unix_seconds(std::clamp(*seconds, -farthest, farthest));
  return {};
}

/// "numericlessthan" -> compares two numbers; the sign of a - b goes in.
bool compares(std::string_view op, int sign) {
  if (op.ends_with("lessthanequals")) return sign <= 0;
  if (op.ends_with("lessthan")) return sign < 0;
  if (op.ends_with("greaterthanequals")) return sign >= 0;
  if (op.ends_with("greaterthan")) return sign > 0;
  return sign == 0;
}

/// Operators whose values may hold wildcards.
bool is_like(std::string_view op) {
  return op == "stringlike" || op == "arnlike" || op == "arnequals";
}

constexpr std::array operators{"stringequals",
                               "stringequalsignorecase",
                               "stringlike",
                               "arnequals",
                               "arnlike",
                               "bool",
                               "ipaddress",
                               "binaryequals",
                               "null",
                               "numericequals",
                               "numericlessthan",
                               "numericlessthanequals",
                               "numericgreaterthan",
                               "numericgreaterthanequals",
                               "dateequals",
                               "datelessthan",
                               "datelessthanequals",
                               "dategreaterthan",
                               "dategreaterthanequals"};

// In lower case. Those that end in '/' go on with the key of a tag.
constexpr auto condition_keys = std::to_array<std::string_view>({
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltag/",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:requesttag/",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag/",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
    "s3:accessgrantsinstancearn",
    "s3:accesspointnetworkorigin",
    "s3:accesspointtag/",
    "s3:authtype",
    "s3:buckettag/",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:destinationregion",
    "s3:existingjoboperation",
    "s3:existingjobpriority",
    "s3:existingobjecttag/",
    "s3:if-match",
    "s3:if-none-match",
    "s3:inventoryaccessibleoptionalfields",
    "s3:isreplicationpauserequest",
    "s3:jobsuspendedcause",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestjoboperation",
    "s3:requestjobpriority",
    "s3:requestobjecttag/",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
});

/// One "${name}" or "${name, 'otherwise'}"; "${*}", "${?}" and "${$}" stand for the character.
struct Variable {
  std::string_view whole;  ///< with its braces; without an end: up to the text's
  std::string_view name;
  std::optional<std::string_view> otherwise;
  bool closed = false;

  bool is_character() const { return name == "*" || name == "?" || name == "$"; }
};

std::optional<Variable> first_variable(std::string_view text) {
  size_t begin = text.find("${");
  if (begin == std::string_view::npos) return {};
  size_t end = text.find('}', begin);
  Variable out{.whole = text.substr(begin)};
  if (end == std::string_view::npos) return out;
  out.closed = true;
  out.whole = text.substr(begin, end + 1 - begin);
  out.name = trim(text.substr(begin + 2, end - begin - 2));
  if (auto parts = cut(out.name, ',')) {
    std::string_view value = trim(parts->second);
    if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'')
      out.otherwise = value.substr(1, value.size() - 2);
    out.name = trim(parts->first);
  }
  return out;
}

// A star that a value brings along is no wildcard. While patterns are compared it has another face,
// on both sides: a character that no key of an object should have.
std::string as_itself(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '*', '\1');
  std::ranges::replace(out, '?', '\2');
  return out;
}

std::optional<std::string> fill(std::string_view text, bool wild, const PolicyFacts& facts) {
  std::string out;
  while (auto variable = first_variable(text)) {
    size_t at = static_cast<size_t>(variable->whole.data() - text.data());
    out += text.substr(0, at);
    text.remove_prefix(at + variable->whole.size());
    std::string value;
    if (!variable->closed) {
      out += variable->whole;
      continue;
    }
    if (variable->is_character()) {
      value = variable->name;
    } else if (auto values = facts(lower_key(variable->name)); values && values->size() == 1) {
      value = values->front();
    } else if (variable->otherwise) {
      value = *variable->otherwise;
    } else {
      return {};
    }
    out += wild ? as_itself(value) : value;
  }
  return out.append(text);
}

}  // namespace

std::string lower_key(std::string_view key) {
  size_t slash = key.find('/');
  if (slash == std::string_view::npos) return to_lower(key);
  return to_lower(key.substr(0, slash)) + std::string(key.substr(slash));
}

std::string_view opposite(std::string_view op) {
  struct Pair {
    std::string_view negative, positive;
  };
  static constexpr std::array pairs{Pair{"stringnotequals", "stringequals"},
                                    Pair{"stringnotequalsignorecase", "stringequalsignorecase"},
                                    Pair{"stringnotlike", "stringlike"},
                                    Pair{"notipaddress", "ipaddress"},
                                    Pair{"arnnotequals", "arnequals"},
                                    Pair{"arnnotlike", "arnlike"},
                                    Pair{"numericnotequals", "numericequals"},
                                    Pair{"datenotequals", "dateequals"}};
  for (const Pair& pair : pairs)
    if (pair.negative == op) return pair.positive;
  return {};
}

bool known_operator(std::string_view op) {
  std::string_view positive = opposite(op);
  return std::ranges::find(operators, positive.empty() ? op : positive) != operators.end();
}

bool is_value_for(std::string_view op, std::string_view wanted) {
  if (std::string_view positive = opposite(op); !positive.empty()) op = positive;
  if (op == "ipaddress") return parse_network(wanted).has_value();
  if (op.starts_with("numeric")) return number_of(wanted).has_value();
  if (op.starts_with("date")) return time_of(wanted).has_value();
  if (op == "bool" || op == "null")
    return equals_ignore_case(wanted, "true") || equals_ignore_case(wanted, "false");
  return true;
}

bool matches(std::string_view op, std::string_view wanted, std::string_view got) {
  if (op == "stringequals") return wanted == got;
  if (is_like(op)) return wildcard_match(wanted, got);
  if (op == "stringequalsignorecase" || op == "bool") return equals_ignore_case(wanted, got);
  if (op == "ipaddress") return in_network(wanted, got);
  if (op.starts_with("numeric")) {
    auto a = number_of(got), b = number_of(wanted);
    return a && b && compares(op, *a < *b ? -1 : *a > *b);
  }
  if (op.starts_with("date")) {
    auto a = time_of(got), b = time_of(wanted);
    return a && b && compares(op, *a < *b ? -1 : *a > *b);
  }
  return wanted == got;  // binaryequals
}

bool is_condition_key(std::string_view key) {
  size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::ranges::binary_search(condition_keys, key);
  return slash + 1 < key.size() &&
         std::ranges::binary_search(condition_keys, key.substr(0, slash + 1));
}

bool has_variables(std::string_view text) {
  return text.find("${") != std::string_view::npos;
}

std::string_view unknown_variable(std::string_view text) {
  while (auto variable = first_variable(text)) {
    bool known = variable->closed &&
                 (variable->is_character() || is_condition_key(lower_key(variable->name)));
    if (!known) return variable->whole;
    text.remove_prefix(static_cast<size_t>(variable->whole.data() - text.data()) +
                       variable->whole.size());
  }
  return {};
}

std::optional<bool> matches_filled(std::string_view op, std::string_view wanted,
                                   std::string_view got, const PolicyFacts& facts) {
  bool text = op.starts_with("string") || op.starts_with("arn");
  if (!text || !has_variables(wanted)) return matches(op, wanted, got);
  bool wild = is_like(op);
  auto filled = fill(wanted, wild, facts);
  if (!filled) return {};
  return matches(op, *filled, wild ? as_itself(got) : std::string(got));
}

}  // namespace croft::farm::s3
