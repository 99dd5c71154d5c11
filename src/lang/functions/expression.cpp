// expression { exp "(a + 2) * Math.max(b, 3)"; a 1; b 2; }: one expression in the words of Java, as
// the old scripting module computes it. Its other attributes are the variables. Operators are those
// of the language, with Java's precedence. Scripts (loops, assignments) are refused.
#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "lang/functions/function.h"

namespace croft::lang {
namespace {

constexpr int deepest = 200;

struct Operator {
  std::string_view text;
  int precedence;
  Result<Val> (*call)(Calling&);
};
// Longer ones first: '<=' is not '<'.
constexpr Operator operators[] = {
    {"||", 1, call_or},        {"&&", 2, call_and},     {"==", 3, call_equal},
    {"!=", 3, call_not_equal}, {"<=", 4, call_at_most}, {">=", 4, call_at_least},
    {"<", 4, call_less},       {">", 4, call_more},     {"+", 5, call_sum},
    {"-", 5, call_minus},      {"*", 6, call_product},  {"/", 6, call_divide},
    {"%", 6, call_modulo},
};

struct MathFunction {
  std::string_view name;
  double (*call)(double);
};
constexpr MathFunction math_functions[] = {
    {"sqrt", std::sqrt}, {"floor", std::floor}, {"ceil", std::ceil},
    {"sin", std::sin},   {"cos", std::cos},     {"tan", std::tan},
    {"exp", std::exp},   {"log", std::log},     {"log10", std::log10},
};

bool is_number(const Val& value) {
  return value.is(Kind::integer) || value.is(Kind::long_integer) || value.is(Kind::single) ||
         value.is(Kind::real);
}
double as_real(const Val& value) {
  bool whole = value.is(Kind::integer) || value.is(Kind::long_integer);
  return whole ? static_cast<double>(value.number) : value.real;
}
Val real_value(double number) {
  Val out;
  out.kind = Kind::real;
  out.real = number;
  return out;
}

class Reader {
 public:
  Reader(Calling& calling, std::string_view text) : calling_(calling), text_(text) {}

  Result<Val> whole() {
    if (accept_word("return")) blanks();
    Val value = TRY(choice());
    accept(";");
    blanks();
    if (at_ < text_.size()) return fail(unexpected());
    return value;
  }

 private:
  void blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n\f").contains(text_[at_])) ++at_;
  }
  bool accept(std::string_view token) {
    blanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  static bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$';
  }
  bool accept_word(std::string_view word) {
    size_t before = at_;
    if (accept(word) && (at_ == text_.size() || !in_name(text_[at_]))) return true;
    at_ = before;
    return false;
  }

  Error unexpected() {
    blanks();
    constexpr size_t shown = 12;
    std::string here = at_ < text_.size() ? "'" + printable(text_.substr(at_, shown)) + "'"
                                          : std::string("the end");
    return Error(Code::syntax,
                 fmt::format("'exp' cannot be read at character {}: {}", at_ + 1, here))
        .hint(
            "it is one expression: numbers, texts, other attributes, + - * / %, comparisons, "
            "&& || !, a ? b : c, Math.max(a, b)");
  }

  Result<Val> choice() {
    if (++depth_ > deepest) return fail(Code::resource_exhausted, "'exp' is nested too deep");
    Val condition = TRY(binary(1));
    if (!accept("?")) {
      --depth_;
      return condition;
    }
    if (!condition.is(Kind::boolean))
      return fail(Code::type_mismatch, fmt::format("{} before '?' is neither true nor false",
                                                   calling_.run.show(condition)));
    Val yes = TRY(choice());
    if (!accept(":")) return fail(unexpected());
    Val no = TRY(choice());
    --depth_;
    return condition.flag ? yes : no;
  }

  const Operator* next_operator(int least) {
    blanks();
    for (const Operator& each : operators)
      if (text_.substr(at_).starts_with(each.text))
        return each.precedence >= least ? &each : nullptr;
    return nullptr;
  }

  Result<Val> binary(int least) {
    Val left = TRY(unary());
    while (const Operator* found = next_operator(least)) {
      at_ += found->text.size();
      Val right = TRY(binary(found->precedence + 1));
      left = TRY(apply(*found, left, right));
    }
    return left;
  }

  Result<Val> apply(const Operator& op, Val left, Val right) {
    bool text = op.call == call_sum && (left.is(Kind::string) || right.is(Kind::string));
    // 1 == 1.0 in Java, but not in the language.
    bool equality = op.precedence == 3 && is_number(left) && is_number(right);
    if (equality) {
      left = real_value(as_real(left));
      right = real_value(as_real(right));
    }
    const Operand pair[] = {{word::left, left, {}}, {word::right, right, {}}};
    Calling inner{calling_.run, calling_.node, pair};
    return text ? call_concat(inner) : op.call(inner);
  }

  Result<Val> unary() {
    if (++depth_ > deepest) return fail(Code::resource_exhausted, "'exp' is nested too deep");
    bool minus = accept("-"), negated = !minus && accept("!");
    Val value = TRY(minus || negated ? unary() : primary());
    --depth_;
    const Operand data[] = {{word::data, value, {}}};
    Calling inner{calling_.run, calling_.node, data};
    if (negated) return call_not(inner);
    if (!minus) return methods(value);
    Val zero = calling_.run.integer(0);
    if (!is_number(value)) return fail(unexpected());
    return apply({"-", 0, call_minus}, zero, value);
  }

