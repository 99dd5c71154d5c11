#include "farm/s3/rules.h"

#include "base/log.h"
#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

/// The document, if its root has that name.
Result<wire::xml::Document> document_of(std::string_view xml, std::string_view root) {
  auto document = wire::xml::Document::parse(xml, root);
  if (!document || document->root().name() != root) return fail(malformed_xml());
  return std::move(*document);
}

Result<bool> flag_of(const wire::xml::Element& element, std::string_view name) {
  auto text = element.text_of(name);
  if (!text) return false;
  std::string value = to_lower(trim(*text));
  if (value == "true") return true;
  if (value == "false") return false;
  return fail(malformed_xml());
}

std::string_view document(const BucketRecord& record, std::string_view name) {
  auto at = record.configuration.find(name);
  return at == record.configuration.end() ? std::string_view() : std::string_view(at->second);
}

/// Calls `read` on the document where there is one; what cannot be read is told in the log.
template <class Read>
bool load(const BucketRecord& record, std::string_view name, Read read) {
  std::string_view text = document(record, name);
  if (text.empty()) return true;
  auto value = read(text);
  if (value) return true;
  log::warn("s3", "{} of bucket {} cannot be read: {}", name, record.name, value.error().line());
  return false;
}

}  // namespace

Result<PublicAccessBlock> public_access_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "PublicAccessBlockConfiguration"));
  wire::xml::Element root = document.root();
  PublicAccessBlock out;
  out.block_acls = TRY(flag_of(root, "BlockPublicAcls"));
  out.ignore_acls = TRY(flag_of(root, "IgnorePublicAcls"));
  out.block_policy = TRY(flag_of(root, "BlockPublicPolicy"));
  out.restrict_buckets = TRY(flag_of(root, "RestrictPublicBuckets"));
  return out;
}

std::optional<Ownership> ownership_from_name(std::string_view name) {
  if (name == "ObjectWriter") return Ownership::object_writer;
  if (name == "BucketOwnerPreferred") return Ownership::bucket_owner_preferred;
  if (name == "BucketOwnerEnforced") return Ownership::bucket_owner_enforced;
  return {};
}

std::string ownership_document(std::string_view name) {
  wire::xml::Writer writer;
  writer.open("OwnershipControls", {{"xmlns", s3_namespace}}).open("Rule");
  writer.element("ObjectOwnership", name);
  return writer.take();
}

Result<Ownership> ownership_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "OwnershipControls"));
  auto rules = document.root().children("Rule");
  if (rules.size() != 1) return fail(malformed_xml());
  auto out = ownership_from_name(trim(rules.front().text_of("ObjectOwnership").value_or("")));
  if (!out) return fail(malformed_xml());
  return *out;
}

Result<DefaultEncryption> encryption_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "ServerSideEncryptionConfiguration"));
  auto rules = document.root().children("Rule");
  if (rules.size() != 1) return fail(malformed_xml());
  wire::xml::Element by_default = rules.front().child("ApplyServerSideEncryptionByDefault");
  DefaultEncryption out;
  if (!by_default) return out;
  out.algorithm = std::string(trim(by_default.text_of("SSEAlgorithm").value_or("")));
  out.kms_key = std::string(trim(by_default.text_of("KMSMasterKeyID").value_or("")));
  if (out.algorithm != "AES256" && out.algorithm != "aws:kms" && out.algorithm != "aws:kms:dsse")
    return fail(malformed_xml());
  if (out.algorithm == "AES256" && !out.kms_key.empty())
    return fail(aws_error("InvalidArgument", 400,
                          "a KMSMasterKeyID is not applicable if SSEAlgorithm is not aws:kms"));
  return out;
}

std::shared_ptr<const BucketRules> rules_of(const BucketRecord& record) {
  auto out = std::make_shared<BucketRules>();
  // What limits access must not go by accident: unread, it closes the bucket to all but the owner.
  bool readable = load(record, "policy", [&](std::string_view text) -> Result<> {
    out->policy = TRY(Policy::parse(text, record.name, PolicyFrom::store));
    return {};
  });
  readable &= load(record, "publicAccessBlock", [&](std::string_view text) -> Result<> {
    out->public_access = TRY(public_access_from(text));
    return {};
  });
  readable &= load(record, "ownershipControls", [&](std::string_view text) -> Result<> {
    out->ownership = TRY(ownership_from(text));
    return {};
  });
  if (!readable) {
    out->policy.reset();
    out->public_access = {true, true, true, true};
    out->ownership = Ownership::bucket_owner_enforced;
  }
  load(record, "cors", [&](std::string_view text) -> Result<> {
    out->cors = TRY(CorsRules::parse(text));
    return {};
  });
  load(record, "website", [&](std::string_view text) -> Result<> {
    out->website = TRY(website_from(text));
    return {};
  });
  load(record, "lifecycle", [&](std::string_view text) -> Result<> {
    out->lifecycle = TRY(Lifecycle::parse(text));
    return {};
  });
  // A lock that cannot be read still locks.
  if (!document(record, "object-lock").empty()) out->lock = LockRules{};
  load(record, "object-lock", [&](std::string_view text) -> Result<> {
    out->lock = TRY(lock_rules_from(text));
    return {};
  });
  load(record, "encryption", [&](std::string_view text) -> Result<> {
    out->encryption = TRY(encryption_from(text));
    return {};
  });
  return out;
}

}  // namespace croft::farm::s3
