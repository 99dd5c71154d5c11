#include "lang/lang.h"

#include <fmt/format.h>

#include <array>

#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

constexpr std::array<std::string_view, 6> phase_names = {"parse",    "type",     "place",
                                                         "function", "sfConfig", "link"};

/// All errors of a run as one: the first, with the others inside it.
Error gathered(std::vector<Error>& errors) {
  Error first = std::move(errors.front());
  for (size_t i = 1; i < errors.size(); ++i) first.others.push_back(std::move(errors[i]));
  return first;
}

using Pass = void (*)(Run&);
constexpr std::array<Pass, 5> passes = {resolve_types, place, make_functions, find_config, link};

}  // namespace

std::optional<Phase> phase_from_name(std::string_view name) {
  for (size_t i = 0; i < phase_names.size(); ++i)
    if (phase_names[i] == name) return static_cast<Phase>(i);
  return std::nullopt;
}

std::string_view name_of(Phase phase) {
  return phase_names[static_cast<size_t>(phase)];
}

Result<> run_passes(Run& run, const std::string& file, std::string text) {
  build(run, file, std::move(text));
  for (size_t i = 0; i < passes.size() && run.errors.empty() && run.phase < run.options.until; ++i)
    passes[i](run);
  if (!run.errors.empty()) return fail(gathered(run.errors));
  return {};
}

namespace {

Result<model::Description> resolved(Run& run, const std::string& file, std::string text) {
  TRY(run_passes(run, file, std::move(text)));
  auto description = finish(run);
  if (!description && !run.errors.empty()) return fail(gathered(run.errors));
  return description;
}

Result<std::string> text_of(const std::string& file, const Options& options) {
  if (!options.reader) return fail(Code::unsupported, "nothing reads files here");
  auto text = options.reader(file);
  if (text) return text;
  Error error = std::move(text).error();
  error.fact("phase", "parse");
  if (error.trace.empty()) error.frame(fmt::format("reading '{}'", file));
  return fail(std::move(error));
}

}  // namespace

Result<model::Description> resolve(const std::string& file, std::string text,
                                   const Options& options) {
  Run run(options);
  return resolved(run, file, std::move(text));
}

Result<model::Description> resolve_file(const std::string& file, const Options& options) {
  return resolve(file, TRY(text_of(file, options)), options);
}

Result<Sourced> resolve_with_uses(const std::string& file, const Options& options) {
  Run run(options);
  Trace trace;
  run.trace = &trace;
  Sourced out;
  out.description = TRY(resolved(run, file, TRY(text_of(file, options))));
  out.uses = uses_of(run);
  return out;
}

Result<model::Value> parse_value(std::string_view text) {
  Options options;
  options.until = Phase::type;
  // The value becomes an attribute of a small description, so that components are values too.
  auto description = resolve("value", "value " + std::string(text) + "\n;", options);
  if (!description) return fail(std::move(description).error());
  const auto& attributes = description->root->attributes();
  if (attributes.size() != 1)
    return fail(Code::syntax, fmt::format("'{}' is {} one value", text,
                                          attributes.empty() ? "not" : "more than"));
  model::Value value = attributes[0].value;
  if (auto component = value.as_component()) component->set_parent(nullptr);
  return value;
}

Result<model::Reference> parse_reference(std::string_view text) {
  model::Value value = TRY(parse_value(text));
  if (auto* reference = value.get<std::shared_ptr<const model::Reference>>()) return **reference;
  return fail(Error(Code::syntax, fmt::format("'{}' is no reference", text))
                  .hint("a reference is written name:name, PARENT:name or LAZY name"));
}

}  // namespace croft::lang
