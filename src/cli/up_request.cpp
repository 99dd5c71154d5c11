#include "cli/up_request.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/daemons.h"
#include "cli/description.h"
#include "cli/session.h"
#include "cli/variables.h"
#include "cloud/credentials.h"
#include "cloud/endpoint.h"
#include "controller/requests.h"
#include "engine/record.h"
#include "farm/farm.h"
#include "protocol/json_model.h"

namespace croft::cli {
namespace {

/// Travels in clear to the controller over its unix socket, which seals what it keeps.
class PlainSealer : public protocol::SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override { return plain.reveal(); }
  Result<Secret> open(std::string_view sealed) const override {
    return Secret(std::string(sealed));
  }
};

std::string user_name() {
  const passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_name : std::to_string(getuid());
}

/// The caller's AWS_* variables: the usual credential sources, for components that name none. And
/// its proxies.
wire::json::Object aws_environment() {
  wire::json::Object out;
  for (char** entry = environ; *entry; ++entry) {
    auto parts = cut(*entry, '=');
    if (!parts) continue;
    bool proxy =
        parts->first == "http_proxy" || parts->first == "https_proxy" || parts->first == "no_proxy";
    if (proxy || parts->first.starts_with("AWS_")) out[parts->first] = parts->second;
  }
  if (const char* home = std::getenv("HOME")) out["HOME"] = home;
  return out;
}

/// Files of this machine mean nothing to a controller on another: it gets what is in them.
aio::Task<Result<wire::json::Object>> caller_environment(aio::World& world, std::string home) {
  auto out = aws_environment();
  if (!logged_in(home)) co_return out;
  for (const char* name : {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE",
                           "AWS_DEFAULT_PROFILE", "HOME"})
    out.erase(name);
  auto found =
      co_await cloud::find_credentials(world, {.environment = cloud::process_environment()});
  if (!found) {
    // A description may name an account of its own.
    if (found.error().code == Code::unauthenticated) co_return out;
    co_return fail(std::move(found).error());
  }
  out["AWS_ACCESS_KEY_ID"] = found->access_key;
  out["AWS_SECRET_ACCESS_KEY"] = found->secret_key.reveal();
  if (!found->session_token.empty()) out["AWS_SESSION_TOKEN"] = found->session_token.reveal();
  if (!found->region.empty() && !out.contains("AWS_REGION")) out["AWS_REGION"] = found->region;
  co_return out;
}

/// Properties go the same way: conditions ask for them while the application runs.
aio::Task<Result<wire::json::Object>> environment_of(aio::World& world,
                                                     const Invocation& invocation,
                                                     const model::Description& description) {
  auto out = CO_TRY(co_await caller_environment(world, invocation.home));
  if (description.root)
    for (const auto& [name, text] : named_variables(*description.root)) out[name] = text;
  for (const auto& given : invocation.values("--property")) {
    auto parts = cut(given, '=');
    out[engine::property_prefix + std::string(parts ? parts->first : given)] =
        parts ? std::string(parts->second) : "true";
  }
  co_return out;
}

/// PATH=ID[,ID], as often as it is given.
Result<wire::json::Object> imports_object(const Invocation& invocation) {
  wire::json::Object out;
  for (const auto& given : invocation.values("--import")) {
    auto parts = cut(given, '=');
    if (!parts || parts->first.empty() || parts->second.empty())
      return fail(wrong_argument(
          fmt::format("--import takes PATH=ID, such as web=i-0123456789abcdef0, not '{}'", given)));
    out[parts->first] = join(split(parts->second, ','), " ");
  }
  return out;
}

wire::json::Object farm_object(const cloud::Farm& farm, const EmbeddedFarm& embedded) {
  wire::json::Object out{{"region", farm.region}, {"why", farm.why}};
  switch (farm.kind) {
    case cloud::FarmKind::embedded:
      out["kind"] = "embedded";
      out["url"] = embedded.url;
      out["admin"] = farm::admin_socket(embedded.data);
      break;
    case cloud::FarmKind::aws:
      out["kind"] = "aws";
      break;
    case cloud::FarmKind::url:
      out["kind"] = "url";
      break;
  }
  if (farm.kind != cloud::FarmKind::embedded) {
    if (farm.ec2) out["ec2"] = farm.ec2->url.text();
    if (farm.s3) out["s3"] = farm.s3->url.text();
  }
  return out;
}

Result<wire::json::Object> options_object(const Invocation& invocation) {
  wire::json::Object out{{"owner", invocation.value("--owner").value_or(user_name())}};
  if (invocation.flag("--keep-on-failure")) out["keepOnFailure"] = true;
  if (invocation.flag("--allow-shell")) out["allowShell"] = true;
  wire::json::Array folders;
  for (const auto& folder : invocation.values("--allow-files"))
    folders.push_back(wire::json::Value(std::filesystem::absolute(folder).string()));
  if (!folders.empty()) out["allowFiles"] = std::move(folders);
  for (auto [flag, member] :
       {std::pair{"--target", "targets"}, std::pair{"--exclude", "excludes"}}) {
    auto paths = invocation.values(flag);
    if (!paths.empty()) out[member] = wire::json::Array(paths.begin(), paths.end());
  }
  for (auto [flag, member] : {std::pair{"--max-instances", "maxInstances"},
                              std::pair{"--account-instances", "accountInstances"},
                              std::pair{"--parallelism", "parallelism"}}) {
    auto given = invocation.value(flag);
    if (!given) continue;
    auto number = parse_u64(*given);
    bool least_one = flag == std::string_view("--parallelism");
    if (!number || *number > 1'000'000 || (least_one && *number == 0))
      return fail(wrong_argument(fmt::format("{} takes a number {} 1000000, not '{}'", flag,
                                             least_one ? "from 1 to" : "up to", *given)));
    out[member] = static_cast<int64_t>(*number);
  }
  for (auto [flag, member] :
       {std::pair{"--lifetime", "lifetime"}, std::pair{"--timeout", "timeout"}}) {
    auto given = invocation.value(flag);
    if (!given) continue;
    auto duration = Duration::parse(*given);
    if (!duration || *duration <= Duration())
      return fail(wrong_argument(
          fmt::format("{} takes a time above nothing such as 90s or 2h, not '{}'", flag, *given)));
    out[member] = *given;
  }
  return out;
}

}  // namespace

