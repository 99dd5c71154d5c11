#include "components/http_action.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::components {
namespace {

const std::vector<std::string> verbs = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"};

Result<HttpAction> action_from(const model::Value& value, const Where& where) {
  const auto* triple = value.get<model::Vector>();
  auto refuse = [&](std::string text) {
    return fail(Error(Code::type_mismatch, std::move(text), where)
                    .hint("an action is [verb, minCode, maxCode], such as [\"put\", 200, 299]"));
  };
  if (!triple) return refuse(fmt::format("an action is a {}", value.kind_name()));
  if (triple->size() != 3) return refuse(fmt::format("an action has {} parts", triple->size()));
  const auto* verb = (*triple)[0].get<std::string>();
  auto least = (*triple)[1].as_integer(), most = (*triple)[2].as_integer();
  if (!verb || !least || !most) return refuse("an action's parts are a string and two integers");
  HttpAction out;
  out.verb = to_upper(*verb);
  if (std::ranges::find(verbs, out.verb) == verbs.end()) {
    Error error(Code::invalid_argument, fmt::format("Unknown verb: {}", *verb), where);
    if (auto hint = did_you_mean(out.verb, verbs); !hint.empty()) error.hint(to_lower(hint));
    return fail(std::move(error));
  }
  if (*least < 100 || *most > 599 || *least > *most)
    return fail(Code::invalid_argument,
                fmt::format("{} to {} is no range of status codes", *least, *most), where);
  out.least = static_cast<int>(*least);
  out.most = static_cast<int>(*most);
  return out;
}

}  // namespace

std::string HttpAction::wanted() const {
  return fmt::format("{} to {}", least, most);
}

Result<std::vector<HttpAction>> actions_of(const engine::Context& context,
                                           std::string_view attribute) {
  std::vector<HttpAction> out;
  auto list = TRY(context.vector_or_empty(attribute));
  for (const auto& item : list) out.push_back(TRY(action_from(item, context.where(attribute))));
  return out;
}

void check_actions(const model::Component& component, std::string_view name,
                   std::vector<Error>& errors) {
  const auto* attribute = component.find(name);
  const auto* list = attribute ? attribute->value.get<model::Vector>() : nullptr;
  if (!list) return;
  for (const auto& item : *list) {
    if (item.is(model::Value::Kind::reference)) continue;
    Where where = attribute->where;
    where.path = std::string(name);
    if (auto action = action_from(item, where); !action)
      errors.push_back(std::move(action).error());
  }
}

bool starts_with_put(const model::Component& component) {
  const auto* actions = component.vector("startActions");
  for (const auto& action : actions ? *actions : model::Vector{}) {
    const auto* parts = action.get<model::Vector>();
    const auto* verb = parts && !parts->empty() ? (*parts)[0].get<std::string>() : nullptr;
    if (verb && equals_ignore_case(*verb, "put")) return true;
  }
  return false;
}

Code code_of_status(int status) {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::permission_denied;
    case 404:
    case 410:
      return Code::not_found;
    case 409:
    case 412:
      return Code::conflict;
    case 429:
      return Code::throttled;
    case 501:
      return Code::unsupported;
    case 408:
      return Code::timeout;
  }
  return status >= 500 ? Code::unavailable : Code::invalid_argument;
}

bool outcome_unknown(const Error& error) {
  switch (error.code) {
    case Code::unavailable:
    case Code::timeout:
    case Code::cancelled:
    case Code::corrupt:
    case Code::io:
    case Code::internal:
      return true;
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
    case Code::not_found:
    case Code::already_exists:
    case Code::conflict:
    case Code::permission_denied:
    case Code::unauthenticated:
    case Code::resource_exhausted:
    case Code::throttled:
    case Code::unsupported:
      return false;
  }
  return true;
}

}  // namespace croft::components
