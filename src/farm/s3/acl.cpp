#include "farm/s3/acl.h"

#include <fmt/format.h>

#include "base/text.h"
#include "farm/api/error.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t max_grants = 100;

struct GrantHeader {
  std::string_view header;
  std::string_view permission;
};
constexpr std::array grant_headers{GrantHeader{"x-amz-grant-read", "READ"},
                                   GrantHeader{"x-amz-grant-write", "WRITE"},
                                   GrantHeader{"x-amz-grant-read-acp", "READ_ACP"},
                                   GrantHeader{"x-amz-grant-write-acp", "WRITE_ACP"},
                                   GrantHeader{"x-amz-grant-full-control", "FULL_CONTROL"}};

bool is_group(std::string_view uri) {
  return uri == all_users || uri == authenticated_users || uri == log_delivery;
}

AccountRef by_canonical(const Accounts& accounts, std::string_view id) {
  for (const AccountRef& account : accounts.all())
    if (account->canonical_id == id) return account;
  return nullptr;
}

Error invalid_argument(std::string text) {
  return aws_error("InvalidArgument", 400, std::move(text));
}

Result<std::string> known_id(std::string_view id, const Accounts& accounts) {
  if (by_canonical(accounts, id)) return std::string(id);
  return fail(invalid_argument("Invalid id").fact("xml:ArgumentName", "CanonicalUser/ID"));
}

Error malformed_acl() {
  return aws_error(
      "MalformedACLError", 400,
      "The XML you provided was not well-formed or did not validate against our published schema");
}

/// id="..." or uri="..." of a grant header.
Result<std::string> grantee_of(std::string_view text, const Accounts& accounts) {
  auto parts = cut(text, '=');
  if (!parts) return fail(invalid_argument("Argument format not recognized"));
  std::string_view kind = trim(parts->first), value = trim(parts->second);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (equals_ignore_case(kind, "id")) return known_id(value, accounts);
  if (equals_ignore_case(kind, "uri")) {
    if (is_group(value)) return std::string(value);
    return fail(invalid_argument("Invalid group uri"));
  }
  if (equals_ignore_case(kind, "emailAddress"))
    return fail(aws_error("UnresolvableGrantByEmailAddress", 400,
                          "The e-mail address you provided does not match any account on record."));
  return fail(invalid_argument("Argument format not recognized"));
}

Result<Grant> grant_from(const wire::xml::Element& element, const Accounts& accounts) {
  wire::xml::Element grantee = element.child("Grantee");
  auto permission = element.text_of("Permission");
  if (!grantee || !permission) return fail(malformed_acl());
  bool known = std::ranges::any_of(
      grant_headers, [&](const GrantHeader& row) { return row.permission == *permission; });
  if (!known) return fail(malformed_acl());
  if (auto id = grantee.text_of("ID"))
    return Grant{TRY(known_id(trim(*id), accounts)), *permission};
  if (auto uri = grantee.text_of("URI")) {
    if (!is_group(trim(*uri))) return fail(invalid_argument("Invalid group uri"));
    return Grant{std::string(trim(*uri)), *permission};
  }
  if (grantee.child("EmailAddress"))
    return fail(aws_error("UnresolvableGrantByEmailAddress", 400,
                          "The e-mail address you provided does not match any account on record."));
  return fail(malformed_acl());
}

}  // namespace

Result<Acl> canned_acl(std::string_view name, const AclOwners& owners) {
  std::vector<Grant> grants;
  auto group = [&](std::string_view uri, std::string permission) {
    grants.push_back({std::string(uri), std::move(permission)});
  };
  if (name == "private") return Acl{};
  if (name == "public-read") {
    group(all_users, "READ");
  } else if (name == "public-read-write") {
    group(all_users, "READ");
    group(all_users, "WRITE");
  } else if (name == "authenticated-read") {
    group(authenticated_users, "READ");
  } else if (name == "log-delivery-write") {
    group(log_delivery, "WRITE");
    group(log_delivery, "READ_ACP");
  } else if (name == "bucket-owner-read") {
    if (owners.bucket_owner != owners.owner) grants.push_back({owners.bucket_owner, "READ"});
  } else if (name == "bucket-owner-full-control") {
    if (owners.bucket_owner != owners.owner)
      grants.push_back({owners.bucket_owner, "FULL_CONTROL"});
  } else if (name != "aws-exec-read") {
    return fail(invalid_argument("The canned ACL is not one of those that exist")
                    .fact("xml:ArgumentName", "x-amz-acl")
                    .fact("xml:ArgumentValue", printable(name)));
  }
  bool named = !grants.empty() && grants.front().grantee == owners.bucket_owner;
  grants.insert(named ? grants.begin() : grants.end(), Grant{owners.owner, "FULL_CONTROL"});
  return Acl(std::move(grants));
}

