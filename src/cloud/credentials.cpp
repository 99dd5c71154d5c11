#include "cloud/credentials.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cloud/profile_file.h"

namespace croft::cloud {
namespace {

constexpr Bytes profile_file_max = Bytes::mib(1);

std::string home_of(const Environment& environment) {
  return environment("HOME").value_or("/root");
}

std::string file_path(const Environment& environment, std::string_view variable,
                      std::string_view name) {
  std::string path = environment(variable).value_or(fmt::format("~/.aws/{}", name));
  if (path.starts_with("~/")) path = home_of(environment) + path.substr(1);
  return path;
}

struct ProfileFile {
  std::string path;
  Profiles profiles;
  std::string missing;  ///< why it was not read: "does not exist", ...
};

aio::Task<Result<ProfileFile>> read_profiles(aio::World& world, std::string path) {
  ProfileFile out;
  out.path = path;
  Result<std::string> text = co_await world.disk.read_file(path, profile_file_max);
  if (!text) {
    if (text.error().code == Code::cancelled) co_return fail(std::move(text).error());
    out.missing = text.error().code == Code::not_found ? "does not exist" : text.error().what;
    co_return out;
  }
  out.profiles = CO_TRY(parse_profiles(*text, path));
  co_return out;
}

std::string value_in(const ProfileFile& file, const std::string& profile, const std::string& name) {
  auto section = file.profiles.find(profile);
  if (section == file.profiles.end()) return {};
  auto value = section->second.find(name);
  return value == section->second.end() ? std::string() : value->second;
}

Result<std::optional<Credentials>> given(const CredentialsSearch& search) {
  if (!search.access_key && !search.secret_key) return std::optional<Credentials>{};
  if (!search.access_key || search.access_key->empty())
    return fail(Code::unauthenticated,
                "a secret key is given without an access key (attribute 'id')");
  if (!search.secret_key || search.secret_key->empty())
    return fail(Code::unauthenticated,
                "an access key is given without a secret key (attribute 'key')");
  Credentials out;
  out.access_key = *search.access_key;
  out.secret_key = *search.secret_key;
  out.source = "the description";
  return std::optional<Credentials>(std::move(out));
}

Result<std::optional<Credentials>> from_environment(const Environment& environment, Error& looked) {
  auto access = environment("AWS_ACCESS_KEY_ID");
  auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (!access && !secret) {
    looked.hint("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    return std::optional<Credentials>{};
  }
  if (!access)
    return fail(Code::unauthenticated, "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not");
  if (!secret)
    return fail(Code::unauthenticated, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
  Credentials out;
  out.access_key = *access;
  out.secret_key = Secret(*secret);
  if (auto token = environment("AWS_SESSION_TOKEN")) out.session_token = Secret(*token);
  out.source = "AWS_ACCESS_KEY_ID";
  return std::optional<Credentials>(std::move(out));
}

Result<std::optional<Credentials>> from_profile(const ProfileFile& file, const std::string& profile,
                                                Error& looked) {
  std::string access = value_in(file, profile, "aws_access_key_id");
  std::string secret = value_in(file, profile, "aws_secret_access_key");
  if (!file.missing.empty()) {
    looked.hint(fmt::format("{} {}", file.path, file.missing));
    return std::optional<Credentials>{};
  }
  if (!file.profiles.contains(profile)) {
    looked.hint(fmt::format("{} has no profile '{}'", file.path, profile));
    return std::optional<Credentials>{};
  }
  if (access.empty() && secret.empty()) {
    looked.hint(fmt::format("profile '{}' in {} has no aws_access_key_id", profile, file.path));
    return std::optional<Credentials>{};
  }
  if (access.empty() || secret.empty())
    return fail(
        Code::unauthenticated,
        fmt::format(
            "profile '{}' in {} has only one of aws_access_key_id and aws_secret_access_key",
            profile, file.path));
  Credentials out;
  out.access_key = access;
  out.secret_key = Secret(secret);
  out.session_token = Secret(value_in(file, profile, "aws_session_token"));
  out.source = fmt::format("profile '{}' in {}", profile, file.path);
  return std::optional<Credentials>(std::move(out));
}

}  // namespace

aio::Task<Result<Credentials>> find_credentials(aio::World& world, CredentialsSearch search) {
  if (!search.environment) search.environment = fixed_environment({});
  const Environment& environment = search.environment;
  Error looked(Code::unauthenticated, "no credentials for the farm were found");
  if (std::optional<Credentials> found = CO_TRY(given(search))) co_return std::move(*found);
  std::string named = search.profile;
  if (named.empty())
    named = environment("AWS_PROFILE").value_or(environment("AWS_DEFAULT_PROFILE").value_or(""));
  // A profile that was asked for by name in the call beats keys that happen to be in the
  // environment.
  if (search.profile.empty())
    if (std::optional<Credentials> found = CO_TRY(from_environment(environment, looked)))
      co_return std::move(*found);
  std::string profile = named.empty() ? "default" : named;
  ProfileFile config =
      CO_TRY(co_await read_profiles(world, file_path(environment, "AWS_CONFIG_FILE", "config")));
  ProfileFile credentials = CO_TRY(co_await read_profiles(
      world, file_path(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials")));
  for (const ProfileFile* file : {&credentials, &config}) {
    std::optional<Credentials> found = CO_TRY(from_profile(*file, profile, looked));
    if (!found) continue;
    found->region = value_in(config, profile, "region");
    if (found->region.empty()) found->region = value_in(credentials, profile, "region");
    co_return std::move(*found);
  }
  if (!named.empty())
    looked.what = fmt::format("no credentials for the farm were found (profile '{}')", named);
  looked.hint(
      "give the component its attributes id and key, or run 'croft farm account add' for an "
      "embedded farm");
  co_return fail(std::move(looked));
}

std::string region_of(const Environment& environment, const Credentials& credentials) {
  if (auto region = environment("AWS_REGION")) return *region;
  if (auto region = environment("AWS_DEFAULT_REGION")) return *region;
  return credentials.region.empty() ? "us-east-1" : credentials.region;
}

}  // namespace croft::cloud
