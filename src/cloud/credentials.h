// Whose account a call is made on: the access key and secret, and where they came from.
// Looked for as the AWS tools do: given ones, environment, ~/.aws/credentials and ~/.aws/config.
#pragma once
#include <optional>
#include <string>

#include "aio/world.h"
#include "base/secret.h"
#include "cloud/environment.h"

namespace croft::cloud {

struct Credentials {
  std::string access_key;
  Secret secret_key;
  Secret session_token;  ///< empty: long-lived keys
  std::string source;    ///< "the description", "AWS_ACCESS_KEY_ID", "profile 'work' in
                         ///< /root/.aws/credentials"
  std::string region;    ///< the profile's region where it has one
};

struct CredentialsSearch {
  Environment environment;
  /// What the description or the caller names (its attributes id and key): beats all else. One
  /// without the other is an error.
  std::optional<std::string> access_key;
  std::optional<Secret> secret_key;
  std::string profile;  ///< empty: AWS_PROFILE, then AWS_DEFAULT_PROFILE, then "default"
};

/// Code::unauthenticated with one hint for each place that was looked at; Code::syntax with the
/// line of a file that cannot be read as an AWS configuration.
aio::Task<Result<Credentials>> find_credentials(aio::World& world, CredentialsSearch search);

/// AWS_REGION, AWS_DEFAULT_REGION, the profile's region, else "us-east-1".
std::string region_of(const Environment& environment, const Credentials& credentials);

}  // namespace croft::cloud
