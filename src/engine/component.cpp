#include "engine/component.h"

#include <fmt/format.h>

namespace croft::engine {

aio::Task<Result<>> Component::deploy(Context&) {
  co_return Result<>{};
}
aio::Task<Result<>> Component::start(Context&) {
  co_return Result<>{};
}
aio::Task<Result<>> Component::ping(Context&) {
  co_return Result<>{};
}
aio::Task<Result<>> Component::work(Context& context) {
  co_return context.done_with_start();
}
aio::Task<Result<>> Component::terminate(Context&, const model::TerminationRecord&) {
  co_return Result<>{};
}
aio::Task<Result<>> Component::prepare_update(Context&, model::ComponentPtr) {
  co_return Result<>{};
}
aio::Task<Result<>> Component::abandon_update(Context&) {
  co_return Result<>{};
}
bool Component::ends_with_child(std::string_view, const model::TerminationRecord&) {
  return true;
}
bool Component::takes_end_of(const Context&, std::string_view, const model::TerminationRecord&) {
  return false;
}
aio::Task<Result<bool>> Component::may_start_again(Context&, std::string, Error) {
  co_return false;
}
aio::Task<Result<bool>> Component::evaluate(Context& context) {
  co_return fail(Error(Code::unsupported, fmt::format("{} is not a condition", context.path()))
                     .hint("conditions are True, And, Equals, FileExists and the like"));
}
aio::Task<Result<>> Component::receive(Context&, std::string) {
  co_return Result<>{};
}
bool Component::forgives(const Context&, std::string_view, const Error&) {
  return false;
}
aio::Task<Result<>> Component::repair(Context& context, std::vector<Drift>) {
  co_return fail(
      Error(Code::unsupported, fmt::format("{} is of a type that is not repaired", context.path()))
          .hint("drift \"ACCEPT\" takes it as it is"));
}
Result<std::vector<cloud::Tag>> Component::wanted_tags(Context& context) {
  auto tags = context.tags();
  // Another operator's `up` changes nothing of what runs.
  std::erase_if(tags, [](const cloud::Tag& tag) { return tag.key == cloud::tag_owner; });
  return tags;
}
aio::Task<Result<std::optional<Keys>>> Component::account(Context&) {
  co_return std::optional<Keys>{};
}

void Registry::add(ComponentType type) {
  auto kept = std::make_shared<const ComponentType>(std::move(type));
  schemas_.add(kept->schema);
  types_[kept->schema.sf_class] = kept;
  for (const std::string& alias : kept->aliases) {
    model::ComponentSchema schema = kept->schema;
    schema.sf_class = alias;
    schemas_.add(std::move(schema));
    types_[alias] = kept;
  }
}

const ComponentType* Registry::find(std::string_view sf_class) const {
  auto found = types_.find(sf_class);
  return found == types_.end() ? nullptr : found->second.get();
}

Result<const ComponentType*> Registry::type_of(const model::Component& component) const {
  const auto* attribute = component.find("sfClass");
  if (!attribute) {
    Error error(
        Code::unresolved,
        fmt::format("'{}' has no sfClass: croft does not know what to run", component.name()),
        component.where);
    error.hint(
        "extend Compound, Prim or another component type; write `extends DATA` if it is only data");
    return fail(std::move(error));
  }
  const auto* name = attribute->value.get<std::string>();
  if (!name)
    return fail(Code::type_mismatch,
                fmt::format("sfClass is a {}, a string is needed", attribute->value.kind_name()),
                attribute->where);
  if (const ComponentType* type = find(*name)) return type;
  Error error(Code::unresolved, fmt::format("no component type of the class '{}' is known", *name),
              attribute->where);
  std::vector<std::string> names;
  for (const auto& [known, type] : types_) names.push_back(known);
  if (auto hint = did_you_mean(*name, names); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

plan::Catalog Registry::catalog() const {
  return [this](const model::Component& component) -> Result<plan::TypeFacts> {
    const ComponentType* type = TRY(type_of(component));
    plan::TypeFacts facts;
    facts.name = type->schema.sf_class;
    facts.compound = type->compound;
    facts.actions = type->actions;
    for (const auto* attribute : schemas_.attributes(type->schema)) {
      if (attribute->change == model::Change::replace && !attribute->published)
        facts.identity.push_back(attribute->name);
      if (!attribute->orders) facts.unordered.push_back(attribute->name);
    }
    if (type->rents) facts.rents = TRY(type->rents(component));
    if (type->touches) type->touches(component, facts);
    return facts;
  };
}

}  // namespace croft::engine
