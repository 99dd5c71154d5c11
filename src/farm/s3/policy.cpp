#include "farm/s3/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/units.h"
#include "farm/api/error.h"
#include "farm/s3/policy_names.h"
#include "wire/json.h"

namespace croft::farm::s3 {
namespace {

namespace json = wire::json;

constexpr size_t max_statements = 500;

Error malformed(std::string text) {
  return aws_error("MalformedPolicy", 400, std::move(text));
}

/// One text or a list of texts.
Result<std::vector<std::string>> texts_of(const json::Value& value, std::string_view what) {
  std::vector<std::string> out;
  auto put = [&](const json::Value& item) -> Result<> {
    if (item.is_string())
      out.emplace_back(item.get_string());
    else if (item.is_bool())
      out.emplace_back(item.get_bool() ? "true" : "false");
    else if (item.is_int64())
      out.push_back(std::to_string(item.get_int64()));
    else
      return fail(malformed(fmt::format("Policy has invalid {}: texts were expected", what)));
    return {};
  };
  if (const json::Array* items = value.if_array()) {
    for (const json::Value& item : *items) TRY(put(item));
  } else {
    TRY(put(value));
  }
  return out;
}

std::string lower_key(std::string_view key) {
  size_t slash = key.find('/');
  if (slash == std::string_view::npos) return to_lower(key);
  return to_lower(key.substr(0, slash)) + std::string(key.substr(slash));
}

/// IPv4 "10.0.0.0/8" or one address, as first address and number of bits.
struct Network {
  uint32_t address = 0;
  unsigned bits = 32;
};
std::optional<Network> parse_network(std::string_view text) {
  Network out;
  if (auto parts = cut(text, '/')) {
    auto bits = parse_u64(parts->second);
    if (!bits || *bits > 32) return {};
    out.bits = static_cast<unsigned>(*bits);
    text = parts->first;
  }
  std::vector<std::string> bytes = split(text, '.');
  if (bytes.size() != 4) return {};
  for (const std::string& byte : bytes) {
    auto value = parse_u64(byte);
    if (!value || *value > 255) return {};
    out.address = (out.address << 8) | static_cast<uint32_t>(*value);
  }
  return out;
}

bool in_network(std::string_view network, std::string_view address) {
  auto net = parse_network(network), one = parse_network(address);
  if (!net || !one) return network == address;
  uint32_t mask = net->bits == 0 ? 0 : ~uint32_t{0} << (32 - net->bits);
  return (net->address & mask) == (one->address & mask);
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
  if (op.ends_with("notequals")) return sign != 0;
  if (op.ends_with("lessthanequals")) return sign <= 0;
  if (op.ends_with("lessthan")) return sign < 0;
  if (op.ends_with("greaterthanequals")) return sign >= 0;
  if (op.ends_with("greaterthan")) return sign > 0;
  return sign == 0;
}

/// One value of the request against one of the policy.
bool matches(std::string_view op, std::string_view wanted, std::string_view got) {
  if (op == "stringequals" || op == "arnequals" || op == "arnlike" || op == "stringlike")
    return op == "stringequals" ? wanted == got : wildcard_match(wanted, got);
  if (op == "stringequalsignorecase") return equals_ignore_case(wanted, got);
  if (op == "bool") return equals_ignore_case(wanted, got);
  if (op == "ipaddress") return in_network(wanted, got);
  if (op.starts_with("numeric")) {
    auto a = parse_i64(got), b = parse_i64(wanted);
    return a && b && compares(op, *a < *b ? -1 : *a > *b);
  }
  if (op.starts_with("date")) {
    auto a = time_of(got), b = time_of(wanted);
    return a && b && compares(op, *a < *b ? -1 : *a > *b);
  }
  return wanted == got;  // binaryequals
}

/// "stringnotlike" -> "stringlike": its opposite; empty for operators that are none.
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

bool known_operator(std::string_view op) {
  std::string_view positive = opposite(op);
  return std::ranges::find(operators, positive.empty() ? op : positive) != operators.end();
}

/// "arn:aws:iam::123456789012:root" and the bare number name the account; so do its users.
bool names_account(std::string_view principal, const PolicyQuestion& question) {
  if (principal == "*") return true;
  if (question.account_id.empty()) return false;
  if (principal == question.account_id || principal == question.canonical_id) return true;
  std::vector<std::string> parts = split(principal, ':');
  return parts.size() == 6 && parts[0] == "arn" && parts[2] == "iam" &&
         (parts[4] == question.account_id || parts[4] == question.canonical_id);
}

}  // namespace

/// Reads one document; its methods are the levels of it.
class PolicyReader {
 public:
  explicit PolicyReader(std::string_view bucket) : bucket_(bucket) {}

