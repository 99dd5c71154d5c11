// Calls at run time: LAZY APPLY {...} and LAZY ASSERT {...} of a description that is deployed. The
// operands are taken from the tree as it stands now, then the function is called as the link pass
// does. Source: the language reference, 1.9 and 1.10.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "lang/functions/function.h"
#include "model/compute.h"
#include "model/text.h"

namespace croft::lang {
namespace {

using model::Value;

constexpr int deepest = 100;  // of calls that need each other

/// Names that the language gives to operands; no reference can mean them.
bool is_operand_name(std::string_view name) {
  for (std::string_view word : {"left", "right", "data", "if", "then", "else"})
    if (name == word) return true;
  for (std::string_view stem : {"unique", "IF", "THEN"}) {
    if (!name.starts_with(stem) || name.size() == stem.size()) continue;
    if (name.find_first_not_of("0123456789", stem.size()) == std::string_view::npos) return true;
  }
  return false;
}

bool is_about_call(std::string_view name) {
  return name.starts_with("sfFunction") || name == "sfIsComponent" || name == "sfAssertionPhase" ||
         name == "sfSchemaDescription";
}

/// One call: a run of the language that knows only this call and its operands.
class RunTimeCall {
 public:
  RunTimeCall(const Options& options, const model::Component& holder, const model::Call& call,
              const model::Compute& compute)
      : run_(options), holder_(holder), call_(call), compute_(compute) {}

  Result<Value> result() {
    if (!call_.body) return fail(Code::internal, "a call without operands");
    const std::string* named = nullptr;
    if (const auto* attribute = call_.body->find("sfFunctionClass"))
      named = attribute->value.get<std::string>();
    const Function* function = named ? find_function(class_name(*named)) : nullptr;
    if (!function)
      return fail(Code::unresolved,
                  fmt::format("there is no function '{}'", named ? printable(*named) : ""));
    make_scope();
    TRY(make_nodes(function->call == call_check_element));
    std::vector<Operand> operands;
    for (const auto& attribute : call_.body->attributes()) {
      Symbol name = run_.symbols.intern(attribute.name);
      if (is_about_call(attribute.name)) {
        run_.put(node_, name, to_val(attribute.value), 0, {});
        continue;
      }
      auto settled = settle(attribute.value, 0);
      if (!settled) return fail(std::move(settled).error().frame("for '" + attribute.name + "'"));
      Val value = to_val(*settled);
      run_.put(node_, name, value, 0, {});
      operands.push_back({name, value, {}});
    }
    return call(*function, operands);
  }

 private:
  /// Where references of the operands are looked up: the call, which stands in the holder.
  void make_scope() {
    scope_ = model::Component::make();
    scope_->set_parent(const_cast<model::Component*>(&holder_));
    for (const auto& attribute : call_.body->attributes())
      if (!is_operand_name(attribute.name) && !is_about_call(attribute.name))
        scope_->append(attribute.name, attribute.value, attribute.where);
  }

  Result<> make_nodes(bool of_schema) {
    run_.phase = Phase::link;
    run_.root = run_.make_node(nullptr, word::none, {});
    Node* around = of_schema ? run_.make_node(run_.root, word::none, {}) : run_.root;
    node_ = run_.make_node(around, word::none, {});
    node_->call = call_.assertion ? Call::assertion : Call::apply;
    // An entry of a schema looks at an attribute of the component around the schema.
    const model::Component* checked = of_schema ? holder_.parent() : nullptr;
    auto name = checked ? call_.body->string("name") : std::nullopt;
    const model::Attribute* attribute = name ? checked->find(*name) : nullptr;
    if (!attribute) return {};
    Value value = attribute->value;
    if (auto* reference = value.get<std::shared_ptr<const model::Reference>>())
      value = TRY(model::follow(*checked, **reference, compute_));
    else if (auto* inner = value.get<model::Call>())
      value = TRY(compute_(*checked, *inner));
    run_.put(run_.root, run_.symbols.intern(*name), to_val(value), 0, {});
    return {};
  }

  Result<Value> call(const Function& function, const std::vector<Operand>& operands) {
    Calling calling{run_, node_, operands};
    auto made = function.call(calling);
    if (!made && made.error().what.empty() && !run_.errors.empty())
      return fail(std::move(run_.errors.back()));
    if (!made) return fail(std::move(made).error());
    if (run_.stopped && !run_.errors.empty()) return fail(std::move(run_.errors.back()));
    Value value = to_model(*made);
    auto* reference = value.get<std::shared_ptr<const model::Reference>>();
    if (reference && !(*reference)->data) return model::follow(*scope_, **reference, compute_);
    return value;
  }

