#include "cli/test_farm.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "farm/farm.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

namespace json = wire::json;

constexpr int deepest = 200;

bool is_image_id(std::string_view text) {
  constexpr std::string_view prefix = "ami-";
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  bool length = text.size() == 8 || text.size() == 17;
  return length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void add_images(const model::Component& component, int depth, std::vector<std::string>& out) {
  if (depth > deepest) return;
  if (auto id = component.string("imageID"); id && is_image_id(*id))
    if (std::ranges::find(out, *id) == out.end()) out.emplace_back(*id);
  for (const auto& attribute : component.attributes()) {
    auto inner = attribute.value.as_component();
    if (inner && inner->parent() == &component) add_images(*inner, depth + 1, out);
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> given_accounts(
    const std::vector<std::string>& properties) {
  constexpr std::string_view id = "id", key = "key";
  std::map<std::string, std::string, std::less<>> given;
  for (const std::string& property : properties)
    if (auto parts = cut(property, '='))
      given[std::string(parts->first)] = std::string(parts->second);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : given) {
    if (!name.ends_with(id) || value.empty()) continue;
    auto secret = given.find(name.substr(0, name.size() - id.size()) + std::string(key));
    if (secret != given.end() && !secret->second.empty()) out.emplace_back(value, secret->second);
  }
  return out;
}

std::vector<std::string> named_images(const model::Component& config) {
  std::vector<std::string> out;
  add_images(config, 0, out);
  return out;
}

aio::Task<Result<>> furnish_farm(aio::World& world, std::string data,
                                 std::vector<std::string> properties, model::ComponentPtr config) {
  for (const auto& [id, secret] : given_accounts(properties)) {
    json::Object body{{"name", id}, {"accessKey", id}, {"secretKey", secret}};
    auto made = co_await farm::admin_call(world, data, "POST", "/accounts", json::compact(body));
    if (!made)
      co_return fail(
          std::move(made).error().frame(fmt::format("making the account {} that -D gives", id)));
  }
  if (!config) co_return Result<>{};
  for (const std::string& id : named_images(*config)) {
    json::Object body{{"id", id}, {"name", id}};
    auto made = co_await farm::admin_call(world, data, "POST", "/images", json::compact(body));
    if (!made)
      co_return fail(std::move(made).error().frame(fmt::format("making the image {}", id)));
  }
  co_return Result<>{};
}

}  // namespace croft::cli
