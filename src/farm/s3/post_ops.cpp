// PostObject: what a browser's form sends. Who asks is said by the signed policy in the form, or by
// nobody, where the bucket takes anybody's objects.
#include <fmt/format.h>

#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "farm/s3/names.h"
#include "farm/s3/post_form.h"
#include "farm/s3/service.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

namespace sigv4 = wire::sigv4;

std::string field(const Pairs& fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (equals_ignore_case(key, name)) return value;
  return {};
}

Error missing(std::string_view name) {
  return aws_error("InvalidArgument", 400,
                   fmt::format("Bucket POST must contain a field named '{}'.", name))
      .fact("xml:ArgumentName", std::string(name));
}

Error mismatch() {
  return aws_error(
      "SignatureDoesNotMatch", 403,
      "The request signature we calculated does not match the signature you provided. Check "
      "your key and signing method.");
}

/// The account whose key signed the form's policy, SigV4.
Result<AccountRef> signer_v4(const Pairs& fields, const Accounts& accounts, std::string_view policy,
                             std::string_view region) {
  if (field(fields, "x-amz-algorithm") != "AWS4-HMAC-SHA256")
    return fail(aws_error("InvalidArgument", 400, "X-Amz-Algorithm must be AWS4-HMAC-SHA256"));
  std::vector<std::string> parts = split(field(fields, "x-amz-credential"), '/');
  if (parts.size() != 5 || parts[3] != "s3" || parts[4] != "aws4_request" || parts[2] != region)
    return fail(aws_error("InvalidArgument", 400,
                          "X-Amz-Credential must be KEY/DATE/REGION/s3/aws4_request"));
  if (field(fields, "x-amz-date").empty()) return fail(missing("X-Amz-Date"));
  sigv4::Scope scope{parts[1], parts[2], parts[3]};
  Accounts::Found found = accounts.find_key(parts[0]);
  bool usable = found.account && found.key->enabled;
  // An unknown key takes the steps of a known one.
  Secret nobody("0000000000000000000000000000000000000000");
  Secret key = sigv4::derive_key(usable ? found.key->secret : nobody, scope);
  std::string expected = hex(hmac(Hash::sha256, key.reveal(), policy));
  bool same = constant_time_equal(expected, field(fields, "x-amz-signature"));
  if (!usable)
    return fail(aws_error("InvalidAccessKeyId", 403,
                          "The AWS Access Key Id you provided does not exist in our records."));
  if (!same) return fail(mismatch());
  return found.account;
}

/// The same in the old way: where the account takes SigV2.
Result<AccountRef> signer_v2(const Pairs& fields, const Accounts& accounts,
                             std::string_view policy) {
  std::string id = field(fields, "AWSAccessKeyId");
  if (id.empty()) return fail(missing("AWSAccessKeyId"));
  if (field(fields, "signature").empty()) return fail(missing("signature"));
  Accounts::Found found = accounts.find_key(id);
  bool usable = found.account && found.key->enabled;
  Secret nobody("0000000000000000000000000000000000000000");
  std::string expected =
      base64(hmac(Hash::sha1, (usable ? found.key->secret : nobody).reveal(), policy));
  bool same = constant_time_equal(expected, field(fields, "signature"));
  if (!usable)
    return fail(aws_error("InvalidAccessKeyId", 403,
                          "The AWS Access Key Id you provided does not exist in our records."));
  if (!found.account->sigv2)
    return fail(aws_error("InvalidRequest", 400,
                          "The authorization mechanism you have provided is not supported. Please "
                          "use AWS4-HMAC-SHA256 (boto3: Config(signature_version='s3v4'))"));
  if (!same) return fail(mismatch());
  return found.account;
}

/// <Tagging> of the form as the header says it.
Result<std::string> tagging_header(std::string_view xml) {
  auto document = wire::xml::Document::parse(xml, "Tagging");
  if (!document || document->root().name() != "Tagging") return fail(malformed_xml());
  wire::Query tags;
  for (const wire::xml::Element& tag : document->root().child("TagSet").children("Tag"))
    tags.add(tag.text_of("Key").value_or(""), tag.text_of("Value").value_or(""));
  return tags.text();
}

/// Of two fields of one name the policy might mean one and the farm the other.
Result<> each_once(const Pairs& fields) {
  std::set<std::string> seen;
  for (const auto& [name, value] : fields) {
    std::string lower = to_lower(name);
    if (!lower.starts_with("x-ignore-") && !seen.insert(std::move(lower)).second)
      return fail(aws_error("InvalidArgument", 400,
                            fmt::format("Bucket POST must contain the field '{}' only once.",
                                        printable(name)))
                      .fact("xml:ArgumentName", printable(name)));
  }
  return {};
}

