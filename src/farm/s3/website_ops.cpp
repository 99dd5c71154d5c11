// A bucket as a web site: BUCKET.s3-website.DOMAIN serves index pages, redirections and an error
// page, to anybody whom the bucket lets read. Source: "Hosting a static website using Amazon S3".
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/uri.h"

namespace croft::farm::s3 {
namespace {

std::string escaped(std::string_view text) {
  std::string out = replace_all(text, "&", "&amp;");
  out = replace_all(out, "<", "&lt;");
  return replace_all(out, ">", "&gt;");
}

std::string error_page(const AwsError& error) {
  return fmt::format(
      "<html>\n<head><title>{0}</title></head>\n<body>\n<h1>{0}</h1>\n<ul>\n<li>Code: {1}</li>\n"
      "<li>Message: {2}</li>\n</ul>\n</body>\n</html>\n",
      error.status, escaped(error.code), escaped(error.message));
}

}  // namespace

aio::Task<Result<>> Service::redirect_site(S3Request& request, const Website& site) {
  std::string_view target = request.head().target;
  wire::Headers headers{
      {"Location", fmt::format("{}://{}{}", site.redirect_protocol, site.redirect_host, target)}};
  co_return co_await request.answer.respond(301, std::move(headers), "");
}

/// One page, if the caller may read it. Errors go on to the site's error page.
aio::Task<Result<>> Service::serve_page(S3Request& request, BucketRef bucket, int status) {
  CO_TRY(co_await allow(request, bucket, "GetObject", request.key, ""));
  ObjectRef page = CO_TRY(co_await existing(*bucket, request.key, ""));
  for (const auto& [name, value] : page->record.headers) {
    if (!equals_ignore_case(name, "x-amz-website-redirect-location")) continue;
    wire::Headers headers{{"Location", value}};
    co_return co_await request.answer.respond(301, std::move(headers), "");
  }
  co_return co_await read_object(request, request.head().method == "GET", status);
}

aio::Task<Result<>> Service::serve_site(S3Request& request) {
  request.operation = "WebsiteGet";
  BucketRef bucket = index_.bucket(request.bucket);
  AwsError shown{"NoSuchBucket", 404, "The specified bucket does not exist"};
  const std::string& method = request.head().method;
  if (method != "GET" && method != "HEAD") {
    shown = {"MethodNotAllowed", 405, "The specified method is not allowed"};
  } else if (bucket && !bucket->rules->website) {
    shown = {"NoSuchWebsiteConfiguration", 404,
             "The specified bucket does not have a website configuration"};
  } else if (bucket) {
    std::shared_ptr<const BucketRules> rules = bucket->rules;
    const Website& site = *rules->website;
    if (!site.redirect_host.empty()) co_return co_await redirect_site(request, site);
    std::string asked = request.key;
    std::string host(request.header("Host"));
    auto redirect = [&](const Website::Route& route) {
      wire::Headers headers{{"Location", location_of(route, host, asked)}};
      return request.answer.respond(route.status, std::move(headers), "");
    };
    if (const Website::Route* route = route_of(site, asked, {}))
      co_return co_await redirect(*route);
    if (asked.empty() || asked.ends_with('/')) request.key += site.index;
    auto served = co_await serve_page(request, bucket, 200);
    if (served || request.exchange.answered()) co_return served;
    shown = as_s3_error(served.error());
    if (shown.status == 304 || shown.status == 412 || shown.status == 416) co_return served;
    // "docs" is the folder "docs/" when that has an index.
    bool refused = shown.status == 404 || shown.status == 403;
    ObjectRef plain = CO_TRY(co_await index_.find(request.bucket, asked));
    if (refused && !plain && !asked.empty() && !asked.ends_with('/')) {
      ObjectRef index =
          CO_TRY(co_await index_.find(request.bucket, fmt::format("{}/{}", asked, site.index)));
      if (index) {
        wire::Headers headers{{"Location", "/" + wire::percent_encode_path(asked) + "/"}};
        co_return co_await request.answer.respond(302, std::move(headers), "");
      }
    }
    if (const Website::Route* route = route_of(site, asked, shown.status))
      co_return co_await redirect(*route);
    if (!site.error.empty() && shown.status >= 400 && shown.status < 500) {
      request.key = site.error;
      auto page = co_await serve_page(request, bucket, shown.status);
      if (page || request.exchange.answered()) co_return page;
    }
  }
  wire::Headers headers{{"Content-Type", "text/html; charset=utf-8"},
                        {"x-amz-error-code", shown.code}};
  co_return co_await request.answer.respond(shown.status, std::move(headers), error_page(shown));
}

}  // namespace croft::farm::s3
