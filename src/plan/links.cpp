#include "plan/links.h"

#include <fmt/format.h>

namespace croft::plan {
namespace {

using model::Part;

constexpr int chain_limit = 64;   // references that lead to references
constexpr int depth_limit = 200;  // data inside data

Result<Target> locate_at(const model::Component& from, const model::Reference& link, int hops);

const model::Component* outermost(const model::Component* at) {
  while (at->parent()) at = at->parent();
  return at;
}

/// The attribute `name` of `at` or of the nearest component above it.
std::pair<const model::Component*, const model::Attribute*> upward(const model::Component* at,
                                                                   std::string_view name) {
  for (; at; at = at->parent())
    if (const model::Attribute* found = at->find(name)) return {at, found};
  return {nullptr, nullptr};
}

/// The component that an attribute's value is, or that its reference leads to.
Result<const model::Component*> as_component(const model::Component& holder,
                                             const model::Attribute& attribute, int hops) {
  if (auto component = attribute.value.as_component()) return component.get();
  if (auto* reference = attribute.value.get<std::shared_ptr<const model::Reference>>()) {
    Target target = TRY(locate_at(holder, **reference, hops + 1));
    if (target.attribute.empty()) return target.component;
    if (target.found) return as_component(*target.component, *target.found, hops + 1);
  }
  return fail(Code::unresolved, fmt::format("'{}' is not a component", attribute.name));
}

Result<Target> locate_at(const model::Component& from, const model::Reference& link, int hops) {
  if (hops > chain_limit)
    return fail(Code::unresolved,
                fmt::format("{} leads through more than {} references", link.text(), chain_limit));
  const model::Component* at = &from;
  for (size_t i = 0; i < link.parts.size(); ++i) {
    const Part& part = link.parts[i];
    bool last = i + 1 == link.parts.size();
    switch (part.kind) {
      case Part::Kind::parent:
        if (!at->parent())
          return fail(Code::unresolved,
                      fmt::format("{}: there is nothing above {}", link.text(), at->path()));
        at = at->parent();
        continue;
      case Part::Kind::root:
        at = outermost(at);
        continue;
      case Part::Kind::self:
        continue;
      case Part::Kind::process:
      case Part::Kind::host:
      case Part::Kind::property:
      case Part::Kind::iproperty:
      case Part::Kind::env_property:
      case Part::Kind::ienv_property:
      case Part::Kind::constant:
        return fail(
            Code::unresolved,
            fmt::format("{} does not lead to a component of this description", link.text()));
      case Part::Kind::here:
      case Part::Kind::attrib:
        break;
    }
    bool climbs = part.kind == Part::Kind::attrib;
    auto [holder, found] =
        climbs ? upward(at, part.name)
               : std::pair{at, static_cast<const model::Component*>(at)->find(part.name)};
    if (!found) {
      if (last) return Target{at, part.name, nullptr};
      std::vector<std::string> known;
      for (const auto& attribute : at->attributes()) known.push_back(attribute.name);
      Error error(Code::unresolved,
                  fmt::format("{}: '{}' is not found from {}", link.text(), part.name, at->path()));
      if (auto hint = did_you_mean(part.name, known); !hint.empty()) error.hint(hint);
      return fail(std::move(error));
    }
    if (auto component = found->value.as_component()) {
      at = component.get();
      continue;
    }
    if (last) return Target{holder, part.name, found};
    at = TRY(as_component(*holder, *found, hops));
  }
  return Target{at, "", nullptr};
}

void collect(const model::Component& home, const std::string& name, const model::Value& value,
             int depth, bool parts, std::vector<Link>& into) {
  if (depth > depth_limit) return;
  if (auto* reference = value.get<std::shared_ptr<const model::Reference>>()) {
    if (!(*reference)->data) into.push_back({&home, name, *reference});
  } else if (auto* vector = value.get<model::Vector>()) {
    for (const model::Value& item : *vector) collect(home, name, item, depth + 1, parts, into);
  } else if (auto component = value.as_component(); component && (parts || !component->eager)) {
    for (const auto& attribute : component->attributes())
      collect(*component, name, attribute.value, depth + 1, parts, into);
  } else if (auto* call = value.get<model::Call>(); call && call->body) {
    for (const auto& attribute : call->body->attributes())
      collect(home, name, attribute.value, depth + 1, parts, into);
  }
}

}  // namespace

Result<Target> locate(const model::Component& from, const model::Reference& link) {
  return locate_at(from, link, 0);
}

std::vector<Link> links_of(const model::Component& component, bool parts) {
  std::vector<Link> out;
  for (const auto& attribute : component.attributes())
    collect(component, attribute.name, attribute.value, 0, parts, out);
  return out;
}

}  // namespace croft::plan
