// The function pass: components that extend a function, a schema or a set of assertions become
// calls. Source: the language reference, 1.7.
#include "lang/functions/function.h"

#include <fmt/format.h>

#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

constexpr std::string_view hook = "phase.function";

class FunctionMaker {
 public:
  explicit FunctionMaker(Run& run) : run_(run) {}

  void visit(Node* node) {
    for (uint32_t i = 0; i < node->count && !run_.stopped; ++i) {
      Val& value = node->attrs[i].value;
      if (!value.is(Kind::component) && !value.is(Kind::call)) continue;
      visit(value.node);
      if (value.is(Kind::component) && value.node->call != Call::none) value.kind = Kind::call;
    }
    if (node->parent) rewrite(node);
  }

 private:
  /// Applies the hooks of `node`, if it has any.
  void rewrite(Node* node) {
    if (node->count == 0 || !may_have_hook(node)) return;
    for (uint32_t i = 0; i < node->count; ++i) {
      const Attr& attr = node->attrs[i];
      if (!is_hook(attr.name)) continue;
      apply(node, attr);
      run_.remove_if(node, [&](const Attr& each) { return is_hook(each.name); });
      return;
    }
  }

  // The names that are hooks are few: found once each, then compared as numbers.
  bool is_hook(Symbol name) {
    if ((name & (unique_bit | path_bit)) != 0) return false;
    if (name < hooks_.size()) return hooks_[name] != 0;
    for (auto next = static_cast<Symbol>(hooks_.size()); next <= name; ++next)
      hooks_.push_back(run_.symbols.text(next).starts_with(hook) ? 1 : 0);
    return hooks_[name] != 0;
  }

  bool may_have_hook(const Node* node) {
    for (uint32_t i = 0; i < node->count; ++i)
      if (is_hook(node->attrs[i].name)) return true;
    return false;
  }

  void apply(Node* node, const Attr& attr) {
    std::string_view maker =
        attr.value.is(Kind::string) ? class_name(*attr.value.text) : std::string_view();
    if (maker == "ConstructFunction") {
      node->call = Call::apply;
      return;
    }
    if (find_function(maker)) {  // old descriptions name the function itself
      run_.put(node, word::sf_function_class, attr.value, 0, attr.pos);
      node->call = Call::apply;
      return;
    }
    bool schema = maker == "ConstructSchema";
    if (!schema && maker != "ConstructAssertions") {
      run_.blame(Code::unsupported,
                 fmt::format("{} is no function phase that croft knows", run_.show(attr.value)),
                 attr.pos, node, word::none);
      return;
    }
    for (uint32_t i = 0; i < node->count; ++i) check_entry(node, node->attrs[i], schema);
    if (!run_.find(node, word::sf_function_class))
      run_.put(node, word::sf_function_class,
               run_.text(std::string(function_package) + "CheckAssertions"), 0, attr.pos);
    node->call = Call::assertion;
  }

  void check_entry(Node* node, const Attr& entry, bool schema) {
    if (is_hook(entry.name)) return;
    if (!entry.value.is(Kind::call)) {
      // Words about the schema itself, unless they are the names of what it checks.
      if (entry.name == word::description || entry.name == word::name ||
          entry.name == word::sf_function_class || entry.name == word::sf_assertion_phase ||
          entry.name == word::sf_schema_description)
        return;
      bool allowed = !schema && (entry.value.is(Kind::reference) || entry.value.is(Kind::boolean));
      if (allowed) return;
      size_t error = run_.blame(
          Code::type_mismatch,
          fmt::format("'{}' is {}, but each entry of {} is {}", run_.symbols.text(entry.name),
                      run_.show(entry.value), schema ? "a schema" : "assertions",
                      schema ? "the type of an attribute" : "a true or false expression"),
          entry.pos, node, entry.name);
      if (schema)
        run_.error(error).hint(
            fmt::format("write '{} extends String;'", run_.symbols.text(entry.name)));
      return;
    }
    if (schema)
      run_.put(entry.value.node, word::name, run_.text(run_.symbols.text(entry.name)), 0,
               entry.pos);
  }

  Run& run_;
  std::vector<char> hooks_;
};

}  // namespace

void make_functions(Run& run) {
  run.phase = Phase::function;
  FunctionMaker(run).visit(run.root);
}

}  // namespace croft::lang
