#include "cloud/aws_error.h"

#include <fmt/format.h>

#include "base/text.h"
#include "wire/xml.h"

namespace croft::cloud {
namespace {

constexpr size_t excerpt_max = 120;

struct Meaning {
  std::string_view aws_code;
  Code code;
};

constexpr Meaning meanings[] = {
    {"AccessDenied", Code::permission_denied},
    {"AllAccessDisabled", Code::permission_denied},
    {"AuthFailure", Code::unauthenticated},
    {"AuthorizationHeaderMalformed", Code::invalid_argument},
    {"BandwidthLimitExceeded", Code::throttled},
    {"BucketAlreadyExists", Code::already_exists},
    {"BucketAlreadyOwnedByYou", Code::already_exists},
    {"BucketNotEmpty", Code::conflict},
    {"ConditionalRequestConflict", Code::conflict},
    {"DependencyViolation", Code::conflict},
    {"EC2ThrottledException", Code::throttled},
    {"ExpiredToken", Code::unauthenticated},
    {"IdempotentParameterMismatch", Code::conflict},
    {"IncorrectInstanceState", Code::conflict},
    {"IncorrectState", Code::conflict},
    {"InsufficientAddressCapacity", Code::resource_exhausted},
    {"InsufficientCapacity", Code::resource_exhausted},
    {"InsufficientHostCapacity", Code::resource_exhausted},
    {"InsufficientInstanceCapacity", Code::resource_exhausted},
    {"InstanceLimitExceeded", Code::resource_exhausted},
    {"InternalError", Code::unavailable},
    {"InternalFailure", Code::unavailable},
    {"InvalidAccessKeyId", Code::unauthenticated},
    {"InvalidClientTokenId", Code::unauthenticated},
    {"InvalidSecurity", Code::unauthenticated},
    {"InvalidToken", Code::unauthenticated},
    {"MethodNotAllowed", Code::unsupported},
    {"NoSuchBucket", Code::not_found},
    {"NoSuchKey", Code::not_found},
    {"NoSuchTagSet", Code::not_found},
    {"NoSuchUpload", Code::not_found},
    {"NoSuchVersion", Code::not_found},
    {"NotImplemented", Code::unsupported},
    {"OperationAborted", Code::conflict},
    {"OperationNotPermitted", Code::permission_denied},
    {"OptInRequired", Code::permission_denied},
    {"PreconditionFailed", Code::conflict},
    {"RequestExpired", Code::unauthenticated},
    {"RequestLimitExceeded", Code::throttled},
    {"RequestThrottled", Code::throttled},
    {"RequestTimeTooSkewed", Code::unauthenticated},
    {"RequestTimeout", Code::timeout},
    {"ResourceLimitExceeded", Code::resource_exhausted},
    {"ServiceUnavailable", Code::unavailable},
    {"SignatureDoesNotMatch", Code::unauthenticated},
    {"SlowDown", Code::throttled},
    {"Throttling", Code::throttled},
    {"ThrottlingException", Code::throttled},
    {"TooManyBuckets", Code::resource_exhausted},
    {"TooManyRequestsException", Code::throttled},
    {"Unavailable", Code::unavailable},
    {"UnauthorizedOperation", Code::permission_denied},
    {"UnsupportedOperation", Code::unsupported},
    {"VcpuLimitExceeded", Code::resource_exhausted},
};

Code code_of_status(int status) {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::permission_denied;
    case 404:
      return Code::not_found;
    case 405:
    case 501:
      return Code::unsupported;
    case 408:
    case 504:
      return Code::timeout;
    case 409:
    case 412:
      return Code::conflict;
    case 429:
      return Code::throttled;
    default:
      return status >= 500 ? Code::unavailable : Code::invalid_argument;
  }
}

/// One line, no period at the end, nothing that drives a terminal.
std::string tidy(std::string_view text) {
  std::string out = printable(replace_all(replace_all(trim(text), "\r", " "), "\n", " "));
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

std::string excerpt(std::string_view body) {
  std::string_view shown = trim(body).substr(0, excerpt_max);
  while (!shown.empty() && !valid_utf8(shown)) shown.remove_suffix(1);
  return tidy(shown);
}

struct Parsed {
  std::string code, message, request_id, host_id, region;
};

std::optional<Parsed> parse_error(const std::string& body) {
  if (trim(body).empty() || trim(body)[0] != '<') return std::nullopt;
  auto document = wire::xml::Document::parse(body, "the farm's error");
  if (!document) return std::nullopt;
  wire::xml::Element root = document->root();
  wire::xml::Element error;
  if (root.name() == "Error") error = root;
  if (root.name() == "Response") error = root.child("Errors").child("Error");
  if (root.name() == "ErrorResponse") error = root.child("Error");
  if (!error) return std::nullopt;
  Parsed out;
  out.code = tidy(error.child("Code").text());
  out.message = tidy(error.child("Message").text());
  out.region = tidy(error.child("Region").text());
  out.host_id = tidy(error.child("HostId").text());
  for (auto holder : {error, root})
    for (const char* name : {"RequestId", "RequestID"})
      if (out.request_id.empty()) out.request_id = tidy(holder.child(name).text());
  if (out.code.empty()) return std::nullopt;
  return out;
}

std::string html_title(std::string_view body) {
  std::string lower = to_lower(body.substr(0, 4096));
  size_t begin = lower.find("<title>");
  size_t end = lower.find("</title>");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return tidy(body.substr(begin + 7, end - begin - 7));
}

std::string what_it_was(const net::Response& answer) {
  std::string_view type = answer.headers.value("content-type");
  if (trim(answer.body).empty()) return "without a text";
  if (type.find("html") != std::string_view::npos ||
      to_lower(answer.body.substr(0, 512)).find("<html") != std::string::npos) {
    std::string title = html_title(answer.body);
    return title.empty() ? "with a web page" : fmt::format("with the web page '{}'", title);
  }
  return fmt::format("with '{}'", excerpt(answer.body));
}

void add_hint(Error& error, Service service, std::string_view code) {
  if (code == "AuthFailure")
    error.hint(
        "the farm does not know the access key, the secret key is another one, or the clock or "
        "region is wrong");
  else if (code == "SignatureDoesNotMatch")
    error.hint("the secret key does not belong to the access key, or the clock or region is wrong");
  else if (code == "InvalidAccessKeyId" || code == "InvalidClientTokenId")
    error.hint("this farm does not know the access key: is it the right farm?");
  else if (code == "RequestTimeTooSkewed" || code == "RequestExpired")
    error.hint("set this machine's clock: it is more than 15 minutes off the farm's");
  else if (code == "InstanceLimitExceeded" || code == "VcpuLimitExceeded")
    error.hint("raise the account's quota, or lower minCount");
  else if (code == "InsufficientInstanceCapacity")
    error.hint("the farm has no room for minCount instances now: lower it, or try another zone");
  else if (code == "BucketAlreadyExists")
    error.hint("bucket names are shared by all accounts: choose another one");
  else if (code == "InvalidAMIID.NotFound" || code == "InvalidAMIID.Malformed")
    error.hint("ask the farm which images it has; imageID names one");
  else if (code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed")
    error.hint("the bucket lies in another region");
  else if (service == Service::s3 && code == "AccessDenied")
    error.hint("the bucket belongs to another account, or the account's rights do not suffice");
}

}  // namespace

Code code_of(std::string_view aws_code, int status) {
  for (const Meaning& meaning : meanings)
    if (meaning.aws_code == aws_code) return meaning.code;
  if (aws_code.ends_with(".NotFound") || aws_code.ends_with(".Unknown")) return Code::not_found;
  if (aws_code.ends_with(".Duplicate")) return Code::already_exists;
  if (aws_code.ends_with(".InUse") || aws_code.ends_with("InUse")) return Code::conflict;
  if (aws_code.ends_with("LimitExceeded")) return Code::resource_exhausted;
  if (aws_code.starts_with("Insufficient")) return Code::resource_exhausted;
  if (aws_code.starts_with("Invalid") || aws_code.starts_with("Missing") ||
      aws_code.starts_with("Malformed") || aws_code.starts_with("Unknown"))
    return status >= 500 ? Code::unavailable : Code::invalid_argument;
  return code_of_status(status);
}

Error refusal(Service service, std::string_view doing, const net::Url& url,
              const net::Response& answer) {
  std::optional<Parsed> parsed = parse_error(answer.body);
  Error error;
  if (parsed) {
    error.code = code_of(parsed->code, answer.status);
    error.what = fmt::format("{}: {}", doing, parsed->code);
    if (!parsed->message.empty()) error.what += ": " + parsed->message;
    error.fact("aws_code", parsed->code);
    add_hint(error, service, parsed->code);
  } else {
    std::string_view reason = wire::reason_phrase(answer.status);
    error.code = code_of_status(answer.status);
    error.what = fmt::format("{}: {} answered {}{}{}", doing, url.authority(), answer.status,
                             reason.empty() ? "" : " ", reason);
    if (answer.status == 403 && trim(answer.body).empty())
      error.hint(
          "a wrong secret key, or a bucket of another account: without a body 403 means either");
    // HEAD has no body: saying so would only distract.
    if (!trim(answer.body).empty()) {
      error.what += " " + what_it_was(answer);
      error.hint("this is not how EC2 or S3 answers: a proxy, or a wrong URL?");
    }
  }
  error.fact("http_status", std::to_string(answer.status));
  std::string request_id = parsed ? parsed->request_id : std::string();
  std::string host_id = parsed ? parsed->host_id : std::string();
  if (request_id.empty()) request_id = tidy(answer.headers.value("x-amz-request-id"));
  if (request_id.empty()) request_id = tidy(answer.headers.value("x-amzn-requestid"));
  if (host_id.empty()) host_id = tidy(answer.headers.value("x-amz-id-2"));
  if (!request_id.empty()) error.fact("request_id", request_id);
  if (!host_id.empty()) error.fact("host_id", host_id);
  // What support asks for first stands in the message, not only in its facts.
  error.frame(fmt::format("{} answered {}{}", url.authority(), answer.status,
                          request_id.empty() ? "" : ", request id " + request_id));
  std::string region = tidy(answer.headers.value("x-amz-bucket-region"));
  if (region.empty() && parsed) region = parsed->region;
  if (!region.empty()) error.fact("region", region);
  if (auto seconds = parse_u64(trim(answer.headers.value("retry-after"))))
    error.fact("retry_after", std::to_string(*seconds));
  return error;
}

Error unreadable(Service service, std::string_view doing, const net::Url& url,
                 const net::Response& answer, std::string_view why) {
  Error error(Code::corrupt, fmt::format("{}: {} answered {} {}, which is not {}: {}", doing,
                                         url.authority(), answer.status, what_it_was(answer),
                                         service == Service::ec2 ? "EC2's" : "S3's", why));
  error.fact("http_status", std::to_string(answer.status));
  error.hint("a proxy in between, a wrong URL, or an answer that was cut off");
  return error;
}

Error transport_failure(std::string_view doing, const net::Url& url, Error error) {
  error.frame(fmt::format("{} at {}", doing, url.text()));
  if (error.fact("sent") == "no" && error.code == Code::unavailable)
    error.hint(fmt::format("nothing answers at {}: does the farm run?", url.authority()));
  return error;
}

net::Verdict verdict(const Error& error, bool repeatable) {
  switch (error.code) {
    case Code::throttled:
      return net::Verdict::throttled;  // refused before anything was done
    case Code::unavailable:
      return repeatable || error.fact("sent") == "no" ? net::Verdict::transient
                                                      : net::Verdict::final;
    case Code::timeout:
    case Code::corrupt:
    case Code::io:
      return repeatable ? net::Verdict::transient : net::Verdict::final;
    case Code::conflict:
      // Two operations on one bucket met: S3 asks to try again.
      return repeatable && (error.fact("aws_code") == "OperationAborted") ? net::Verdict::transient
                                                                          : net::Verdict::final;
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
    case Code::not_found:
    case Code::already_exists:
    case Code::permission_denied:
    case Code::unauthenticated:
    case Code::resource_exhausted:
    case Code::cancelled:
    case Code::unsupported:
    case Code::internal:
      return net::Verdict::final;
  }
  return net::Verdict::final;
}

}  // namespace croft::cloud