  Result<Policy> read(std::string_view text) {
    if (text.size() > max_policy_bytes)
      return fail(malformed("Policies must not be larger than 20 KiB"));
    auto object = json::parse_object(text, "policy");
    if (!object)
      return fail(malformed("Policies must be valid JSON and the first byte must be '{'"));
    if (const json::Value* version = object->if_contains("Version"))
      if (!version->is_string() ||
          (version->get_string() != "2012-10-17" && version->get_string() != "2008-10-17"))
        return fail(malformed("The policy must contain a valid version string"));
    const json::Value* statements = object->if_contains("Statement");
    if (!statements) return fail(malformed("Missing required field Statement"));
    if (const json::Array* items = statements->if_array()) {
      if (items->empty() || items->size() > max_statements)
        return fail(malformed("Could not parse the policy: Statement is empty!"));
      for (const json::Value& item : *items) TRY(statement(item));
    } else {
      TRY(statement(*statements));
    }
    return std::move(policy_);
  }

 private:
  Result<Policy::Names> names(const json::Object& object, std::string_view name) {
    Policy::Names out;
    for (bool negated : {false, true}) {
      const json::Value* value =
          object.if_contains(negated ? fmt::format("Not{}", name) : std::string(name));
      if (!value) continue;
      if (out.present)
        return fail(malformed(fmt::format("Statement has both {0} and Not{0}", name)));
      out.present = true;
      out.negated = negated;
      out.values =
          name == "Principal" ? TRY(principals(*value)) : TRY(texts_of(*value, to_lower(name)));
      if (out.values.empty())
        return fail(malformed(fmt::format("Statement has an empty {}", name)));
    }
    if (!out.present) return fail(malformed(fmt::format("Missing required field {}", name)));
    return out;
  }

  Result<std::vector<std::string>> principals(const json::Value& value) {
    if (value.is_string()) {
      if (value.get_string() == "*") return std::vector<std::string>{"*"};
      return fail(malformed("Invalid principal in policy"));
    }
    const json::Object* kinds = value.if_object();
    if (!kinds) return fail(malformed("Invalid principal in policy"));
    std::vector<std::string> out;
    for (const auto& [kind, names] : *kinds) {
      if (kind != "AWS" && kind != "CanonicalUser" && kind != "Service" && kind != "Federated")
        return fail(malformed("Invalid principal in policy"));
      for (std::string& text : TRY(texts_of(names, "principal"))) {
        if ((kind == "AWS" && !is_aws_principal(text)) ||
            (kind == "CanonicalUser" && !is_canonical_user(text)))
          return fail(malformed(fmt::format("Invalid principal in policy: {}", printable(text))));
        if (kind == "AWS" || kind == "CanonicalUser")
          out.push_back(std::move(text));
        else
          out.push_back(fmt::format("{}:{}", std::string_view(kind), text));
      }
    }
    return out;
  }

  Result<> conditions(const json::Value& value, Policy::Statement& into) {
    const json::Object* operators_of = value.if_object();
    if (!operators_of) return fail(malformed("Condition must be an object"));
    for (const auto& [op_text, keys] : *operators_of) {
      Policy::Condition base;
      base.op = to_lower(op_text);
      if (base.op.ends_with("ifexists")) {
        base.if_exists = true;
        base.op.resize(base.op.size() - 8);
      }
      if (base.op.starts_with("forallvalues:")) base.for_all = true;
      if (base.op.starts_with("foranyvalue:")) base.for_any = true;
      if (size_t colon = base.op.find(':'); colon != std::string::npos)
        base.op = base.op.substr(colon + 1);
      const json::Object* pairs = keys.if_object();
      if (!known_operator(base.op) || !pairs)
        return fail(malformed(
            fmt::format("Invalid Condition type : {}", printable(std::string_view(op_text)))));
      for (const auto& [key, values] : *pairs) {
        Policy::Condition one = base;
        one.key = lower_key(key);
        one.values = TRY(texts_of(values, "condition"));
        if (one.key.starts_with("s3:existingobjecttag/")) policy_.asks_for_tags_ = true;
        if (!one.key.starts_with("s3:") && !one.key.starts_with("aws:"))
          return fail(malformed("Policy has an invalid condition key"));
        into.conditions.push_back(std::move(one));
      }
    }
    return {};
  }

