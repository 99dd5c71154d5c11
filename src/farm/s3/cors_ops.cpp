// What browsers ask and are told about pages of other sites.
#include "base/text.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {

/// OPTIONS: may a page of that origin send the request that it describes? Asked without a
/// signature.
aio::Task<Result<>> Service::preflight(S3Request& request) {
  request.operation = "PreflightRequest";
  std::string_view origin = request.header("Origin");
  std::string_view method = request.header("Access-Control-Request-Method");
  if (origin.empty())
    co_return fail(
        aws_error("BadRequest", 400, "Insufficient information. Origin request header needed."));
  if (method.empty())
    co_return fail(aws_error("BadRequest", 400, "Invalid Access-Control-Request-Method: null"));
  Error refused = aws_error("AccessForbidden", 403,
                            "CORSResponse: This CORS request is not allowed. This is usually "
                            "because the evaluation of Origin, request method / "
                            "Access-Control-Request-Method or Access-Control-Request-Headers are "
                            "not whitelisted by the resource's CORS spec.");
  refused.fact("xml:Method", printable(method));
  BucketRef bucket = index_.bucket(request.bucket);
  if (!bucket || bucket->rules->cors.empty()) co_return fail(std::move(refused));
  wire::Headers headers = bucket->rules->cors.headers_for(
      origin, method, request.header("Access-Control-Request-Headers"), true);
  if (headers.fields().empty()) co_return fail(std::move(refused));
  co_return co_await request.answer.respond(200, std::move(headers), "");
}

/// On any other answer of a bucket with rules, errors too: a page could not read them else.
void Service::add_cors(S3Request& request) const {
  std::string_view origin = request.header("Origin");
  if (origin.empty()) return;
  BucketRef bucket = index_.bucket(request.bucket);
  if (!bucket || bucket->rules->cors.empty()) return;
  // Scripts that ask about another method than they use are answered about that.
  std::string_view asked = request.header("Access-Control-Request-Method");
  std::string_view method = asked.empty() ? std::string_view(request.head().method) : asked;
  wire::Headers headers = bucket->rules->cors.headers_for(origin, method, "", false);
  for (const auto& [name, value] : headers.fields()) request.answer.add_header(name, value);
}

}  // namespace croft::farm::s3
