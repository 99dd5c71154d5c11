// Access control lists of buckets and objects: canned ones, grant headers, the XML document, and
// what a list allows. Canonical ids name accounts. Pure but for look-ups among the accounts.
#pragma once
#include <string>
#include <string_view>

#include "farm/api/accounts.h"
#include "farm/s3/record.h"
#include "wire/http.h"

namespace croft::farm::s3 {

inline constexpr std::string_view all_users = "http://acs.amazonaws.com/groups/global/AllUsers";
inline constexpr std::string_view authenticated_users =
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
inline constexpr std::string_view log_delivery = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// Whose list it is, by canonical id.
struct AclOwners {
  std::string owner;
  std::string bucket_owner;
};

/// InvalidArgument for a name that is no canned ACL.
Result<Acl> canned_acl(std::string_view name, const AclOwners& owners);
/// x-amz-acl or x-amz-grant-*. `told` says whether one of them was there. InvalidRequest for both.
Result<Acl> acl_from_headers(const wire::Headers& headers, const AclOwners& owners,
                             const Accounts& accounts, bool& told);
/// The document of PutBucketAcl and PutObjectAcl. MalformedACLError, InvalidArgument.
Result<Acl> acl_from_xml(std::string_view text, const AclOwners& owners, const Accounts& accounts);
std::string acl_document(const Acl& acl, std::string_view owner, const Accounts& accounts);

/// Does the list give `permission` to that account (canonical id; empty: nobody known)?
/// `groups` false: grants to groups do not count.
bool acl_allows(const Acl& acl, std::string_view canonical_id, std::string_view permission,
                bool groups);
/// Everybody, or everybody with an account, may do something.
bool is_public(const Acl& acl);

}  // namespace croft::farm::s3
