#include "components/host/secrets.h"

#include <fmt/format.h>

#include <algorithm>

#include "components/passwords/passwords.h"
#include "plan/links.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr int hops_max = 64;
constexpr int depth_max = 100;
constexpr size_t name_max = 255;

/// Whether what the link leads to, in the end, is a secret.
bool leads_to_secret(const model::Component& from, const model::Reference& link) {
  const model::Component* home = &from;
  const model::Reference* next = &link;
  for (int hop = 0; hop < hops_max; ++hop) {
    auto target = plan::locate(*home, *next);
    if (!target) return false;  // that it leads nowhere is said when it is read
    if (target->attribute.empty()) return gives_secret(*target->component);
    if (!target->found) return false;
    if (target->found->secret) return true;
    auto* further = target->found->value.get<std::shared_ptr<const model::Reference>>();
    if (!further || (*further)->data) return false;
    home = target->component;
    next = further->get();
  }
  return false;
}

bool holds_secret(const model::Component& home, const model::Value& value, int depth = 0) {
  if (depth > depth_max) return false;
  if (auto* link = value.get<std::shared_ptr<const model::Reference>>())
    return !(*link)->data && leads_to_secret(home, **link);
  if (auto* list = value.get<model::Vector>())
    return std::ranges::any_of(
        *list, [&](const model::Value& item) { return holds_secret(home, item, depth + 1); });
  auto inside = [&](const model::Component& body, const model::Component& from) {
    return std::ranges::any_of(body.attributes(), [&](const model::Attribute& each) {
      return each.secret || holds_secret(from, each.value, depth + 1);
    });
  };
  if (auto* call = value.get<model::Call>()) return call->body && inside(*call->body, home);
  auto component = value.as_component();
  return component && (gives_secret(*component) || inside(*component, *component));
}

Result<> check_name(const Fields& fields, const std::string& name) {
  bool good =
      name.size() <= name_max && name != "." && name != ".." && name.find('/') == std::string::npos;
  if (good) return {};
  return fail(Code::invalid_argument, fmt::format("'{}' cannot be the name of a file", name),
              fields.where(name));
}

bool is_entry(const model::Attribute& attribute) {
  return !attribute.name.starts_with("sf");
}

}  // namespace

Result<> no_secrets_but_in(const Context& context, std::vector<std::string_view> allowed) {
  if (!context.description()) return {};
  for (const auto& attribute : context.description()->attributes()) {
    if (std::ranges::find(allowed, attribute.name) != allowed.end()) continue;
    if (!holds_secret(*context.description(), attribute.value)) continue;
    return fail(Error(Code::permission_denied,
                      fmt::format("'{}' of {} holds a secret: all users of the host could read it",
                                  attribute.name, context.path()),
                      context.where(attribute.name))
                    .hint("write `secrets extends { password LAZY ...; }`: it becomes the file "
                          "$CREDENTIALS_DIRECTORY/password, which only the process can read"));
  }
  return {};
}

Result<std::vector<std::string>> secret_names(const Context& context, std::string_view name) {
  std::vector<std::string> out;
  auto part = TRY(Fields(context).part(name));
  if (!part) return out;
  Fields fields(context, part);
  for (const auto& attribute : part->attributes()) {
    if (!is_entry(attribute)) continue;
    TRY(check_name(fields, attribute.name));
    out.push_back(attribute.name);
  }
  return out;
}

aio::Task<Result<std::vector<model::SecretFile>>> secret_files(Context& context, std::string name) {
  std::vector<model::SecretFile> out;
  auto part = CO_TRY(Fields(context).part(name));
  for (const std::string& file : CO_TRY(secret_names(context, name)))
    out.push_back({file, CO_TRY(co_await secret_in(context, part, file))});
  co_return out;
}

}  // namespace croft::components