  Result<> statement(const json::Value& value) {
    const json::Object* object = value.if_object();
    if (!object) return fail(malformed("Statement must be an object"));
    Policy::Statement out;
    const json::Value* effect = object->if_contains("Effect");
    if (!effect || !effect->is_string() ||
        (effect->get_string() != "Allow" && effect->get_string() != "Deny"))
      return fail(malformed("Invalid effect: Allow or Deny was expected"));
    out.allow = effect->get_string() == "Allow";
    out.principals = TRY(names(*object, "Principal"));
    if (out.allow && out.principals.negated)
      return fail(malformed("Allow with NotPrincipal is not allowed"));
    out.actions = TRY(names(*object, "Action"));
    out.resources = TRY(names(*object, "Resource"));
    for (const std::string& action : out.actions.values)
      if (!is_action(action))
        return fail(malformed(fmt::format("Policy has invalid action: {}", printable(action))));
    std::string whole = fmt::format("arn:aws:s3:::{}", bucket_);
    for (const std::string& resource : out.resources.values) {
      bool inside = resource == whole || resource.starts_with(whole + "/");
      // A wildcard may stand for the bucket's name too.
      bool wild = resource == "*" || wildcard_match(resource, whole) ||
                  wildcard_match(resource, whole + "/");
      if (!inside && !wild) return fail(malformed("Policy has invalid resource"));
    }
    if (!out.actions.negated && !out.resources.negated)
      for (const std::string& action : out.actions.values)
        if (!applies_to_any(action, out.resources.values, bucket_))
          return fail(malformed(fmt::format(
              "Action does not apply to any resource(s) in statement: {}", printable(action))));
    if (const json::Value* condition = object->if_contains("Condition"))
      TRY(conditions(*condition, out));
    policy_.statements_.push_back(std::move(out));
    return {};
  }

  std::string bucket_;
  Policy policy_;
};

Result<Policy> Policy::parse(std::string_view text, std::string_view bucket) {
  return PolicyReader(bucket).read(text);
}

bool Policy::holds(const Condition& condition, const PolicyFacts& facts) {
  std::optional<std::vector<std::string>> got = facts(condition.key);
  if (condition.op == "null") {
    bool wants_absent = !condition.values.empty() && condition.values.front() == "true";
    return got.has_value() != wants_absent;
  }
  std::string_view positive = opposite(condition.op);
  bool negated = !positive.empty();
  if (!got) return condition.if_exists || negated || condition.for_all;
  std::string_view op = negated ? positive : std::string_view(condition.op);
  auto one_matches = [&](const std::string& value) {
    bool any = std::ranges::any_of(
        condition.values, [&](const std::string& wanted) { return matches(op, wanted, value); });
    return any != negated;
  };
  if (condition.for_all) return std::ranges::all_of(*got, one_matches);
  return std::ranges::any_of(*got, one_matches);
}

bool Policy::applies(const Statement& statement, const PolicyQuestion& question) {
  bool principal = std::ranges::any_of(statement.principals.values, [&](const std::string& name) {
    return names_account(name, question);
  });
  if (principal == statement.principals.negated) return false;
  std::string action = to_lower(question.action);
  bool named = std::ranges::any_of(statement.actions.values, [&](const std::string& pattern) {
    return pattern == "*" || wildcard_match(to_lower(pattern), action);
  });
  if (named == statement.actions.negated) return false;
  bool here = std::ranges::any_of(statement.resources.values, [&](const std::string& pattern) {
    return wildcard_match(pattern, question.resource);
  });
  if (here == statement.resources.negated) return false;
  return std::ranges::all_of(statement.conditions, [&](const Condition& condition) {
    return holds(condition, question.facts);
  });
}

Verdict Policy::ask(const PolicyQuestion& question) const {
  Verdict verdict = Verdict::none;
  for (const Statement& statement : statements_) {
    if (!applies(statement, question)) continue;
    if (!statement.allow) return Verdict::deny;
    verdict = Verdict::allow;
  }
  return verdict;
}

bool Policy::is_public() const {
  return std::ranges::any_of(statements_, [](const Statement& statement) {
    if (!statement.allow) return false;
    bool anybody =
        statement.principals.negated ||
        std::ranges::find(statement.principals.values, "*") != statement.principals.values.end();
    if (!anybody) return false;
    // A fixed network or account narrows it down; a wildcard or the whole net does not.
    return std::ranges::none_of(statement.conditions, [](const Condition& condition) {
      static constexpr std::array narrow{
          "aws:sourceip",         "aws:sourcearn",    "aws:sourceaccount",
          "aws:principalaccount", "aws:principalarn", "aws:userid",
          "aws:sourcevpc",        "aws:sourcevpce",   "aws:principalorgid"};
      bool fixed = std::ranges::none_of(condition.values, [](const std::string& value) {
        return value.find('*') != std::string::npos || value.ends_with("/0");
      });
      return fixed && opposite(condition.op).empty() && condition.op != "null" &&
             std::ranges::find(narrow, condition.key) != narrow.end();
    });
  });
}

}  // namespace croft::farm::s3