  /// Java's numbers are objects: a.intValue() and its relatives.
  Result<Val> methods(Val value) {
    for (bool more = true; more;) {
      more = false;
      for (std::string_view name : {".intValue()", ".longValue()", ".doubleValue()"}) {
        if (!is_number(value) || !accept(name)) continue;
        more = true;
        if (name == ".doubleValue()") {
          value = real_value(as_real(value));
          continue;
        }
        double number = std::trunc(as_real(value));
        if (!(std::fabs(number) < 9e18))
          return fail(Code::invalid_argument, "a number is too large for a whole one");
        value.kind = name == ".intValue()" ? Kind::integer : Kind::long_integer;
        value.number = static_cast<int64_t>(number);
        if (value.is(Kind::integer)) value.number = static_cast<int32_t>(value.number);
      }
    }
    return value;
  }

  Result<Val> primary() {
    blanks();
    if (at_ >= text_.size()) return fail(unexpected());
    if (accept("(")) {
      Val value = TRY(choice());
      if (!accept(")")) return fail(unexpected());
      return value;
    }
    char c = text_[at_];
    if (c == '"') return quoted();
    if ((c >= '0' && c <= '9') || c == '.') return number();
    if (accept("Math.")) return math();
    if (in_name(c)) return name();
    return fail(unexpected());
  }

  Result<Val> parsed(std::string_view piece) {
    Error error;
    auto value = value_from_text(calling_.run, piece, calling_.node, error);
    if (!value) return fail(unexpected());
    return *value;
  }

  Result<Val> quoted() {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return fail(unexpected());
    std::string_view piece = text_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    return parsed(piece);
  }

  Result<Val> number() {
    size_t end = at_;
    while (end < text_.size() && (in_name(text_[end]) || text_[end] == '.')) ++end;
    // 3.intValue() is no number of Java either, so a dot always belongs to the digits.
    std::string_view piece = text_.substr(at_, end - at_);
    Val value = TRY(parsed(piece));
    if (!is_number(value)) return fail(unexpected());
    at_ = end;
    return value;
  }

  Result<Val> name() {
    size_t end = at_;
    while (end < text_.size() && in_name(text_[end])) ++end;
    std::string_view word = text_.substr(at_, end - at_);
    if (word == "true" || word == "false") {
      at_ = end;
      return calling_.run.boolean(word == "true");
    }
    auto symbol = calling_.run.symbols.known(word);
    const Val* value = symbol ? calling_.find(*symbol) : nullptr;
    if (!value) {
      std::vector<std::string> names;
      for (const auto& operand : calling_.operands)
        names.push_back(calling_.run.symbols.text(operand.name));
      Error error(Code::unresolved, fmt::format("'exp' names '{}', which is no attribute beside it",
                                                printable(word)));
      if (std::string hint = did_you_mean(word, names); !hint.empty()) error.hint(std::move(hint));
      return fail(std::move(error));
    }
    at_ = end;
    return *value;
  }

  Result<Val> argument() {
    Val value = TRY(choice());
    if (is_number(value)) return value;
    return fail(Code::type_mismatch, fmt::format("{} is not a number", calling_.run.show(value)));
  }

  Result<Val> math() {
    if (accept_word("PI")) return real_value(M_PI);
    if (accept_word("E")) return real_value(M_E);
    for (std::string_view two : {"max", "min", "pow"}) {
      if (!accept_word(two)) continue;
      if (!accept("(")) return fail(unexpected());
      Val a = TRY(argument());
      if (!accept(",")) return fail(unexpected());
      Val b = TRY(argument());
      if (!accept(")")) return fail(unexpected());
      if (two == "pow") return real_value(std::pow(as_real(a), as_real(b)));
      Val out = (as_real(a) < as_real(b)) == (two == "min") ? a : b;
      if (a.kind != b.kind && (a.is(Kind::real) || b.is(Kind::real)))
        return real_value(as_real(out));
      return out;
    }
    for (std::string_view one : {"abs", "round"}) {
      if (!accept_word(one)) continue;
      Val value = TRY(single_argument());
      if (one == "round") return call_rounded(value);
      return as_real(value) < 0 ? apply({"-", 0, call_minus}, calling_.run.integer(0), value)
                                : Result<Val>(value);
    }
    for (const MathFunction& each : math_functions) {
      if (!accept_word(each.name)) continue;
      Val value = TRY(single_argument());
      return real_value(each.call(as_real(value)));
    }
    return fail(unexpected());
  }

  Result<Val> single_argument() {
    if (!accept("(")) return fail(unexpected());
    Val value = TRY(argument());
    if (!accept(")")) return fail(unexpected());
    return value;
  }

  static Result<Val> call_rounded(const Val& value) {
    double number = std::floor(as_real(value) + 0.5);
    if (!(std::fabs(number) < 9e18))
      return fail(Code::invalid_argument, "a number is too large to be rounded");
    Val out;
    out.kind = Kind::long_integer;
    out.number = static_cast<int64_t>(number);
    return out;
  }

  Calling& calling_;
  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Val> call_expression(Calling& calling) {
  auto symbol = calling.run.symbols.known("exp");
  const Val* text = symbol ? calling.find(*symbol) : nullptr;
  if (!text || !text->is(Kind::string))
    return fail(Code::invalid_argument, "expression needs a string 'exp'");
  return Reader(calling, *text->text).whole();
}

}  // namespace croft::lang
