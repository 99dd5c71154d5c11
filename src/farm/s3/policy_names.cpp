#include "farm/s3/policy_names.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace croft::farm::s3 {
namespace {

/// Source: "Actions, resources, and condition keys for Amazon S3". In lower case.
constexpr auto object_actions = std::to_array<std::string_view>({
    "s3:abortmultipartupload",
    "s3:bypassgovernanceretention",
    "s3:deleteobject",
    "s3:deleteobjecttagging",
    "s3:deleteobjectversion",
    "s3:deleteobjectversiontagging",
    "s3:getobject",
    "s3:getobjectacl",
    "s3:getobjectattributes",
    "s3:getobjectlegalhold",
    "s3:getobjectretention",
    "s3:getobjecttagging",
    "s3:getobjecttorrent",
    "s3:getobjectversion",
    "s3:getobjectversionacl",
    "s3:getobjectversionattributes",
    "s3:getobjectversionforreplication",
    "s3:getobjectversiontagging",
    "s3:getobjectversiontorrent",
    "s3:initiatereplication",
    "s3:listmultipartuploadparts",
    "s3:objectowneroverridetobucketowner",
    "s3:putobject",
    "s3:putobjectacl",
    "s3:putobjectlegalhold",
    "s3:putobjectretention",
    "s3:putobjecttagging",
    "s3:putobjectversionacl",
    "s3:putobjectversiontagging",
    "s3:replicatedelete",
    "s3:replicateobject",
    "s3:replicatetags",
    "s3:restoreobject",
    "s3:updateobjectencryption",
});

constexpr auto bucket_actions = std::to_array<std::string_view>({
    "s3:createbucket",
    "s3:createbucketmetadatatableconfiguration",
    "s3:deletebucket",
    "s3:deletebucketmetadatatableconfiguration",
    "s3:deletebucketpolicy",
    "s3:deletebucketwebsite",
    "s3:getaccelerateconfiguration",
    "s3:getanalyticsconfiguration",
    "s3:getbucketabac",
    "s3:getbucketacl",
    "s3:getbucketcors",
    "s3:getbucketlocation",
    "s3:getbucketlogging",
    "s3:getbucketmetadatatableconfiguration",
    "s3:getbucketnotification",
    "s3:getbucketobjectlockconfiguration",
    "s3:getbucketownershipcontrols",
    "s3:getbucketpolicy",
    "s3:getbucketpolicystatus",
    "s3:getbucketpublicaccessblock",
    "s3:getbucketrequestpayment",
    "s3:getbuckettagging",
    "s3:getbucketversioning",
    "s3:getbucketwebsite",
    "s3:getencryptionconfiguration",
    "s3:getintelligenttieringconfiguration",
    "s3:getinventoryconfiguration",
    "s3:getlifecycleconfiguration",
    "s3:getmetricsconfiguration",
    "s3:getreplicationconfiguration",
    "s3:listbucket",
    "s3:listbucketmultipartuploads",
    "s3:listbucketversions",
    "s3:listtagsforresource",
    "s3:putaccelerateconfiguration",
    "s3:putanalyticsconfiguration",
    "s3:putbucketabac",
    "s3:putbucketacl",
    "s3:putbucketcors",
    "s3:putbucketlogging",
    "s3:putbucketnotification",
    "s3:putbucketobjectlockconfiguration",
    "s3:putbucketownershipcontrols",
    "s3:putbucketpolicy",
    "s3:putbucketpublicaccessblock",
    "s3:putbucketrequestpayment",
    "s3:putbuckettagging",
    "s3:putbucketversioning",
    "s3:putbucketwebsite",
    "s3:putencryptionconfiguration",
    "s3:putintelligenttieringconfiguration",
    "s3:putinventoryconfiguration",
    "s3:putlifecycleconfiguration",
    "s3:putmetricsconfiguration",
    "s3:putreplicationconfiguration",
    "s3:tagresource",
    "s3:untagresource",
    "s3:updatebucketmetadatainventorytableconfiguration",
    "s3:updatebucketmetadatajournaltableconfiguration",
});

template <size_t size>
bool any_matches(const std::array<std::string_view, size>& actions, std::string_view pattern) {
  std::string lower = to_lower(pattern);
  return std::ranges::any_of(
      actions, [&](std::string_view action) { return wildcard_match(lower, action); });
}

bool all_of(std::string_view text, std::string_view allowed, size_t size) {
  return text.size() == size && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_account(std::string_view text) {
  return all_of(text, "0123456789", 12) || is_canonical_user(text);
}

/// Some key in the bucket is meant: by a name behind the slash, or by a wildcard that reaches it.
bool covers_objects(std::string_view resource) {
  return resource.find('/') != std::string_view::npos || resource.ends_with('*');
}

}  // namespace

bool is_action(std::string_view pattern) {
  return any_matches(object_actions, pattern) || any_matches(bucket_actions, pattern);
}

bool applies_to_any(std::string_view pattern, const std::vector<std::string>& resources,
                    std::string_view bucket) {
  std::string whole = "arn:aws:s3:::";
  whole += bucket;
  bool of_objects = any_matches(object_actions, pattern);
  bool of_buckets = any_matches(bucket_actions, pattern);
  return std::ranges::any_of(resources, [&](const std::string& resource) {
    return (of_objects && covers_objects(resource)) ||
           (of_buckets && wildcard_match(resource, whole));
  });
}

bool is_canonical_user(std::string_view text) {
  return all_of(text, "0123456789abcdef", 64);
}

bool is_aws_principal(std::string_view text) {
  if (text == "*" || is_account(text)) return true;
  std::vector<std::string> parts = split(text, ':');
  if (parts.size() != 6 || parts[0] != "arn" || parts[1] != "aws" || !parts[3].empty())
    return false;
  if (!is_account(parts[4])) return false;
  std::string_view who = parts[5];
  auto named = [who](std::string_view kind) {
    return who.starts_with(kind) && who.size() > kind.size();
  };
  if (parts[2] == "iam") return who == "root" || named("user/") || named("role/");
  return parts[2] == "sts" && (named("assumed-role/") || named("federated-user/"));
}

}  // namespace croft::farm::s3