/// The form's fields as the headers that a PUT would have had.
Result<wire::RequestHead> head_of(const Pairs& fields, const wire::RequestHead& real,
                                  std::string_view file_type) {
  wire::RequestHead head{.method = real.method, .target = real.target, .headers = {}};
  constexpr std::array plain{"Cache-Control",    "Content-Type",     "Content-Disposition",
                             "Content-Encoding", "Content-Language", "Expires"};
  for (const auto& [name, value] : fields) {
    std::string lower = to_lower(name);
    bool header = std::ranges::any_of(
        plain, [&](std::string_view known) { return equals_ignore_case(known, lower); });
    bool signs = lower == "x-amz-signature" || lower == "x-amz-credential" ||
                 lower == "x-amz-algorithm" || lower == "x-amz-date";
    if (lower == "acl")
      head.headers.set("x-amz-acl", value);
    else if (lower == "tagging")
      head.headers.set("x-amz-tagging", TRY(tagging_header(value)));
    else if (header || (lower.starts_with("x-amz-") && !signs))
      head.headers.set(lower, value);
  }
  if (!head.headers.has("Content-Type") && !file_type.empty())
    head.headers.add("Content-Type", std::string(file_type));
  return head;
}

}  // namespace

/// Who sent the form, and whether its policy lets these fields through.
Result<> Service::check_form(S3Request& request, const Pairs& fields,
                             std::optional<PostPolicy>& policy) {
  std::string encoded = field(fields, "policy");
  bool signs = !field(fields, "signature").empty() || !field(fields, "x-amz-signature").empty();
  if (encoded.empty() && !signs) return {};  // anybody's
  if (encoded.empty()) return fail(missing("policy"));
  bool v4 = !field(fields, "x-amz-algorithm").empty() || !field(fields, "x-amz-signature").empty();
  request.caller.account = v4 ? TRY(signer_v4(fields, context_.accounts, encoded, context_.region))
                              : TRY(signer_v2(fields, context_.accounts, encoded));
  request.caller.access_key =
      v4 ? split(field(fields, "x-amz-credential"), '/').front() : field(fields, "AWSAccessKeyId");
  policy = TRY(PostPolicy::parse(encoded));
  return policy->check(fields, request.bucket, context_.world.clock.wall());
}

aio::Task<Result<>> Service::post_object(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  auto boundary = form_boundary(request.header("Content-Type"));
  if (!boundary)
    co_return fail(aws_error("PreconditionFailed", 412,
                             "At least one of the pre-conditions you specified did not hold")
                       .fact("xml:Condition",
                             "Bucket POST must be of the enclosure-type multipart/form-data"));
  Body body = CO_TRY(Body::open_form(request, options_.max_put, *boundary));
  CO_TRY(co_await body.read_fields());
  Pairs fields = body.form().fields();
  CO_TRY(each_once(fields));
  request.key = replace_all(field(fields, "key"), "${filename}", body.form().file_name());
  if (request.key.empty()) co_return fail(missing("key"));
  CO_TRY(check_key(request.key));
  // The policy is held against the key as it will be.
  for (auto& [name, value] : fields)
    if (equals_ignore_case(name, "key")) value = request.key;
  std::optional<PostPolicy> policy;
  CO_TRY(check_form(request, fields, policy));
  request.stand_in = CO_TRY(head_of(fields, request.exchange.request(), body.form().file_type()));
  CO_TRY(body.read_digests());
  CO_TRY(co_await authorize(request, "PostObject"));
  ObjectRecord record = CO_TRY(object_from_headers(request, context_.world.clock.wall()));
  CO_TRY(set_owner_and_acl(request, *bucket, record));
  use_default_encryption(*bucket, record);
  CO_TRY(set_lock(request, *bucket, record));
  Intake intake = CO_TRY(co_await take_in(body, true));
  if (policy) {
    if (auto fits = policy->check_size(intake.size); !fits) {
      CO_TRY(co_await discard(std::move(intake)));
      co_return fits;
    }
  }
  ObjectRef made = CO_TRY(co_await keep(request, std::move(record), std::move(intake), {}));
  co_return co_await answer_form(request, fields, made->record);
}

aio::Task<Result<>> Service::answer_form(S3Request& request, const Pairs& fields,
                                         const ObjectRecord& record) {
  std::string url =
      fmt::format("{}/{}/{}", context_.url, request.bucket, wire::percent_encode_path(request.key));
  wire::Headers headers{{"ETag", quoted(record.etag)}};
  add_new_version(headers, record);
  add_encryption(headers, record);
  std::string redirect = field(fields, "success_action_redirect");
  if (redirect.empty()) redirect = field(fields, "redirect");
  bool goes = redirect.starts_with("http://") || redirect.starts_with("https://");
  bool clean = std::ranges::none_of(
      redirect, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  if (goes && clean) {
    wire::Query told{
        {"bucket", request.bucket}, {"key", request.key}, {"etag", quoted(record.etag)}};
    redirect += redirect.find('?') == std::string::npos ? "?" : "&";
    headers.add("Location", redirect + told.text());
    co_return co_await request.answer.respond(303, std::move(headers), "");
  }
  headers.add("Location", url);
  std::string status = field(fields, "success_action_status");
  if (status != "201")
    co_return co_await request.answer.respond(status == "200" ? 200 : 204, std::move(headers), "");
  wire::xml::Writer writer;
  writer.open("PostResponse").element("Location", url).element("Bucket", request.bucket);
  writer.element("Key", request.key).element("ETag", quoted(record.etag));
  headers.add("Content-Type", "application/xml");
  co_return co_await request.answer.respond(201, std::move(headers), writer.take());
}

}  // namespace croft::farm::s3
