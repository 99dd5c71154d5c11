#include "cloud/endpoint.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::cloud {
namespace {

/// The domain that a region's services live under.
std::string_view domain_of(std::string_view region) {
  if (region.starts_with("cn-")) return "amazonaws.com.cn";
  if (region.starts_with("us-iso-")) return "c2s.ic.gov";
  if (region.starts_with("us-isob-")) return "sc2s.sgov.gov";
  return "amazonaws.com";
}

Result<Endpoint> endpoint_at(Service service, std::string_view url, std::string_view named_by,
                             const std::string& region) {
  Result<net::Url> parsed = net::Url::parse(url);
  if (!parsed) {
    Error error = std::move(parsed).error();
    error.frame(fmt::format("reading the farm's URL from {}", named_by));
    return fail(std::move(error));
  }
  if (parsed->target.find('?') != std::string::npos)
    return fail(Code::invalid_argument, fmt::format("the farm's URL in {} has a query", named_by));
  Endpoint out;
  out.service = service;
  out.url = std::move(*parsed);
  out.region = region;
  return out;
}

}  // namespace

std::string_view name_of(Service service) {
  switch (service) {
    case Service::ec2:
      return "ec2";
    case Service::s3:
      return "s3";
  }
  return "ec2";
}

std::string Farm::text() const {
  switch (kind) {
    case FarmKind::embedded:
      return s3 ? "the embedded farm at " + s3->url.text() : "the embedded farm";
    case FarmKind::aws:
      return "AWS " + region;
    case FarmKind::url:
      break;
  }
  if (ec2 && s3 && ec2->url.text() != s3->url.text())
    return ec2->url.text() + " and " + s3->url.text();
  if (ec2) return ec2->url.text();
  return s3 ? s3->url.text() : "no farm";
}

Result<Endpoint> Farm::endpoint(Service service) const {
  const std::optional<Endpoint>& found = service == Service::ec2 ? ec2 : s3;
  if (found) return *found;
  if (kind == FarmKind::embedded)
    return fail(Code::unavailable, "the embedded farm does not run yet");
  bool want_ec2 = service == Service::ec2;
  return fail(Error(Code::invalid_argument,
                    fmt::format("no endpoint for {}: {} is set, {} is not", want_ec2 ? "EC2" : "S3",
                                want_ec2 ? "AWS_ENDPOINT_URL_S3" : "AWS_ENDPOINT_URL_EC2",
                                want_ec2 ? "AWS_ENDPOINT_URL_EC2" : "AWS_ENDPOINT_URL_S3"))
                  .hint("set AWS_ENDPOINT_URL for both services, or name a farm with --farm"));
}

Result<Farm> farm_at(std::string_view url, std::string region, FarmKind kind) {
  Farm out;
  out.kind = kind;
  out.why = "its URL";
  out.region = region;
  out.ec2 = TRY(endpoint_at(Service::ec2, url, "--farm", region));
  out.s3 = TRY(endpoint_at(Service::s3, url, "--farm", region));
  return out;
}

Endpoint aws_endpoint(Service service, std::string region) {
  Endpoint out;
  out.service = service;
  out.url.scheme = "https";
  out.url.host = fmt::format("{}.{}.{}", name_of(service), region, domain_of(region));
  out.url.port = 443;
  out.url.target = "/";
  out.region = std::move(region);
  out.path_style = service != Service::s3;
  return out;
}

Result<Farm> choose_farm(std::string_view flag, const Environment& environment,
                         std::string region) {
  if (region.empty()) region = "us-east-1";
  std::string named(flag);
  std::string why = "--farm";
  if (named.empty()) {
    named = environment("CROFT_FARM").value_or("");
    why = "CROFT_FARM";
  }
  Farm out;
  out.region = region;
  out.why = why;
  if (named == "embedded") return out;
  if (named == "aws") {
    out.kind = FarmKind::aws;
    out.ec2 = aws_endpoint(Service::ec2, region);
    out.s3 = aws_endpoint(Service::s3, region);
    return out;
  }
  if (!named.empty()) {
    if (named.find("://") == std::string::npos)
      return fail(Error(Code::invalid_argument,
                        fmt::format("{} is '{}': that is no farm", why, printable(named)))
                      .hint("expected 'embedded', 'aws' or a URL such as http://127.0.0.1:4566"));
    out.kind = FarmKind::url;
    out.ec2 = TRY(endpoint_at(Service::ec2, named, why, region));
    out.s3 = TRY(endpoint_at(Service::s3, named, why, region));
    return out;
  }
  bool ignored =
      equals_ignore_case(environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").value_or(""), "true");
  auto both = environment("AWS_ENDPOINT_URL");
  auto set = [&](Service service, const char* variable, std::optional<Endpoint>& slot) -> Result<> {
    auto own = environment(variable);
    if (!own && !both) return {};
    out.kind = FarmKind::url;
    out.why = own ? variable : "AWS_ENDPOINT_URL";
    slot = TRY(endpoint_at(service, own ? *own : *both, out.why, region));
    return {};
  };
  if (!ignored) {
    TRY(set(Service::ec2, "AWS_ENDPOINT_URL_EC2", out.ec2));
    TRY(set(Service::s3, "AWS_ENDPOINT_URL_S3", out.s3));
  }
  if (out.kind == FarmKind::embedded) out.why = "the default";
  return out;
}

}  // namespace croft::cloud
