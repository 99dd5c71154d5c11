// croft farm image ...: images of the embedded farm from archives, and what they earn their makers.
#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

namespace json = wire::json;

constexpr Duration import_limit = Duration::hours(2);  ///< gigabytes are unpacked

std::string folder_of(const Invocation& invocation) {
  return invocation.value("--data").value_or(farm_folder(invocation.home));
}

aio::Task<Result<int>> import_image(aio::World& world, Invocation& invocation) {
  std::error_code bad;
  auto path = std::filesystem::absolute(invocation.positional(0), bad);
  if (bad) co_return fail(wrong_argument(fmt::format("'{}' is no file", invocation.positional(0))));
  json::Object wanted{{"path", path.lexically_normal().string()},
                      {"name", invocation.value("--name").value_or(path.stem().string())}};
  if (auto account = invocation.value("--account")) wanted["account"] = *account;
  if (auto text = invocation.value("--description")) wanted["description"] = *text;
  std::string answer = CO_TRY(co_await farm::admin_call(
      world, folder_of(invocation), "POST", "/images/import", json::compact(wanted), import_limit));
  json::Object made = CO_TRY(json::parse_object(answer, "the image"));
  std::string id = CO_TRY(json::string_at(made, "id"));
  invocation.terminal.print(invocation.json ? json::pretty(made) : id);
  co_return exit_code::done;
}

aio::Task<Result<int>> price(aio::World& world, Invocation& invocation) {
  json::Object wanted{{"image", invocation.positional(0)},
                      {"perHour", invocation.value("--hour").value_or("0")}};
  if (auto account = invocation.value("--account")) wanted["account"] = *account;
  std::string answer = CO_TRY(co_await farm::admin_call(world, folder_of(invocation), "POST",
                                                        "/images/price", json::compact(wanted)));
  json::Object set = CO_TRY(json::parse_object(answer, "the price"));
  if (invocation.json)
    invocation.terminal.print(json::pretty(set));
  else
    invocation.terminal.print(
        fmt::format("{} earns {} an hour for {}", invocation.positional(0),
                    Money::micros(CO_TRY(json::int_at(set, "perHourMicros"))).text(),
                    CO_TRY(json::string_at(set, "account"))));
  co_return exit_code::done;
}

int run_import(Invocation& invocation) {
  return run_verb(invocation, import_image);
}
int run_price(Invocation& invocation) {
  return run_verb(invocation, price);
}

const Option data_option{"--data", "DIR", "the farm's folder (default: HOME/farm)"};

}  // namespace

Command farm_image_import_command() {
  return {
      .path = "farm image import",
      .summary = "make an image of a root file system or an OCI layout",
      .details =
          "Takes a root file system as tar (plain or gzip), as 'docker export' writes it, or an "
          "OCI image layout as a folder or tar, as 'skopeo copy' and 'docker save' write it; its "
          "layers are held against their digests. Device nodes are left out, and rights of "
          "other users (setuid). An archive in the farm's own S3 becomes an image by "
          "RegisterImage with ImageLocation BUCKET/KEY.",
      .example = "croft farm image import debian.tar --name debian-12 --account alice",
      .positionals = {{"SOURCE", "the archive, or the folder of a layout"}},
      .options = {data_option,
                  {"--name", "NAME", "of the image (default: the file's)"},
                  {"--description", "TEXT", "what it is"},
                  {"--account", "ACCOUNT", "its owner (default: everybody may launch it)"}},
      .run = run_import};
}

Command farm_image_price_command() {
  return {.path = "farm image price",
          .summary = "what whoever runs an image pays its maker for each hour",
          .details =
              "The margin is on the customer's invoice and, as a credit, on the maker's. Copies of "
              "the image and images made of its instances earn the same. Instances that run keep "
              "the price they were started with.",
          .example = "croft farm image price ami-0c40f700000000001 --account alice --hour 0.05",
          .positionals = {{"IMAGE", "its id"}},
          .options = {data_option,
                      {"--account", "ACCOUNT", "who earns it (default: the image's owner)"},
                      {"--hour", "DOLLARS", "for each hour of an instance (default: 0)"}},
          .run = run_price};
}

}  // namespace croft::cli
