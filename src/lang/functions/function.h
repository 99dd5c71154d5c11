// The functions of the language: what operators, IF, [..] and `extends concat {..}` call.
// Each is an entry of a table, found by the last word of its class name. Pure but for Run's
// counters. Source: the language reference, 1.10 and 1.11.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lang/passes/graph.h"

namespace croft::lang {

/// The package under which the functions are known to old descriptions.
constexpr std::string_view function_package = "org.smartfrog.sfcore.languages.sf.functions.";

/// The last word of a class name.
constexpr std::string_view class_name(std::string_view full) {
  size_t dot = full.rfind('.');
  return dot == std::string_view::npos ? full : full.substr(dot + 1);
}

/// An operand after it was evaluated.
struct Operand {
  Symbol name;
  Val value;
  Pos pos;
};

/// One call while it is made.
struct Calling {
  Run& run;
  Node* node;                         ///< the call; its parent holds the attribute
  std::span<const Operand> operands;  ///< without sfFunctionClass and the like
  const Val* find(Symbol name) const;
};

struct Function {
  std::string_view name;  ///< "Concatenate"
  Result<Val> (*call)(Calling&);
  bool takes_lazy = false;  ///< decides itself what a LAZY operand means
  bool asks_names = false;  ///< looks host names up: kept for run time where nobody does that
};

/// By the last word of its class; null when unknown.
const Function* find_function(std::string_view name);
std::vector<std::string> function_names();
/// The function that an operator stands for.
std::string_view operator_function(TokenKind op);

// The families, one file each.
Result<Val> call_sum(Calling&);
Result<Val> call_product(Calling&);
Result<Val> call_sum_or_product(Calling&);  ///< as sfFunctionQual says
Result<Val> call_minus(Calling&);
Result<Val> call_divide(Calling&);
Result<Val> call_modulo(Calling&);
Result<Val> call_equal(Calling&);
Result<Val> call_not_equal(Calling&);
Result<Val> call_less(Calling&);
Result<Val> call_at_most(Calling&);
Result<Val> call_more(Calling&);
Result<Val> call_at_least(Calling&);
Result<Val> call_and(Calling&);
Result<Val> call_or(Calling&);
Result<Val> call_xor(Calling&);
Result<Val> call_implies(Calling&);
Result<Val> call_not(Calling&);
Result<Val> call_if(Calling&);
Result<Val> call_switch(Calling&);
Result<Val> call_all_different(Calling&);
Result<Val> call_vector(Calling&);
Result<Val> call_append(Calling&);
Result<Val> call_concat(Calling&);
Result<Val> call_format(Calling&);
Result<Val> call_next(Calling&);
Result<Val> call_random(Calling&);
Result<Val> call_date(Calling&);
Result<Val> call_ask(Calling&);
Result<Val> call_system(Calling&);
Result<Val> call_reference(Calling&);
Result<Val> call_set(Calling&);
Result<Val> call_array(Calling&);
Result<Val> call_file_path(Calling&);
Result<Val> call_local_host(Calling&);
Result<Val> call_local_address(Calling&);
Result<Val> call_host_exists(Calling&);
Result<Val> call_expression(Calling&);  ///< arithmetic in the words of Java
Result<Val> call_check_element(Calling&);
Result<Val> call_check_assertions(Calling&);

/// Equal in type and value. Counts its work in `run`.
bool same_value(Run& run, const Val& a, const Val& b);
/// How ++ writes a value.
void write_plain(const Run& run, const Val& value, std::string& out);

}  // namespace croft::lang
