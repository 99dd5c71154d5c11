// Numbers: + * - / % and the comparisons. The result has the wider type of the two operands:
// int < long < float < double. Whole numbers wrap, as in the reference.
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "lang/functions/function.h"

namespace croft::lang {
namespace {

bool is_number(const Val& value) {
  return value.is(Kind::integer) || value.is(Kind::long_integer) || value.is(Kind::single) ||
         value.is(Kind::real);
}

double as_real(const Val& value) {
  return value.is(Kind::integer) || value.is(Kind::long_integer) ? static_cast<double>(value.number)
                                                                 : value.real;
}

Error not_a_number(const Run& run, const Val& value) {
  Error error(Code::type_mismatch, fmt::format("{} is not a number", run.show(value)));
  if (value.is(Kind::string)) error.hint("strings are joined with '++'");
  return error;
}

enum class Op { add, multiply, subtract, divide, modulo };

int64_t wrap(int64_t value, bool wide) {
  return wide ? value : static_cast<int32_t>(static_cast<uint32_t>(value));
}

Result<int64_t> whole(Op op, int64_t a, int64_t b, bool wide) {
  auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  switch (op) {
    case Op::add:
      return wrap(static_cast<int64_t>(x + y), wide);
    case Op::subtract:
      return wrap(static_cast<int64_t>(x - y), wide);
    case Op::multiply:
      return wrap(static_cast<int64_t>(x * y), wide);
    case Op::divide:
    case Op::modulo:
      break;
  }
  if (b == 0) return fail(Code::invalid_argument, "division by zero");
  if (b == -1) return op == Op::divide ? wrap(static_cast<int64_t>(0 - x), wide) : 0;
  return op == Op::divide ? a / b : a % b;
}

Result<double> broken(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      if (b == 0) return fail(Code::invalid_argument, "division by zero");
      return a / b;
    case Op::modulo:
      return fail(Code::type_mismatch, "'%' is for whole numbers");
  }
  return 0;
}

Result<Val> apply(const Run& run, Op op, const Val& a, const Val& b) {
  if (!is_number(a)) return fail(not_a_number(run, a));
  if (!is_number(b)) return fail(not_a_number(run, b));
  Val out;
  out.kind = std::max(a.kind, b.kind);
  if (out.kind == Kind::integer || out.kind == Kind::long_integer) {
    out.number = TRY(whole(op, a.number, b.number, out.kind == Kind::long_integer));
    return out;
  }
  out.real = TRY(broken(op, as_real(a), as_real(b)));
  if (out.kind == Kind::single) out.real = static_cast<float>(out.real);
  if (!std::isfinite(out.real))
    return fail(Code::invalid_argument, "the result is beyond the largest number");
  // A number written without suffix stays one, unless it meets one with.
  out.bare = out.kind == Kind::real && (a.kind != Kind::real || a.bare) &&
             (b.kind != Kind::real || b.bare);
  return out;
}

Result<Val> fold(Calling& calling, Op op, std::string_view name) {
  if (calling.operands.empty())
    return fail(Code::invalid_argument, fmt::format("a {} of nothing", name));
  Val total = calling.operands[0].value;
  if (!is_number(total)) return fail(not_a_number(calling.run, total));
  for (size_t i = 1; i < calling.operands.size(); ++i)
    total = TRY(apply(calling.run, op, total, calling.operands[i].value));
  return total;
}

struct Pair {
  Val left, right;
};

Result<Pair> pair_of(const Calling& calling) {
  const Val* left = calling.find(word::left);
  const Val* right = calling.find(word::right);
  if (!left || !right)
    return fail(Code::invalid_argument,
                fmt::format("the operand '{}' is missing", left ? "right" : "left"));
  return Pair{*left, *right};
}

Result<Val> two(Calling& calling, Op op) {
  Pair pair = TRY(pair_of(calling));
  return apply(calling.run, op, pair.left, pair.right);
}

Result<std::partial_ordering> order(Calling& calling) {
  Pair pair = TRY(pair_of(calling));
  for (const Val& value : {pair.left, pair.right}) {
    if (is_number(value)) continue;
    return fail(Code::type_mismatch,
                fmt::format("only numbers are compared with < <= > >=; {} is none",
                            calling.run.show(value)));
  }
  bool both_whole = !pair.left.is(Kind::single) && !pair.left.is(Kind::real) &&
                    !pair.right.is(Kind::single) && !pair.right.is(Kind::real);
  if (both_whole) return std::partial_ordering(pair.left.number <=> pair.right.number);
  return as_real(pair.left) <=> as_real(pair.right);
}

}  // namespace

