// Following a link at run time: over the tree as it stands now, published attributes included.
#include <fmt/format.h>

#include "model/component.h"
#include "model/compute.h"

namespace croft::model {
namespace {

constexpr int longest_chain = 100;

struct Found {
  const Component* holder = nullptr;  ///< where a chained reference goes on from
  Value value;
};

Result<Found> follow_from(const Component& from, const Reference& link, const Compute& compute,
                          int chain);

Error nothing_named(const Reference& link, std::string_view name, const Component& searched,
                    bool upward) {
  std::vector<std::string> candidates;
  for (const Component* at = &searched; at; at = upward ? at->parent() : nullptr)
    for (const auto& attribute : at->attributes()) candidates.push_back(attribute.name);
  std::string place = searched.path();
  Error error(Code::unresolved,
              fmt::format("{} leads to nothing: no '{}' in {}{}", link.text(), name,
                          place.empty() ? "the top level" : "'" + place + "'",
                          upward && searched.parent() ? " or above it" : ""));
  if (std::string hint = did_you_mean(name, candidates); !hint.empty()) error.hint(std::move(hint));
  error.where.path = place;
  return error;
}

/// LAZY PROPERTY and its relatives are asked where and when they are read.
Result<Value> value_outside(const Reference& link, const Part& part, const Outside& outside) {
  bool property = part.kind == Part::Kind::property || part.kind == Part::Kind::iproperty;
  bool parsed = part.kind == Part::Kind::iproperty || part.kind == Part::Kind::ienv_property;
  const auto& lookup = property ? outside.property : outside.environment;
  if (!lookup || (parsed && !outside.parse))
    return fail(Code::unsupported,
                fmt::format("{} cannot be followed inside the tree", link.text()));
  const char* what = property ? "property" : "environment variable";
  auto found = lookup(part.name);
  if (!found) {
    Error error(Code::unresolved, fmt::format("the {} '{}' is not set", what, part.name));
    if (property) error.hint(fmt::format("give it with -D{}=VALUE", part.name));
    return fail(std::move(error));
  }
  if (!parsed) return Value(*std::move(found));
  auto value = outside.parse(*found);
  if (!value)
    return fail(std::move(value).error().frame(fmt::format("the {} '{}'", what, part.name)));
  return value;
}

/// A value met on the way: references are followed, so that a step or the end is a real value.
Result<Found> settle(const Component& holder, const Attribute& attribute, const Compute& compute,
                     int chain) {
  if (auto* call = attribute.value.get<Call>(); call && !call->assertion && compute)
    return Found{&holder, TRY(compute(holder, *call))};
  auto* next = attribute.value.get<std::shared_ptr<const Reference>>();
  if (!next || (*next)->data) return Found{&holder, attribute.value};
  return follow_from(holder, **next, compute, chain + 1);
}

Result<Found> follow_from(const Component& from, const Reference& link, const Compute& compute,
                          int chain) {
  if (chain > longest_chain)
    return fail(
        Error(Code::unresolved, fmt::format("{} never ends: more than {} links lead to each other",
                                            link.text(), longest_chain))
            .at(from.where));
  const Component* at = &from;
  Found now;
  bool have_value = false;
  for (size_t i = 0; i < link.parts.size(); ++i) {
    const Part& part = link.parts[i];
    if (have_value) {
      auto component = now.value.as_component();
      if (!component)
        return fail(
            Error(Code::unresolved, fmt::format("{}: '{}' is a {}, not a component", link.text(),
                                                link.parts[i - 1].name, now.value.kind_name()))
                .at(from.where));
      at = component.get();
      have_value = false;
    }
    switch (part.kind) {
      case Part::Kind::self:
        continue;
      case Part::Kind::parent:
        if (!at->parent())
          return fail(Code::unresolved, fmt::format("{} leads above the top level", link.text()));
        at = at->parent();
        continue;
      case Part::Kind::root:
        while (at->parent()) at = at->parent();
        continue;
      case Part::Kind::property:
      case Part::Kind::iproperty:
      case Part::Kind::env_property:
      case Part::Kind::ienv_property:
        now = {at, TRY(value_outside(link, part, compute.outside))};
        have_value = true;
        continue;
      case Part::Kind::process:
      case Part::Kind::host:
      case Part::Kind::constant:
        return fail(Code::unsupported,
                    fmt::format("{} cannot be followed inside the tree", link.text()));
      case Part::Kind::here:
      case Part::Kind::attrib:
        break;
    }
    bool upward = part.kind == Part::Kind::attrib;
    const Component* holder = at;
    const Attribute* found = holder->find(part.name);
    while (!found && upward && holder->parent()) {
      holder = holder->parent();
      found = holder->find(part.name);
    }
    if (!found) return fail(nothing_named(link, part.name, *at, upward));
    now = TRY(settle(*holder, *found, compute, chain));
    have_value = true;
  }
  if (have_value) return now;
  auto self = std::const_pointer_cast<Component>(at->shared_from_this());
  return Found{at, Value(std::move(self))};
}

}  // namespace

Result<Value> follow(const Component& from, const Reference& link) {
  return follow(from, link, {});
}

Result<Value> follow(const Component& from, const Reference& link, const Compute& compute) {
  auto found = follow_from(from, link, compute, 0);
  if (found) return std::move(found->value);
  if (link.optional && found.error().code == Code::unresolved) return link.fallback;
  return fail(std::move(found).error());
}

}  // namespace croft::model
