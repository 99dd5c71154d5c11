// Truth: && || x| -> !, IF and SWITCH. All operands have been evaluated; nothing is short-cut.
#include <fmt/format.h>

#include "lang/functions/function.h"

namespace croft::lang {
namespace {

Result<bool> truth(const Run& run, const Val& value) {
  if (value.is(Kind::boolean)) return value.flag;
  return fail(Code::type_mismatch, fmt::format("{} is neither true nor false", run.show(value)));
}

template <class Combine>
Result<Val> fold(Calling& calling, Combine combine) {
  if (calling.operands.empty()) return fail(Code::invalid_argument, "there are no operands");
  bool total = TRY(truth(calling.run, calling.operands[0].value));
  for (size_t i = 1; i < calling.operands.size(); ++i)
    total = combine(total, TRY(truth(calling.run, calling.operands[i].value)));
  return calling.run.boolean(total);
}

}  // namespace

Result<Val> call_and(Calling& calling) {
  return fold(calling, [](bool a, bool b) { return a && b; });
}
Result<Val> call_or(Calling& calling) {
  return fold(calling, [](bool a, bool b) { return a || b; });
}
Result<Val> call_xor(Calling& calling) {
  return fold(calling, [](bool a, bool b) { return a != b; });
}
Result<Val> call_implies(Calling& calling) {
  return fold(calling, [](bool a, bool b) { return !a || b; });
}

Result<Val> call_not(Calling& calling) {
  const Val* data = calling.find(word::data);
  if (!data) return fail(Code::invalid_argument, "the operand 'data' is missing");
  return calling.run.boolean(!TRY(truth(calling.run, *data)));
}

Result<Val> call_if(Calling& calling) {
  const Val* condition = calling.find(word::if_);
  if (!condition) return fail(Code::invalid_argument, "the condition 'if' is missing");
  bool holds = TRY(truth(calling.run, *condition));
  const Val* branch = calling.find(holds ? word::then_ : word::else_);
  return branch ? *branch : Val{};
}

Result<Val> call_switch(Calling& calling) {
  for (const auto& operand : calling.operands) {
    if ((operand.name & (unique_bit | path_bit)) != 0) continue;
    std::string name = calling.run.symbols.text(operand.name);
    if (!name.starts_with("IF")) continue;
    if (!TRY(truth(calling.run, operand.value))) continue;
    auto branch = calling.run.symbols.known("THEN" + name.substr(2));
    // Operands have been evaluated in place: the node knows them by name, however many there are.
    const Attr* chosen = branch ? calling.run.find(calling.node, *branch) : nullptr;
    if (chosen) return chosen->value;
  }
  return Val{};
}

}  // namespace croft::lang
