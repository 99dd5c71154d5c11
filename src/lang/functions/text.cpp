// Text and vectors: ++ <> [..], formatString; and what asks the outside: next, random, date,
// userinput.
#include "base/text.h"

#include <fmt/format.h>

#include "lang/functions/function.h"
#include "model/text.h"

namespace croft::lang {

void write_plain(const Run& run, const Val& value, std::string& out) {
  switch (value.kind) {
    case Kind::null:
      out += "NULL";
      return;
    case Kind::tbd:
      out += "TBD";
      return;
    case Kind::boolean:
      out += value.flag ? "true" : "false";
      return;
    case Kind::integer:
    case Kind::long_integer:
      out += std::to_string(value.number);
      return;
    case Kind::single:
      model::write_number(static_cast<float>(value.real), out);
      return;
    case Kind::real:
      model::write_number(value.real, out);
      return;
    case Kind::string:
      out += *value.text;
      return;
    case Kind::bytes:
      out += "#HEX#" + to_upper(hex(*value.text)) + "#";
      return;
    case Kind::vector:
      out += '[';
      for (uint32_t i = 0; i < value.vec->count; ++i) {
        if (i > 0) out += ", ";
        write_plain(run, value.vec->items[i], out);
      }
      out += ']';
      return;
    case Kind::reference:
      if (value.lazy) out += "LAZY ";
      out += run.show(*value.ref);
      return;
    case Kind::call:
    case Kind::component:
    case Kind::bad:
      out += run.path(value.node);
      return;
  }
}

namespace {

Result<Val> made_text(Run& run, const std::string& text) {
  if (!run.make_text(text.size()))
    return fail(Code::resource_exhausted,
                fmt::format("the texts of this description grow beyond {} bytes",
                            run.options.limits.text_bytes));
  return run.text(text);
}

}  // namespace

Result<Val> call_concat(Calling& calling) {
  std::string out;
  for (const auto& operand : calling.operands) {
    if (operand.value.is(Kind::component))
      return fail(Code::type_mismatch, "a component cannot be joined to a text");
    write_plain(calling.run, operand.value, out);
  }
  return made_text(calling.run, out);
}

Result<Val> call_vector(Calling& calling) {
  std::vector<Val> items;
  items.reserve(calling.operands.size());
  for (const auto& operand : calling.operands) items.push_back(operand.value);
  return calling.run.vector(items);
}

Result<Val> call_append(Calling& calling) {
  std::vector<Val> items;
  for (const auto& operand : calling.operands) {
    // What is no vector is left out without a word, as in the reference.
    if (!operand.value.is(Kind::vector)) continue;
    items.insert(items.end(), operand.value.vec->items,
                 operand.value.vec->items + operand.value.vec->count);
    if (!calling.run.make_text(operand.value.vec->count * sizeof(Val)))
      return fail(Code::resource_exhausted, "the vectors of this description grow too large");
  }
  return calling.run.vector(items);
}

Result<Val> call_format(Calling& calling) {
  const Val* format = calling.find(word::format);
  if (!format || !format->is(Kind::string))
    return fail(Code::invalid_argument, "formatString needs a string 'format'");
  std::string out;
  std::string_view text = *format->text;
  for (size_t i = 0; i < text.size(); ++i) {
    bool place = text[i] == '$' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (!place) {
      out += text[i];
      continue;
    }
    std::string name = std::string("s") + text[++i];
    auto symbol = calling.run.symbols.known(name);
    const Val* value = symbol ? calling.find(*symbol) : nullptr;
    if (!value)
      return fail(Error(Code::invalid_argument,
                        fmt::format("the format names ${}, but there is no '{}'", text[i], name)));
    write_plain(calling.run, *value, out);
  }
  return made_text(calling.run, out);
}

Result<Val> call_next(Calling& calling) {
  const Val* base = calling.find(word::base);
  int64_t least = base && base->is(Kind::integer) ? base->number : 0;
  calling.run.next_number = std::max(least, calling.run.next_number + 1);
  return calling.run.integer(static_cast<int32_t>(calling.run.next_number));
}

namespace {

/// The generator of java.util.Random, so that a seed means the same numbers everywhere.
uint32_t random_bits(Run& run, int bits) {
  run.random_state = (run.random_state * 0x5DEECE66DULL + 0xBULL) & ((1ULL << 48) - 1);
  return static_cast<uint32_t>(run.random_state >> (48 - bits));
}

}  // namespace

Result<Val> call_random(Calling& calling) {
  Run& run = calling.run;
  if (!run.random_seeded) {
    const Val* seed = calling.find(word::seed);
    auto value = seed && (seed->is(Kind::integer) || seed->is(Kind::long_integer))
                     ? static_cast<uint64_t>(seed->number)
                     : 0;
    run.random_state = (value ^ 0x5DEECE66DULL) & ((1ULL << 48) - 1);
    run.random_seeded = true;
  }
  float fraction = static_cast<float>(random_bits(run, 24)) / static_cast<float>(1 << 24);
  const Val* whole = calling.find(word::integer);
  if (!whole || !whole->is(Kind::boolean) || !whole->flag) {
    Val out;
    out.kind = Kind::single;
    out.real = fraction;
    return out;
  }
  const Val* min = calling.find(word::min);
  const Val* max = calling.find(word::max);
  int64_t low = min && min->is(Kind::integer) ? min->number : 0;
  int64_t high = max && max->is(Kind::integer) ? max->number : INT32_MAX;
  if (high < low)
    return fail(Code::invalid_argument,
                fmt::format("random from {} to {}: there is no such number", low, high));
  auto offset =
      static_cast<int64_t>(static_cast<double>(fraction) * static_cast<double>(high - low + 1));
  return run.integer(static_cast<int32_t>(std::min(high, low + offset)));
}

Result<Val> call_date(Calling& calling) {
  return calling.run.text(calling.run.options.now.empty() ? "1970-01-01T00:00:00Z"
                                                          : calling.run.options.now);
}

Result<Val> call_ask(Calling& calling) {
  const Val* prompt = calling.find(word::prompt);
  std::string question = prompt && prompt->is(Kind::string) ? std::string(*prompt->text) : "";
  if (calling.run.options.ask) {
    if (auto answer = calling.run.options.ask(question); answer && !answer->empty())
      return calling.run.text(*answer);
  }
  if (const Val* fallback = calling.find(word::default_)) return *fallback;
  return fail(
      Code::unresolved,
      fmt::format("'{}' is to be asked, but nobody can answer here and there is no 'default'",
                  question));
}

Result<Val> call_system(Calling& calling) {
  const Val* value = calling.find(word::system);
  return value ? *value : Val{};
}

Result<Val> call_reference(Calling& calling) {
  const Val* text = calling.find(word::reference);
  if (!text || !text->is(Kind::string))
    return fail(Code::invalid_argument, "Ref needs a string 'reference'");
  Error error;
  auto value = value_from_text(calling.run, *text->text, calling.node, error);
  if (!value)
    return fail(Code::syntax, fmt::format("'{}' is no reference: {}", *text->text, error.what));
  if (!value->is(Kind::reference))
    return fail(Code::syntax, fmt::format("'{}' is no reference", *text->text));
  const Val* lazy = calling.find(word::lazy);
  if (lazy && lazy->is(Kind::boolean) && lazy->flag) value->lazy = true;
  return *value;
}

}  // namespace croft::lang
