#include "farm/s3/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
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
  PolicyReader(std::string_view bucket, PolicyFrom from)
      : bucket_(bucket), strict_(from == PolicyFrom::caller) {}

  Result<Policy> read(std::string_view text) {
    if (text.size() > max_policy_bytes)
      return fail(malformed("Policies must not be larger than 20 KiB"));
    auto object = json::parse_object(text, "policy");
    if (!object)
      return fail(malformed("Policies must be valid JSON and the first byte must be '{'"));
    TRY(only(*object, {"Version", "Id", "Statement"}));
    if (const json::Value* version = object->if_contains("Version")) {
      if (!version->is_string() ||
          (version->get_string() != "2012-10-17" && version->get_string() != "2008-10-17"))
        return fail(malformed("The policy must contain a valid version string"));
      policy_.variables_ = version->get_string() == "2012-10-17";
    }
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
  /// A name that means nothing is a typing error, and might be the one that was to keep others out.
  Result<> only(const json::Object& object, std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : object)
      if (strict_ && std::ranges::find(names, std::string_view(name)) == names.end())
        return fail(malformed(fmt::format("Unknown field {}", printable(std::string_view(name)))));
    return {};
  }

  /// Variables of the text, where the policy's version has them.
  Result<> known_variables(std::string_view text) const {
    std::string_view unknown = unknown_variable(text);
    if (!strict_ || !policy_.variables_ || unknown.empty()) return {};
    return fail(
        malformed(fmt::format("Policy has an unknown policy variable: {}", printable(unknown))));
  }

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
      if (base.op.ends_with("ifexists") && (!strict_ || base.op != "nullifexists")) {
        base.if_exists = true;
        base.op.resize(base.op.size() - 8);
      }
      if (base.op.starts_with("forallvalues:")) base.for_all = true;
      if (base.op.starts_with("foranyvalue:")) base.for_any = true;
      size_t colon = base.op.find(':');
      if (colon != std::string::npos && (base.for_all || base.for_any || !strict_))
        base.op = base.op.substr(colon + 1);
      const json::Object* pairs = keys.if_object();
      if (!known_operator(base.op) || !pairs)
        return fail(malformed(
            fmt::format("Invalid Condition type : {}", printable(std::string_view(op_text)))));
      for (const auto& [key, values] : *pairs) {
        Policy::Condition one = base;
        one.key = lower_key(key);
        one.values = TRY(texts_of(values, "condition"));
        TRY(sensible(one, key));
        into.conditions.push_back(std::move(one));
      }
    }
    return {};
  }

  Result<> sensible(const Policy::Condition& condition, std::string_view key) {
    bool tags = condition.key.starts_with("s3:existingobjecttag/");
    policy_.asks_for_tags_ = policy_.asks_for_tags_ || tags;
    bool known = strict_ ? is_condition_key(condition.key)
                         : condition.key.starts_with("s3:") || condition.key.starts_with("aws:");
    if (!known)
      return fail(
          malformed(fmt::format("Policy has an invalid condition key: {}", printable(key))));
    if (strict_ && condition.values.empty())
      return fail(
          malformed(fmt::format("Policy has a condition without values: {}", printable(key))));
    for (const std::string& value : condition.values) {
      if (strict_ && !is_value_for(condition.op, value))
        return fail(malformed(fmt::format("Policy has an invalid condition value for {}: {}",
                                          printable(key), printable(value))));
      TRY(known_variables(value));
    }
    return {};
  }

  Result<> statement(const json::Value& value) {
    const json::Object* object = value.if_object();
    if (!object) return fail(malformed("Statement must be an object"));
    TRY(only(*object, {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction",
                       "Resource", "NotResource", "Condition"}));
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
      TRY(known_variables(resource));
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
  bool strict_;
  Policy policy_;
};

Result<Policy> Policy::parse(std::string_view text, std::string_view bucket, PolicyFrom from) {
  return PolicyReader(bucket, from).read(text);
}

bool Policy::holds(const Condition& condition, const PolicyFacts& facts, bool allow) const {
  std::optional<std::vector<std::string>> got = facts(condition.key);
  if (condition.op == "null") {
    bool wants_absent = !condition.values.empty() && condition.values.front() == "true";
    return got.has_value() != wants_absent;
  }
  std::string_view positive = opposite(condition.op);
  bool negated = !positive.empty();
  // Of no value none differs.
  if (!got && condition.for_any) return condition.if_exists;
  if (!got) return condition.if_exists || negated || condition.for_all;
  std::string_view op = negated ? positive : std::string_view(condition.op);
  auto one_matches = [&](const std::string& value) {
    bool any = false, unfilled = false;
    for (const std::string& wanted : condition.values) {
      std::optional<bool> same = variables_ ? matches_filled(op, wanted, value, facts)
                                            : std::optional(matches(op, wanted, value));
      any = any || same.value_or(false);
      unfilled = unfilled || !same;
    }
    // Whether it differs from what nobody knows: nothing is let in by that.
    if (negated && !any && unfilled) return !allow;
    return any != negated;
  };
  if (condition.for_all) return std::ranges::all_of(*got, one_matches);
  return std::ranges::any_of(*got, one_matches);
}

bool Policy::applies(const Statement& statement, const PolicyQuestion& question) const {
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
    if (!variables_) return wildcard_match(pattern, question.resource);
    return matches_filled("arnlike", pattern, question.resource, question.facts).value_or(false);
  });
  if (here == statement.resources.negated) return false;
  return std::ranges::all_of(statement.conditions, [&](const Condition& condition) {
    return holds(condition, question.facts, statement.allow);
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
