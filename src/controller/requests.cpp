#include "controller/requests.h"

#include <fmt/format.h>

#include "base/text.h"
#include "controller/sealer.h"

namespace croft::controller {
namespace {

namespace json = wire::json;

Result<cloud::Farm> farm_from(const json::Object& object) {
  std::string kind = TRY(json::string_at(object, "kind"));
  std::string region = TRY(json::string_or(object, "region", "us-east-1"));
  std::string url = TRY(json::string_or(object, "url", ""));
  std::string ec2 = TRY(json::string_or(object, "ec2", url)),
              s3 = TRY(json::string_or(object, "s3", url));
  cloud::Farm farm;
  if (kind == "aws") {
    farm.kind = cloud::FarmKind::aws;
    farm.ec2 = cloud::aws_endpoint(cloud::Service::ec2, region);
    farm.s3 = cloud::aws_endpoint(cloud::Service::s3, region);
  } else if (kind == "embedded" || kind == "url") {
    farm.kind = kind == "url" ? cloud::FarmKind::url : cloud::FarmKind::embedded;
  } else {
    return fail(Error(Code::invalid_argument, fmt::format("farm.kind is '{}'", kind))
                    .hint("embedded, aws or url"));
  }
  if (!ec2.empty()) farm.ec2 = TRY(cloud::farm_at(ec2, region, farm.kind)).ec2;
  if (!s3.empty()) farm.s3 = TRY(cloud::farm_at(s3, region, farm.kind)).s3;
  farm.region = region;
  farm.why = TRY(json::string_or(object, "why", ""));
  return farm;
}

Result<engine::Options> options_from(const json::Object& object) {
  engine::Options out;
  out.keep_on_failure = TRY(json::bool_or(object, "keepOnFailure", false));
  if (object.contains("maxInstances"))
    out.max_instances = TRY(json::int_at(object, "maxInstances"));
  if (object.contains("accountInstances"))
    out.account_instances = TRY(json::int_at(object, "accountInstances"));
  for (auto [member, into] :
       {std::pair{"lifetime", &out.lifetime}, std::pair{"timeout", &out.up_timeout}})
    if (std::string text = TRY(json::string_or(object, member, "")); !text.empty())
      *into = TRY(Duration::parse(text, "s"));
  for (auto [member, into] :
       {std::pair{"targets", &out.scope.targets}, std::pair{"excludes", &out.scope.excludes}})
    if (object.contains(member)) *into = TRY(json::strings_at(object, member));
  if (object.contains("parallelism")) {
    int64_t number = TRY(json::int_at(object, "parallelism"));
    if (number < 1)
      return fail(Code::invalid_argument,
                  fmt::format("options.parallelism is {}: at least 1 is needed", number));
    out.parallelism = static_cast<size_t>(number);
  }
  out.owner = TRY(json::string_or(object, "owner", ""));
  out.allow_shell = TRY(json::bool_or(object, "allowShell", false));
  if (const json::Array* folders = TRY(json::array_if(object, "allowFiles")))
    for (const auto& folder : *folders)
      if (folder.is_string()) out.allow_files.emplace_back(folder.get_string());
  return out;
}

Result<engine::Imports> imports_from(const json::Object& object) {
  engine::Imports out;
  if (const json::Object* imports = TRY(json::object_if(object, "imports")))
    for (const auto& item : *imports)
      out[std::string(item.key())] = TRY(json::string_at(*imports, item.key()));
  return out;
}

/// The parts of `object` that say which account is meant.
Result<AccountBody> account_from(const json::Object& object) {
  AccountBody out;
  const json::Object* farm = TRY(json::object_at(object, "farm"));
  out.farm = TRY(farm_from(*farm));
  out.farm_admin = TRY(json::string_or(*farm, "admin", ""));
  if (const json::Object* environment = TRY(json::object_if(object, "environment")))
    for (const auto& item : *environment)
      out.environment[std::string(item.key())] = TRY(json::string_at(*environment, item.key()));
  return out;
}

}  // namespace

Result<AccountBody> account_body(std::string_view text) {
  return account_from(TRY(json::parse_object(text, "the request")));
}

Result<engine::Imports> imports_body(std::string_view text) {
  auto out = TRY(imports_from(TRY(json::parse_object(text, "the request"))));
  if (out.empty())
    return fail(Error(Code::invalid_argument, "the request imports nothing")
                    .hint("{\"imports\": {\"APP:PATH\": \"ID ...\"}}"));
  return out;
}

Result<> check_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 64 && name[0] != '.' && name[0] != '-';
  for (char c : name)
    good =
        good && (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.');
  if (good) return {};
  return fail(Error(Code::invalid_argument,
                    fmt::format("'{}' cannot be an application's name", printable(name)))
                  .hint("1 to 64 letters, digits, '-', '_' and '.'"));
}

Result<UpBody> up_body(std::string_view text) {
  PlainSealer plain;
  json::Object object = TRY(json::parse_object(text, "the request", protocol::packed_limits));
  UpBody out;
  out.name = TRY(json::string_at(object, "name"));
  TRY(check_name(out.name));
  out.wanted.description =
      TRY(protocol::unpack_description(*TRY(json::object_at(object, "description")), &plain));
  if (!out.wanted.description.config)
    return fail(Error(Code::invalid_argument,
                      "the description has no sfConfig: there is nothing to deploy"));
  if (std::string file = TRY(json::string_or(object, "file", "")); !file.empty())
    out.wanted.description.file = file;
  AccountBody account = TRY(account_from(object));
  out.wanted.farm = std::move(account.farm);
  out.wanted.farm_admin = std::move(account.farm_admin);
  out.wanted.environment = std::move(account.environment);
  out.wanted.imports = TRY(imports_from(object));
  if (const json::Object* options = TRY(json::object_if(object, "options")))
    out.wanted.options = TRY(options_from(*options));
  if (auto owner = out.wanted.description.config->string("owner"))
    out.wanted.options.owner = *owner;
  return out;
}

}  // namespace croft::controller
