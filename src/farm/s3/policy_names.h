// What a bucket policy may name: S3's actions and what each applies to, principals in their forms.
// AWS refuses a policy with a name that means nothing; a typing error would let nobody in, or keep
// nobody out. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace croft::farm::s3 {

/// "s3:GetObject", "s3:Get*", "*": is there such an action? Without regard to case.
bool is_action(std::string_view pattern);
/// Does a resource of the list ("arn:aws:s3:::b", "arn:aws:s3:::b/*") take some action that
/// `pattern` stands for?
bool applies_to_any(std::string_view pattern, const std::vector<std::string>& resources,
                    std::string_view bucket);
/// "*", an account's 12 digits, its ARN, or one of a user, role or session of it.
bool is_aws_principal(std::string_view text);
/// 64 hex digits.
bool is_canonical_user(std::string_view text);

}  // namespace croft::farm::s3