Result<Val> call_sum(Calling& calling) {
  return fold(calling, Op::add, "sum");
}
Result<Val> call_product(Calling& calling) {
  return fold(calling, Op::multiply, "product");
}
Result<Val> call_sum_or_product(Calling& calling) {
  const Attr* qualifier = calling.run.find(calling.node, word::sf_function_qual);
  if (!qualifier || !qualifier->value.is(Kind::string))
    return fail(Code::invalid_argument, "'sfFunctionQual' is missing: \"sum\" or \"product\"");
  std::string_view word = *qualifier->value.text;
  if (word == "sum") return call_sum(calling);
  if (word == "product") return call_product(calling);
  return fail(Code::invalid_argument,
              fmt::format("'sfFunctionQual' is \"{}\"; it is \"sum\" or \"product\"", word));
}
Result<Val> call_minus(Calling& calling) {
  return two(calling, Op::subtract);
}
Result<Val> call_divide(Calling& calling) {
  return two(calling, Op::divide);
}
Result<Val> call_modulo(Calling& calling) {
  return two(calling, Op::modulo);
}

Result<Val> call_less(Calling& calling) {
  return calling.run.boolean(TRY(order(calling)) < 0);
}
Result<Val> call_at_most(Calling& calling) {
  return calling.run.boolean(TRY(order(calling)) <= 0);
}
Result<Val> call_more(Calling& calling) {
  return calling.run.boolean(TRY(order(calling)) > 0);
}
Result<Val> call_at_least(Calling& calling) {
  return calling.run.boolean(TRY(order(calling)) >= 0);
}

Result<Val> call_equal(Calling& calling) {
  Pair pair = TRY(pair_of(calling));
  return calling.run.boolean(same_value(calling.run, pair.left, pair.right));
}

Result<Val> call_not_equal(Calling& calling) {
  Pair pair = TRY(pair_of(calling));
  return calling.run.boolean(!same_value(calling.run, pair.left, pair.right));
}

bool same_value(Run& run, const Val& a, const Val& b) {
  run.work(1);
  if (run.stopped) return false;
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::null:
    case Kind::tbd:
      return true;
    case Kind::boolean:
      return a.flag == b.flag;
    case Kind::integer:
    case Kind::long_integer:
      return a.number == b.number;
    case Kind::single:
    case Kind::real:
      return a.real == b.real;
    case Kind::string:
    case Kind::bytes:
      return *a.text == *b.text;
    case Kind::vector: {
      if (a.vec == b.vec) return true;
      if (a.vec->count != b.vec->count || a.vec->weight != b.vec->weight) return false;
      for (uint32_t i = 0; i < a.vec->count; ++i)
        if (!same_value(run, a.vec->items[i], b.vec->items[i])) return false;
      return true;
    }
    case Kind::reference: {
      if (a.lazy != b.lazy || a.ref->count != b.ref->count) return false;
      for (uint32_t i = 0; i < a.ref->count; ++i)
        if (a.ref->parts[i].kind != b.ref->parts[i].kind ||
            a.ref->parts[i].name != b.ref->parts[i].name)
          return false;
      return true;
    }
    case Kind::call:
    case Kind::component:
      return a.node == b.node;
    case Kind::bad:
      return false;
  }
  return false;
}

namespace {

/// Values that are equal just when their texts are.
bool is_plain(const Val& value) {
  return value.is(Kind::null) || value.is(Kind::boolean) || value.is(Kind::string) ||
         value.is(Kind::bytes) || is_number(value);
}

}  // namespace

Result<Val> call_all_different(Calling& calling) {
  std::set<std::pair<Kind, std::string>> seen;
  std::vector<const Val*> others;
  for (const Operand& operand : calling.operands) {
    if (is_plain(operand.value)) {
      std::string text;
      write_plain(calling.run, operand.value, text);
      if (!seen.emplace(operand.value.kind, std::move(text)).second)
        return calling.run.boolean(false);
      continue;
    }
    for (const Val* other : others)
      if (calling.run.stopped || same_value(calling.run, operand.value, *other))
        return calling.run.boolean(false);
    others.push_back(&operand.value);
  }
  return calling.run.boolean(true);
}

}  // namespace croft::lang