  Result<Value> settle(const Value& value, int depth) {
    auto* reference = value.get<std::shared_ptr<const model::Reference>>();
    if (reference && !(*reference)->data) return model::follow(*scope_, **reference, compute_);
    if (auto* inner = value.get<model::Call>()) return compute_(*scope_, *inner);
    if (value.is(Value::Kind::tbd)) return fail(Code::unresolved, "the value is still TBD");
    auto* items = value.get<model::Vector>();
    if (!items || depth > deepest) return value;
    model::Vector out;
    out.reserve(items->size());
    for (const auto& item : *items) out.push_back(TRY(settle(item, depth + 1)));
    return Value(std::move(out));
  }

  // Values of the tree that runs <-> values of the language. Components keep their identity.
  Val to_val(const Value& from) {
    switch (from.kind()) {
      case Value::Kind::null:
        return {};
      case Value::Kind::boolean:
        return run_.boolean(*from.get<bool>());
      case Value::Kind::integer:
        return run_.integer(*from.get<int32_t>());
      case Value::Kind::long_integer: {
        Val out;
        out.kind = Kind::long_integer;
        out.number = *from.get<int64_t>();
        return out;
      }
      case Value::Kind::single:
      case Value::Kind::real: {
        Val out;
        out.kind = from.is(Value::Kind::single) ? Kind::single : Kind::real;
        out.bare = from.bare_decimal();
        out.real = *from.as_number();
        return out;
      }
      case Value::Kind::string:
        return run_.text(*from.get<std::string>());
      case Value::Kind::bytes: {
        Val out = run_.text(from.get<model::ByteArray>()->bytes);
        out.kind = Kind::bytes;
        return out;
      }
      case Value::Kind::vector: {
        std::vector<Val> items;
        for (const auto& item : *from.get<model::Vector>()) items.push_back(to_val(item));
        return run_.vector(items);
      }
      case Value::Kind::component:
        return component(from.as_component());
      case Value::Kind::reference:
      case Value::Kind::call:
      case Value::Kind::tbd:
        break;
    }
    others_.push_back(from);
    Val out = run_.integer(static_cast<int32_t>(others_.size() - 1));
    out.kind = Kind::bad;
    return out;
  }

  Val component(const model::ComponentPtr& from) {
    auto [known, added] = nodes_.emplace(from.get(), nullptr);
    if (added) {
      known->second = run_.make_node(run_.root, run_.symbols.intern(from->name()), {});
      components_.emplace(known->second, from);
    }
    return run_.component(known->second);
  }

  Value to_model(const Val& from) {
    switch (from.kind) {
      case Kind::null:
      case Kind::boolean:
      case Kind::integer:
      case Kind::long_integer:
      case Kind::single:
      case Kind::real:
        return plain_value(from);
      case Kind::string:
        return std::string(*from.text);
      case Kind::bytes:
        return model::ByteArray{std::string(*from.text)};
      case Kind::vector: {
        model::Vector items;
        for (uint32_t i = 0; i < from.vec->count; ++i)
          items.push_back(to_model(from.vec->items[i]));
        return items;
      }
      case Kind::component: {
        auto known = components_.find(from.node);
        return known == components_.end() ? Value(model::Null{}) : Value(known->second);
      }
      case Kind::bad:
        return others_[static_cast<size_t>(from.number)];
      case Kind::reference:
        return reference(*from.ref);
      case Kind::call:
      case Kind::tbd:
        return model::ToBeDefined{};
    }
    return model::Null{};
  }

  Value reference(const Ref& ref) {
    auto out = std::make_shared<model::Reference>();
    out->data = ref.data;
    for (uint32_t i = 0; i < ref.count; ++i)
      out->parts.push_back({ref.parts[i].kind, ref.parts[i].name == word::none
                                                   ? ""
                                                   : run_.symbols.text(ref.parts[i].name)});
    return std::shared_ptr<const model::Reference>(std::move(out));
  }

  Run run_;
  const model::Component& holder_;
  const model::Call& call_;
  const model::Compute& compute_;
  model::ComponentPtr scope_;
  Node* node_ = nullptr;
  std::map<const model::Component*, Node*> nodes_;
  std::map<const Node*, model::ComponentPtr> components_;
  std::vector<Value> others_;  ///< what functions pass on without looking into it
};

Result<Value> compute_at(const std::shared_ptr<const Options>& options,
                         const model::Component& holder, const model::Call& call,
                         const model::Outside& outside, int depth) {
  if (depth > deepest)
    return fail(Code::unresolved, fmt::format("more than {} expressions need each other", deepest));
  model::Compute inner;
  inner.call = [options, depth](const model::Component& at, const model::Call& each,
                                const model::Outside& around) {
    return compute_at(options, at, each, around, depth + 1);
  };
  inner.outside = outside;
  return RunTimeCall(*options, holder, call, inner).result();
}

}  // namespace

model::Compute run_time(Options options) {
  model::Compute out;
  out.outside = {options.property, options.environment, parse_value};
  auto kept = std::make_shared<const Options>(std::move(options));
  out.call = [kept](const model::Component& holder, const model::Call& call,
                    const model::Outside& outside) {
    return compute_at(kept, holder, call, outside, 0);
  };
  return out;
}

}  // namespace croft::lang