Result<cloud::Farm> chosen_farm(const Invocation& invocation) {
  auto environment = cloud::process_environment();
  std::string region =
      invocation.value("--region").value_or(cloud::region_of(environment, cloud::Credentials{}));
  auto chosen = cloud::choose_farm(invocation.value("--farm").value_or(""), environment, region);
  if (chosen && chosen->kind == cloud::FarmKind::embedded && !invocation.value("--farm"))
    if (auto login = TRY(login_of(invocation.home)); login && !login->farm.empty())
      chosen = cloud::choose_farm(login->farm, environment, region);
  if (!chosen && invocation.value("--farm")) chosen.error().fact("command_line", "wrong");
  return chosen;
}

namespace {

/// Starts what does not run: the controller, and the embedded farm where it is meant.
aio::Task<Result<EmbeddedFarm>> ensure_both(aio::World& world, Invocation& invocation,
                                            const cloud::Farm& farm, UpRequest& out) {
  EmbeddedFarm embedded;
  out.started_something =
      CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  if (farm.kind == cloud::FarmKind::embedded) {
    CO_TRY(check_here(invocation.home, "an up on the embedded farm"));
    embedded = CO_TRY(co_await ensure_farm(world, invocation.terminal, invocation.home));
    out.started_something |= embedded.started;
    out.farm_text = "the embedded farm at " + embedded.url;
  } else {
    out.farm_text = farm.text();
  }
  out.farm = farm_object(farm, embedded);
  co_return embedded;
}

/// What an application is named after: "talk" of "talk.sf", "examples/talk/" and "s3://b/talk.sf".
std::string base_of(const std::string& file) {
  std::error_code problem;
  if (!std::filesystem::is_directory(file, problem)) return file;
  return std::filesystem::weakly_canonical(file, problem).string();
}

}  // namespace

