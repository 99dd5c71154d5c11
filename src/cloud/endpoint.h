// Which farm is called: a named URL, AWS itself, or croft's embedded farm.
// Source: DESIGN 8.1. Real AWS only when it is named; credentials alone never select it.
#pragma once
#include <optional>
#include <string>

#include "cloud/environment.h"
#include "net/http_client.h"

namespace croft::cloud {

enum class Service { ec2, s3 };
std::string_view name_of(Service service);  ///< "ec2", "s3": also the name in a signature

/// Where one service is reached and how its requests are signed.
struct Endpoint {
  Service service = Service::ec2;
  net::Url url;  ///< scheme, host, port; the path is a prefix (usually "/")
  std::string region = "us-east-1";
  bool path_style = true;  ///< S3: /bucket/key; else bucket.host/key
  bool foreign = false;    ///< no farm's that was chosen: a server that a description names
};

enum class FarmKind { embedded, aws, url };

struct Farm {
  FarmKind kind = FarmKind::embedded;
  std::string why;  ///< "--farm", "CROFT_FARM", "AWS_ENDPOINT_URL", "the default"
  std::string region = "us-east-1";
  /// Unset for the embedded farm until it runs (then with_url), and for a service that has no
  /// endpoint because only the other one's AWS_ENDPOINT_URL_* is set.
  std::optional<Endpoint> ec2;
  std::optional<Endpoint> s3;

  /// "the embedded farm", "AWS us-east-1", "http://127.0.0.1:4566".
  std::string text() const;
  /// The endpoint of a service, or an Error that says which variable is missing.
  Result<Endpoint> endpoint(Service service) const;
};

/// `flag`: what --farm said ("embedded", "aws" or a URL), empty when not given.
Result<Farm> choose_farm(std::string_view flag, const Environment& environment, std::string region);
/// Both services at one URL (an embedded farm that runs, or any named one).
Result<Farm> farm_at(std::string_view url, std::string region, FarmKind kind = FarmKind::url);
/// "ec2.eu-west-1.amazonaws.com" and its relatives (China, GovCloud, ISO suffixes).
Endpoint aws_endpoint(Service service, std::string region);

}  // namespace croft::cloud