Result<Acl> acl_from_headers(const wire::Headers& headers, const AclOwners& owners,
                             const Accounts& accounts, bool& told) {
  Acl out;
  told = false;
  if (auto name = headers.get("x-amz-acl")) {
    out = TRY(canned_acl(*name, owners));
    told = true;
  }
  std::vector<Grant> grants;
  for (const GrantHeader& row : grant_headers) {
    auto value = headers.get(row.header);
    if (!value) continue;
    for (const std::string& item : split(*value, ','))
      grants.push_back({TRY(grantee_of(trim(item), accounts)), std::string(row.permission)});
  }
  if (grants.empty()) return out;
  if (told)
    return fail(aws_error("InvalidRequest", 400,
                          "Specifying both Canned ACLs and Header Grants is not allowed"));
  if (grants.size() > max_grants) return fail(invalid_argument("Too many grants"));
  told = true;
  return Acl(std::move(grants));
}

Result<Acl> acl_from_xml(std::string_view text, const AclOwners& owners, const Accounts& accounts) {
  auto document = wire::xml::Document::parse(text, "AccessControlPolicy");
  if (!document || document->root().name() != "AccessControlPolicy") return fail(malformed_acl());
  wire::xml::Element list = document->root().child("AccessControlList");
  if (!list) return fail(malformed_acl());
  wire::xml::Element owner = document->root().child("Owner");
  if (!owner) return fail(malformed_acl());
  if (auto id = owner.text_of("ID"); id && trim(*id) != owners.owner)
    return fail(aws_error("AccessDenied", 403, "Access Denied"));
  std::vector<Grant> grants;
  for (const wire::xml::Element& element : list.children("Grant"))
    grants.push_back(TRY(grant_from(element, accounts)));
  if (grants.size() > max_grants) return fail(malformed_acl());
  return Acl(std::move(grants));
}

std::string acl_document(const Acl& acl, std::string_view owner, const Accounts& accounts) {
  auto name_of_id = [&accounts](std::string_view id) -> std::string {
    AccountRef account = by_canonical(accounts, id);
    return account ? account->name : std::string();
  };
  wire::xml::Writer writer;
  writer.open("AccessControlPolicy", {{"xmlns", s3_namespace}});
  writer.open("Owner").element("ID", owner).element("DisplayName", name_of_id(owner)).close();
  writer.open("AccessControlList");
  std::vector<Grant> grants{{std::string(owner), "FULL_CONTROL"}};
  if (acl) grants = *acl;
  // Groups stand first: clients that sort by name find none there.
  std::vector<Grant> ordered;
  for (bool groups : {true, false})
    for (const Grant& grant : grants)
      if (is_group(grant.grantee) == groups) ordered.push_back(grant);
  for (const Grant& grant : ordered) {
    bool group = is_group(grant.grantee);
    writer.open("Grant").open("Grantee",
                              {{"xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"},
                               {"xsi:type", group ? "Group" : "CanonicalUser"}});
    if (group)
      writer.element("URI", grant.grantee);
    else
      writer.element("ID", grant.grantee).element("DisplayName", name_of_id(grant.grantee));
    writer.close().element("Permission", grant.permission).close();
  }
  return writer.take();
}

bool acl_allows(const Acl& acl, std::string_view canonical_id, std::string_view permission,
                bool groups) {
  if (!acl) return false;
  return std::ranges::any_of(*acl, [&](const Grant& grant) {
    if (grant.permission != permission && grant.permission != "FULL_CONTROL") return false;
    if (grant.grantee == all_users) return groups;
    if (grant.grantee == authenticated_users) return groups && !canonical_id.empty();
    return !canonical_id.empty() && grant.grantee == canonical_id;
  });
}

bool is_public(const Acl& acl) {
  if (!acl) return false;
  return std::ranges::any_of(*acl, [](const Grant& grant) {
    return grant.grantee == all_users || grant.grantee == authenticated_users;
  });
}

}  // namespace croft::farm::s3