std::vector<Option> account_options() {
  return {{"--farm", "WHICH",
           "embedded, aws, or the URL of an EC2 and S3 endpoint (default: CROFT_FARM, else "
           "AWS_ENDPOINT_URL*, else embedded)"},
          {"--region", "NAME", "region to rent in (default: AWS_REGION, else us-east-1)"}};
}

std::vector<Option> up_options() {
  auto options = options_with_parameters();
  auto account = account_options();
  options.insert(options.end(), account.begin(), account.end());
  options.insert(
      options.end(),
      {
          {"--name", "APP", "name of the application (default: the file's name without .sf)"},
          {"--owner", "NAME",
           "the tag croft:owner of what is rented from now on (default: the user's name)"},
          {"--max-instances", "N",
           "never rent more for this application; maxInstances of sfConfig holds beside it "
           "(default: 100)"},
          {"--account-instances", "N",
           "never rent more for all applications of this controller together"},
          {"--lifetime", "TIME", "the application removes itself after this time, such as 2h"},
          {"--timeout", "TIME", "give up starting after this time"},
          {"--keep-on-failure", "", "when starting fails, keep what was rented for a look"},
          {"--allow-files", "DIR", "open this folder to the application's file components, too",
           true},
          {"--allow-shell", "", "its components may run programs on the controller's machine"},
          {"--target", "PATH",
           "act upon this component alone, with what is in it and what it needs; the rest stays as "
           "it is",
           true},
          {"--exclude", "PATH", "leave this component, and what needs it, as it is", true},
          {"--import", "PATH=ID",
           "let this component take over what exists, an instance or a bucket, instead of making "
           "it",
           true},
          {"--parallelism", "N", "how many steps are under way at once (default: 256)"},
          {"--strict", "", "attributes that the component type does not know are errors"},
      });
  return options;
}

aio::Task<Result<UpRequest>> prepare_up(aio::World& world, Invocation& invocation) {
  std::string file = invocation.positional(0);
  auto description = CO_TRY(load_description(invocation, file, invocation.flag("--strict")));
  auto farm = CO_TRY(chosen_farm(invocation));
  auto options = CO_TRY(options_object(invocation));
  auto imports = CO_TRY(imports_object(invocation));

  UpRequest out;
  if (auto given = invocation.value("--name"))
    if (auto good = controller::check_name(*given); !good)
      co_return fail(std::move(good).error().fact("command_line", "wrong"));
  out.name = invocation.value("--name").value_or(application_name(base_of(file)));
  CO_TRY(co_await ensure_both(world, invocation, farm, out));
  PlainSealer plain;
  wire::json::Object body{
      {"name", out.name},
      {"file", file},
      {"description", CO_TRY(protocol::pack(description, &plain))},
      {"farm", out.farm},
      {"options", std::move(options)},
      {"environment", CO_TRY(co_await environment_of(world, invocation, description))}};
  if (!imports.empty()) body["imports"] = std::move(imports);
  out.body = wire::json::compact(body);
  co_return out;
}

aio::Task<Result<UpRequest>> prepare_account(aio::World& world, Invocation& invocation) {
  auto farm = CO_TRY(chosen_farm(invocation));
  UpRequest out;
  CO_TRY(co_await ensure_both(world, invocation, farm, out));
  out.body = wire::json::compact(wire::json::Object{
      {"farm", out.farm},
      {"environment", CO_TRY(co_await caller_environment(world, invocation.home))}});
  co_return out;
}

}  // namespace croft::cli
