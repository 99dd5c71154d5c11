// Errors of the passes: where the text stands, which component and attribute they are about, and
// the chain of `extends` and `#include` that led there.
#include <fmt/format.h>

#include <algorithm>

#include "lang/passes/graph.h"
#include "model/text.h"

namespace croft::lang {
namespace {

constexpr size_t most_frames = 12;

std::string at_text(const Run& run, const Blamed& place) {
  std::string out = run.path(place.component);
  out += ' ';
  if (place.attribute != word::none) out += run.symbols.text(place.attribute);
  return out;
}

std::string full_path(const Run& run, const Blamed& place) {
  std::string out = run.path(place.component);
  if (place.attribute == word::none) return out;
  if (!out.empty()) out += ':';
  return out + run.symbols.text(place.attribute);
}

}  // namespace

Blamed visible_place(const Node* holder, Symbol attribute) {
  Blamed out{holder, attribute};
  for (const Node* at = holder; at; at = at->parent)
    if (at->call != Call::none) out = {at->parent, at->name};
  return out;
}

model::Place Run::place(Pos pos) const {
  if (!pos.known()) return {};
  const SourcePtr& source = files[pos.file].source;
  // A mark ends with its line, and is never longer than anybody would look at.
  constexpr uint32_t longest = 1000;
  std::string_view text = source->text();
  uint32_t length = std::min(pos.length, longest);
  size_t line_end = text.substr(std::min<size_t>(pos.offset, text.size()), length).find('\n');
  if (line_end != std::string_view::npos) length = static_cast<uint32_t>(line_end);
  return {source, pos.offset, length};
}

std::string Run::path(const Node* node) const {
  std::vector<Symbol> names;
  for (; node && node->parent; node = node->parent) names.push_back(node->name);
  std::string out;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!out.empty()) out += ':';
    out += symbols.text(*name);
  }
  return out;
}

void Run::add_include_chain(Error& error, Pos pos) const {
  if (!pos.known()) return;
  uint32_t file = pos.file;
  for (size_t hops = 0; hops < most_frames && files[file].included_from != UINT32_MAX; ++hops) {
    error.frame("included", Where(place(files[file].include)));
    error.trace.back().where.source.clear();  // the directive says what it names
    file = files[file].included_from;
  }
}

Error Run::located(Code code, std::string what, Pos pos, const Node* holder,
                   Symbol attribute) const {
  Blamed seen = holder ? visible_place(holder, attribute) : Blamed{nullptr, word::none};
  Error error(code, std::move(what), Where(place(pos)));
  if (seen.component) error.where.path = full_path(*this, seen);
  size_t frames = 0;
  for (const Node* at = seen.component; at && at->parent && frames < most_frames; at = at->parent) {
    if (!at->origin || contains(at->pos, pos)) continue;
    error.frame(fmt::format("inherited by '{}' through 'extends {}'", path(at),
                            symbols.text(at->origin->name)),
                Where(place(at->pos)));
    if (error.trace.back().where.length > 0) error.trace.back().where.length = 0;
    ++frames;
  }
  add_include_chain(error, pos);
  error.fact("phase", std::string(name_of(phase)));
  if (seen.component) error.fact("at", at_text(*this, seen));
  return error;
}

size_t Run::blame(Code code, std::string what, Pos pos, const Node* holder, Symbol attribute) {
  errors.push_back(located(code, std::move(what), pos, holder, attribute));
  if (errors.size() >= options.limits.errors) stopped = true;
  return errors.size() - 1;
}

void Run::also_blame(size_t index, const Node* holder, Symbol attribute) {
  constexpr size_t most_dependants = 20, most_places = 1000;
  Error& error = errors[index];
  if (error.facts.size() > most_places) return;
  Blamed seen = visible_place(holder, attribute);
  std::string at = at_text(*this, seen);
  size_t known = 0;
  for (const auto& [key, value] : error.facts) {
    if (key != "at") continue;
    if (value == at) return;
    ++known;
  }
  error.fact("at", at);
  if (known > most_dependants) return;
  error.frame(fmt::format("needed by '{}'", full_path(*this, seen)));
}

void Run::stop(std::string what, Pos pos, const Node* holder) {
  if (stopped) return;
  stopped = true;
  blame(Code::resource_exhausted, std::move(what), pos, holder, word::none);
}

std::string Run::show(const Ref& ref) const {
  model::Reference out;
  out.data = ref.data;
  for (uint32_t i = 0; i < ref.count; ++i)
    out.parts.push_back({ref.parts[i].kind,
                         ref.parts[i].name == word::none ? "" : symbols.text(ref.parts[i].name)});
  std::string text;
  model::write_parts(out, text);
  return text;
}

std::string Run::show(const Val& value) const {
  constexpr size_t longest = 60;
  std::string out;
  switch (value.kind) {
    case Kind::null:
      return "NULL";
    case Kind::boolean:
      return value.flag ? "true" : "false";
    case Kind::integer:
    case Kind::long_integer:
      return std::to_string(value.number);
    case Kind::single:
      model::write_number(static_cast<float>(value.real), out);
      return out;
    case Kind::real:
      model::write_number(value.real, out);
      return out;
    case Kind::string:
      if (value.text->size() > longest)
        model::write_string(std::string(value.text->substr(0, longest)) + "...", out);
      else
        model::write_string(*value.text, out);
      return out;
    case Kind::bytes:
      return "a byte array";
    case Kind::vector:
      return fmt::format("a vector of {}", value.vec->count);
    case Kind::reference:
      return (value.lazy ? "LAZY " : "") + show(*value.ref);
    case Kind::call:
      return value.lazy ? "a value known at run time" : "an expression";
    case Kind::tbd:
      return "TBD";
    case Kind::component:
      return "a component";
    case Kind::bad:
      return "a value that failed";
  }
  return out;
}

}  // namespace croft::lang
