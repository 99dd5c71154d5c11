#include "lang/functions/function.h"

namespace croft::lang {
namespace {

constexpr Function functions[] = {
    {"Sum", call_sum},
    {"Product", call_product},
    {"Minus", call_minus},
    {"Divide", call_divide},
    {"Mod", call_modulo},
    {"EQ", call_equal},
    {"NE", call_not_equal},
    {"LT", call_less},
    {"LE", call_at_most},
    {"GT", call_more},
    {"GE", call_at_least},
    {"And", call_and},
    {"Or", call_or},
    {"Xor", call_xor},
    {"Implies", call_implies},
    {"Not", call_not},
    {"IfThenElse", call_if},
    {"Switch", call_switch},
    {"AllDifferent", call_all_different},
    {"NSumProduct", call_sum_or_product},
    {"Vector", call_vector},
    {"Append", call_append},
    {"Concatenate", call_concat},
    {"Format", call_format},
    {"Next", call_next},
    {"Random", call_random},
    {"Date", call_date},
    {"UserInput", call_ask},
    {"SystemComponent", call_system},
    {"Ref", call_reference},
    {"Set", call_set},
    {"Array", call_array},
    {"FilepathFunction", call_file_path},
    {"LocalhostFunction", call_local_host},
    {"LocalhostAddressFunction", call_local_address},
    {"HostExistsFunction", call_host_exists, false, true},
    {"Expression", call_expression},
    {"CheckSchemaElement", call_check_element, true},
    {"CheckAssertions", call_check_assertions},
};

}  // namespace

const Function* find_function(std::string_view name) {
  for (const auto& function : functions)
    if (function.name == name) return &function;
  return nullptr;
}

std::vector<std::string> function_names() {
  std::vector<std::string> out;
  for (const auto& function : functions) out.emplace_back(function.name);
  return out;
}

std::string_view operator_function(TokenKind op) {
  // In the order of the operators in TokenKind.
  static constexpr std::string_view names[] = {
      "Append", "Concatenate", "Sum", "Product", "And", "Or",    "Xor",    "Implies", "EQ",
      "NE",     "GE",          "LE",  "GT",      "LT",  "Minus", "Divide", "Mod"};
  static_assert(std::size(names) == static_cast<size_t>(TokenKind::modulo) -
                                        static_cast<size_t>(TokenKind::append) + 1);
  CHECK(is_operator(op), "only an operator stands for a function");
  return names[static_cast<size_t>(op) - static_cast<size_t>(TokenKind::append)];
}

const Val* Calling::find(Symbol name) const {
  for (const auto& operand : operands)
    if (operand.name == name) return &operand.value;
  return nullptr;
}

}  // namespace croft::lang
