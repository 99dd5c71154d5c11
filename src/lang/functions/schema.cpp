// Schemas and assertions written in the language. Source: the language reference, 1.11.
#include <fmt/format.h>

#include "base/text.h"
#include "lang/functions/function.h"
#include "lang/passes/link.h"

namespace croft::lang {
namespace {

/// Does a value have the class that a schema names (a Java class, by its last word)?
bool has_class(const Val& value, std::string_view full) {
  std::string_view wanted = class_name(full);
  if (full == "anyClass") return true;
  switch (value.kind) {
    case Kind::null:
      return wanted == "SFNull";
    case Kind::boolean:
      return wanted == "Boolean";
    case Kind::integer:
      return wanted == "Integer" || wanted == "Long" || wanted == "Float" || wanted == "Double" ||
             wanted == "Number";
    case Kind::long_integer:
      return wanted == "Long" || wanted == "Double" || wanted == "Number";
    case Kind::single:
      return wanted == "Float" || wanted == "Double" || wanted == "Number";
    case Kind::real:
      return wanted == "Double" || wanted == "Number" || (value.bare && wanted == "Float");
    case Kind::string:
      return wanted == "String";
    case Kind::bytes:
      return wanted == "SFByteArray";
    case Kind::vector:
      return wanted == "Vector";
    case Kind::reference:
      return wanted == "Reference" || wanted == "SFReference";
    case Kind::call:
      return wanted == "Reference" || wanted == "SFReference";
    case Kind::component:
      return wanted == "SFComponentDescription" || wanted == "ComponentDescription";
    case Kind::tbd:
    case Kind::bad:
      return false;
  }
  return false;
}

std::vector<std::string> classes_of(Calling& calling) {
  std::vector<std::string> out;
  const Val* named = calling.find(word::class_);
  if (named && named->is(Kind::string)) out.emplace_back(*named->text);
  for (uint32_t i = 0; named && named->is(Kind::vector) && i < named->vec->count; ++i)
    if (named->vec->items[i].is(Kind::string)) out.emplace_back(*named->vec->items[i].text);
  if (out.empty()) out.emplace_back("anyClass");
  return out;
}

std::string simple_names(const std::vector<std::string>& classes) {
  std::vector<std::string> out;
  for (const auto& each : classes) out.emplace_back(class_name(each));
  return join(out, " or ");
}

std::string_view kind_word(const Val& value) {
  switch (value.kind) {
    case Kind::null:
      return "NULL";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "an int";
    case Kind::long_integer:
      return "a long";
    case Kind::single:
      return "a float";
    case Kind::real:
      return "a double";
    case Kind::string:
      return "a string";
    case Kind::bytes:
      return "a byte array";
    case Kind::vector:
      return "a vector";
    case Kind::reference:
      return "a link";
    case Kind::call:
      return "a call";
    case Kind::tbd:
      return "TBD";
    case Kind::component:
      return "a component";
    case Kind::bad:
      return "a value that failed";
  }
  return "a value";
}

}  // namespace

Result<Val> call_check_element(Calling& calling) {
  Run& run = calling.run;
  const Val* named = calling.find(word::name);
  if (!named || !named->is(Kind::string))
    return fail(Code::invalid_argument, "an entry of a schema has no name");
  Node* schema = calling.node->parent;
  Node* holder = schema ? schema->parent : nullptr;
  auto symbol = run.symbols.known(*named->text);
  Attr* attr = holder && symbol ? run.find(holder, *symbol) : nullptr;
  const Val* optional = calling.find(word::optional);
  const Val* about = calling.find(word::description);
  std::string what = about && about->is(Kind::string) ? fmt::format(" ({})", *about->text) : "";
  std::vector<std::string> classes = classes_of(calling);
  if (!attr) {
    if (optional && optional->is(Kind::boolean) && optional->flag) return run.boolean(true);
    Error error(Code::not_found,
                fmt::format("the attribute '{}'{} is missing", *named->text, what));
    std::string hint = holder ? did_you_mean(*named->text, names_in_reach(run, holder, false)) : "";
    if (!hint.empty())
      error.hint(std::move(hint));
    else if (classes.front() != "anyClass")
      error.hint(fmt::format("it takes a {}", simple_names(classes)));
    return fail(std::move(error));
  }
  Val value = evaluate(run, holder, *attr);
  if (value.is(Kind::bad)) {
    run.also_blame(static_cast<size_t>(value.number), calling.node, word::none);
    return value;
  }
  const Val* binding = calling.find(word::binding);
  std::string_view bound =
      binding && binding->is(Kind::string) ? *binding->text : std::string_view("anyBinding");
  bool fits = false;
  for (const auto& each : classes) fits = fits || has_class(value, each);
  if (is_lazy(value)) {
    if (bound == "eager" && !fits)
      return fail(Code::type_mismatch, fmt::format("'{}'{} must be known at once, but is {}",
                                                   *named->text, what, run.show(value)));
    return run.boolean(true);
  }
  if (bound == "lazy") {
    Error error(Code::type_mismatch, fmt::format("'{}'{} must be a LAZY link, but is {}",
                                                 *named->text, what, run.show(value)));
    return fail(std::move(error));
  }
  if (!fits)
    return fail(Code::type_mismatch,
                fmt::format("'{}'{} must be {} {}, but is {} ({})", *named->text, what,
                            std::string_view("AEIOU").find(simple_names(classes)[0]) ==
                                    std::string_view::npos
                                ? "a"
                                : "an",
                            simple_names(classes), kind_word(value), run.show(value)));
  return run.boolean(true);
}

Result<Val> call_check_assertions(Calling& calling) {
  Run& run = calling.run;
  std::vector<std::string> failed;
  for (const auto& operand : calling.operands) {
    if (operand.value.is(Kind::boolean) && operand.value.flag) continue;
    bool about = operand.name == word::description || operand.name == word::name;
    if (about && operand.value.is(Kind::string)) continue;
    failed.push_back(
        fmt::format("'{}' is {}", run.symbols.text(operand.name), run.show(operand.value)));
  }
  if (failed.empty()) return run.boolean(true);
  return fail(Code::invalid_argument,
              fmt::format("{} not hold: {}",
                          failed.size() == 1 ? "this assertion does" : "these assertions do",
                          join(failed, ", ")));
}

}  // namespace croft::lang
