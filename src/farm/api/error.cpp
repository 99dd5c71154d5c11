#include "farm/api/error.h"

#include "base/text.h"
#include "wire/xml.h"

namespace croft::farm {
namespace {

Code code_of_status(int status) {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::permission_denied;
    case 404:
      return Code::not_found;
    case 409:
      return Code::conflict;
    case 500:
      return Code::internal;
    case 501:
      return Code::unsupported;
    case 503:
      return Code::unavailable;
    default:
      return Code::invalid_argument;
  }
}

AwsError general(const Error& error, std::string_view busy) {
  switch (error.code) {
    case Code::throttled:
    case Code::unavailable:
      return {std::string(busy), 503, "Please reduce your request rate."};
    case Code::timeout:
      return {"RequestTimeout", 400,
              "Your socket connection to the server was not read from or written to within the "
              "timeout period."};
    case Code::resource_exhausted:
      return {"ServiceUnavailable", 503,
              "The farm is out of space or another resource; nothing was changed."};
    case Code::cancelled:
      return {"ServiceUnavailable", 503, "The farm is shutting down."};
    case Code::unsupported:
      return {"NotImplemented", 501, "A header or operation you provided is not implemented."};
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
    case Code::not_found:
    case Code::already_exists:
    case Code::conflict:
    case Code::permission_denied:
    case Code::unauthenticated:
    case Code::io:
    case Code::corrupt:
    case Code::internal:
      break;
  }
  return {"InternalError", 500, "We encountered an internal error. Please try again."};
}

AwsError translate(const Error& error, std::string_view busy) {
  std::string_view code = error.fact("aws_code");
  if (code.empty()) return general(error, busy);
  auto status = parse_u64(error.fact("http_status"));
  return {std::string(code), status ? static_cast<int>(*status) : 400, error.what};
}

}  // namespace

Error aws_error(std::string_view code, int status, std::string message) {
  Error error(code_of_status(status), std::move(message));
  error.fact("aws_code", std::string(code));
  error.fact("http_status", std::to_string(status));
  return error;
}

AwsError as_s3_error(const Error& error) {
  return translate(error, "SlowDown");
}
AwsError as_ec2_error(const Error& error) {
  return translate(error, "Unavailable");
}

std::string s3_error_body(const Error& error, std::string_view resource,
                          std::string_view request_id, std::string_view host_id) {
  AwsError shown = as_s3_error(error);
  wire::xml::Writer writer;
  writer.open("Error").element("Code", shown.code).element("Message", shown.message);
  for (const auto& [key, value] : error.facts)
    if (key.starts_with("xml:")) writer.element(std::string_view(key).substr(4), value);
  writer.element("Resource", resource).element("RequestId", request_id).element("HostId", host_id);
  return writer.take();
}

std::string ec2_error_body(const Error& error, std::string_view request_id) {
  AwsError shown = as_ec2_error(error);
  wire::xml::Writer writer;
  writer.open("Response").open("Errors").open("Error");
  writer.element("Code", shown.code).element("Message", shown.message).close().close();
  writer.element("RequestID", request_id);
  return writer.take();
}

}  // namespace croft::farm
