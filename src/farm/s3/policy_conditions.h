// The conditions of a bucket policy: their operators, the keys that exist and what values may be
// held against them, and variables such as ${aws:userid}. Pure.
// Sources: "IAM JSON policy elements: Condition operators", "Policy variables and tags", "Actions,
// resources, and condition keys for Amazon S3".
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace croft::farm::s3 {

/// What a statement's condition may ask about: the values of a key such as "s3:prefix" or
/// "aws:SourceIp"; nullopt when the request has none. Keys compare without regard to case.
using PolicyFacts = std::function<std::optional<std::vector<std::string>>(std::string_view key)>;

/// In lower case, but for what stands behind a '/': the name of a tag.
std::string lower_key(std::string_view key);

/// Operators are in lower case, without set quantifier and "IfExists".
bool known_operator(std::string_view op);
/// "stringnotlike" -> "stringlike": its opposite; empty for operators that are none.
std::string_view opposite(std::string_view op);
/// Is `wanted` something that `op` can be asked with: an address, a number, a date, a truth?
bool is_value_for(std::string_view op, std::string_view wanted);
/// One value of the request against one of the policy; `op` is no opposite.
bool matches(std::string_view op, std::string_view wanted, std::string_view got);

/// Does S3 know such a key? In the form of lower_key().
bool is_condition_key(std::string_view key);

/// The first variable in the text that means nothing, as it stands there; empty: none.
std::string_view unknown_variable(std::string_view text);
bool has_variables(std::string_view text);
/// As matches(), with variables filled in; nullopt: the request has no value for one of them.
std::optional<bool> matches_filled(std::string_view op, std::string_view wanted,
                                   std::string_view got, const PolicyFacts& facts);

}  // namespace croft::farm::s3
