// Set and Array: many components made of one. Source: the language reference, 1.10.
#include <fmt/format.h>

#include <algorithm>

#include "lang/functions/function.h"

namespace croft::lang {
namespace {

Result<int64_t> count_of(Calling& calling, Symbol name, int64_t fallback) {
  const Val* value = calling.find(name);
  if (!value) return fallback;
  if (!value->is(Kind::integer))
    return fail(Code::type_mismatch,
                fmt::format("'{}' is {}, not a whole number", calling.run.symbols.text(name),
                            calling.run.show(*value)));
  return value->number;
}

Result<std::string> prefix_of(Calling& calling, Symbol name, std::string fallback) {
  const Val* value = calling.find(name);
  if (!value) return fallback;
  std::string out;
  write_plain(calling.run, *value, out);
  return out;
}

/// The DATA component that takes the place of the call, with what is no parameter.
template <class IsParameter>
Node* result_node(Calling& calling, IsParameter is_parameter) {
  Run& run = calling.run;
  Node* out = run.make_node(calling.node->parent, calling.node->name, calling.node->pos);
  out->eager = false;
  out->origin = calling.node->origin;
  for (const auto& operand : calling.operands) {
    if (is_parameter(operand.name)) continue;
    // An own component moves into the result, so that its references resolve from there; what a
    // reference led to stays where it is.
    bool own = operand.value.is(Kind::component) && operand.value.node->parent == calling.node;
    Attr* attr = run.put(out, operand.name, own ? operand.value : Val{}, 0, operand.pos);
    attr->value = operand.value;
  }
  return out;
}

/// One more member: a copy of the template under a new name.
Result<Node*> add_member(Calling& calling, Node* result, const Val& from, const std::string& name,
                         Pos pos) {
  Run& run = calling.run;
  Symbol symbol = run.symbols.intern(name);
  Node* member = run.copy(from.node, result, symbol);
  if (!member) return fail(Error(Code::resource_exhausted, ""));
  run.put(result, symbol, run.component(member), 0, pos);
  return member;
}

}  // namespace

Result<Val> call_set(Calling& calling) {
  const Val* element = calling.find(word::set_elem);
  if (!element || !element->is(Kind::component))
    return fail(Code::type_mismatch, "Set needs a component 'setElem' to repeat");
  int64_t least = TRY(count_of(calling, word::set_min, 0));
  int64_t step = TRY(count_of(calling, word::set_inc, 1));
  int64_t size = TRY(count_of(calling, word::set_size, -1));
  int64_t most =
      TRY(count_of(calling, word::set_max, size >= 0 ? least + (size - 1) * step : least - 1));
  if (!calling.find(word::set_size) && !calling.find(word::set_max))
    return fail(Code::invalid_argument, "Set needs 'setSize' or 'setMax'");
  if (step <= 0)
    return fail(Code::invalid_argument,
                fmt::format("'setInc' is {}; it must be more than 0", step));
  if (static_cast<uint64_t>(std::max<int64_t>(0, (most - least) / step)) >
      calling.run.options.limits.components)
    return fail(Code::resource_exhausted,
                fmt::format("a Set of {} members is beyond the limit of {} components",
                            (most - least) / step + 1, calling.run.options.limits.components));
  std::string prefix = TRY(prefix_of(calling, word::set_prefix, "elem"));
  Node* out = result_node(
      calling, [](Symbol name) { return name >= word::set_elem && name <= word::set_prefix; });
  for (int64_t i = least; i <= most; i += step)
    TRY(add_member(calling, out, *element, prefix + std::to_string(i), calling.node->pos));
  return calling.run.component(out);
}

namespace {

/// One dimension of an Array: the keys of its members.
struct Dimension {
  std::vector<Val> keys;
};

Result<Dimension> dimension(Calling& calling, const Val& value) {
  Dimension out;
  if (value.is(Kind::integer)) {
    if (value.number < 0)
      return fail(Code::invalid_argument,
                  fmt::format("an Array cannot have {} members", value.number));
    if (static_cast<uint64_t>(value.number) > calling.run.options.limits.components)
      return fail(Code::resource_exhausted,
                  fmt::format("an Array of {} members is beyond the limit of {} components",
                              value.number, calling.run.options.limits.components));
    for (int64_t i = 0; i < value.number; ++i)
      out.keys.push_back(calling.run.integer(static_cast<int32_t>(i)));
    return out;
  }
  if (value.is(Kind::vector)) {
    for (uint32_t i = 0; i < value.vec->count; ++i) {
      const Val& key = value.vec->items[i];
      if (!key.is(Kind::string) && !key.is(Kind::integer))
        return fail(Code::type_mismatch,
                    fmt::format("{} cannot be a key of an Array", calling.run.show(key)));
      out.keys.push_back(key);
    }
    return out;
  }
  return fail(Code::type_mismatch,
              fmt::format("the extent of an Array is a number or a vector of names, not {}",
                          calling.run.show(value)));
}

struct Extent {
  std::vector<Dimension> dimensions;
  bool several = false;  ///< members are NAME_i_j with sfIndex0, sfIndex1
};

Result<Extent> extent_of(Calling& calling) {
  Extent out;
  if (const Val* size = calling.find(word::size)) {
    out.dimensions.push_back(TRY(dimension(calling, *size)));
    return out;
  }
  const Val* extent = calling.find(word::extent);
  if (!extent) return fail(Code::invalid_argument, "Array needs 'size' or 'extent'");
  bool names_only = extent->is(Kind::vector) && extent->vec->count > 0;
  for (uint32_t i = 0; names_only && i < extent->vec->count; ++i)
    names_only = extent->vec->items[i].is(Kind::string);
  if (!extent->is(Kind::vector) || names_only) {
    out.dimensions.push_back(TRY(dimension(calling, *extent)));
    return out;
  }
  const uint64_t most = calling.run.options.limits.components;
  uint64_t members = 1, keys = 0;
  for (uint32_t i = 0; i < extent->vec->count; ++i) {
    out.dimensions.push_back(TRY(dimension(calling, extent->vec->items[i])));
    uint64_t next = out.dimensions.back().keys.size();
    keys += next;
    members = next == 0 || members <= UINT64_MAX / next ? members * next : UINT64_MAX;
    if (members > most || keys > most)
      return fail(
          Code::resource_exhausted,
          fmt::format("an Array of more than {} members is beyond the limit of components", most));
  }
  out.several = true;
  return out;
}

Result<> add_array_member(Calling& calling, Node* out, const Val& from, const Extent& extent,
                          const std::vector<size_t>& at, const std::string& prefix) {
  Run& run = calling.run;
  std::string name = prefix;
  for (size_t d = 0; d < at.size(); ++d) {
    if (extent.several) name += '_';
    write_plain(run, extent.dimensions[d].keys[at[d]], name);
  }
  Pos pos = calling.node->pos;
  Node* member = TRY(add_member(calling, out, from, name, pos));
  for (size_t d = 0; d < at.size(); ++d) {
    Symbol index =
        extent.several ? run.symbols.intern("sfIndex" + std::to_string(d)) : Symbol{word::sf_index};
    run.put(member, index, extent.dimensions[d].keys[at[d]], 0, pos);
  }
  run.put(member, word::sf_tag, run.text(name), 0, pos);
  return {};
}

}  // namespace

Result<Val> call_array(Calling& calling) {
  const Val* from = calling.find(word::template_);
  if (!from) from = calling.find(word::generator);
  if (!from || !from->is(Kind::component))
    return fail(Code::type_mismatch,
                "Array needs a component 'template' (or 'generator') to repeat");
  Extent extent = TRY(extent_of(calling));
  std::string prefix =
      TRY(prefix_of(calling, word::prefix, calling.run.symbols.text(calling.node->name)));
  Val origin = *from;
  Node* out = result_node(
      calling, [](Symbol name) { return name == word::template_ || name == word::generator; });
  std::vector<size_t> at(extent.dimensions.size(), 0);
  for (const auto& each : extent.dimensions)
    if (each.keys.empty()) return calling.run.component(out);
  for (bool more = !at.empty(); more;) {
    TRY(add_array_member(calling, out, origin, extent, at, prefix));
    // Counts up with the first index turning fastest.
    more = false;
    for (size_t d = 0; d < at.size() && !more; ++d) {
      more = ++at[d] < extent.dimensions[d].keys.size();
      if (!more) at[d] = 0;
    }
  }
  return calling.run.component(out);
}

}  // namespace croft::lang
