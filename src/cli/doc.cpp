// croft doc: what a component type is for, what it takes, where it is written down.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/description.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "components/registry.h"
#include "lang/browse/types.h"

namespace croft::cli {
namespace {

using lang::TypeAttribute;
using lang::TypeEntry;
using lang::TypePage;

wire::json::Object to_json(const TypeAttribute& attribute) {
  wire::json::Object out{{"name", attribute.name}, {"required", attribute.required}};
  auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  add("type", attribute.type);
  add("default", attribute.fallback);
  add("doc", attribute.doc);
  add("from", attribute.from);
  add("change", attribute.change);
  add("unit", attribute.unit);
  add("range", attribute.range);
  add("deprecated", attribute.deprecated);
  if (attribute.published) out["published"] = true;
  if (attribute.secret) out["secret"] = true;
  return out;
}

wire::json::Object to_json(const TypePage& page) {
  wire::json::Array attributes, extends, chain;
  for (const auto& attribute : page.attributes) attributes.emplace_back(to_json(attribute));
  for (const auto& name : page.extends) extends.emplace_back(name);
  for (const auto& name : page.chain) chain.emplace_back(name);
  return {{"name", page.name},           {"file", page.file},
          {"line", page.line},           {"extends", std::move(extends)},
          {"chain", std::move(chain)},   {"doc", page.doc},
          {"sfClass", page.sf_class},    {"native", page.native_doc},
          {"container", page.container}, {"attributes", std::move(attributes)}};
}

/// Words on lines of at most `width`, each begun with `indent`.
std::string wrapped(std::string_view text, size_t indent, size_t width) {
  std::string out;
  for (const auto& paragraph : split(replace_all(text, "\n\n", "\v"), '\v')) {
    std::string line;
    if (!out.empty()) out += '\n';
    for (const auto& word : split(replace_all(paragraph, "\n", " "), ' ')) {
      if (word.empty()) continue;
      if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
        out += std::string(indent, ' ') + line + "\n";
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    if (!line.empty()) out += std::string(indent, ' ') + line + "\n";
  }
  return out;
}

std::string facts_of(const TypeAttribute& attribute) {
  std::vector<std::string> out;
  if (!attribute.type.empty()) out.push_back(attribute.type);
  if (!attribute.range.empty()) out.push_back(attribute.range);
  if (!attribute.unit.empty()) out.push_back("bare number: " + attribute.unit);
  if (attribute.required) out.emplace_back("required");
  if (attribute.secret) out.emplace_back("secret");
  if (!attribute.fallback.empty()) out.push_back("default " + attribute.fallback);
  if (attribute.change == "update") out.emplace_back("can change while it runs");
  if (attribute.change == "replace") out.emplace_back("a change replaces it");
  if (!attribute.from.empty()) out.push_back("from " + attribute.from);
  if (!attribute.deprecated.empty()) out.push_back("deprecated: " + attribute.deprecated);
  return join(out, ", ");
}

std::string attributes_text(const TypePage& page, size_t width, bool published) {
  std::string out;
  for (const auto& attribute : page.attributes) {
    if (attribute.published != published) continue;
    out += "  " + attribute.name + "\n";
    if (!attribute.doc.empty()) out += wrapped(attribute.doc, 6, width);
    if (std::string facts = facts_of(attribute); !facts.empty()) out += wrapped(facts, 6, width);
  }
  return out;
}

std::string page_text(const TypePage& page, size_t width) {
  std::string out = page.name;
  if (!page.extends.empty()) out += " extends " + join(page.extends, ", ");
  out += fmt::format("\n{}:{}\n", page.file, page.line);
  if (!page.doc.empty()) out += "\n" + wrapped(page.doc, 2, width);
  if (!page.native_doc.empty() && page.native_doc != page.doc)
    out += "\n" + wrapped(page.native_doc, 2, width);
  if (page.container) out += "\n  It holds components.\n";
  if (page.chain.size() > 1) out += fmt::format("\n  is a {}\n", join(page.chain, ", a "));
  if (std::string text = attributes_text(page, width, false); !text.empty())
    out += "\nattributes\n" + text;
  if (std::string text = attributes_text(page, width, true); !text.empty())
    out += "\npublished while it runs\n" + text;
  return out;
}

/// The first words that fit.
std::string cut_to(const std::string& line, size_t width) {
  if (terminal::display_width(line) <= width) return line;
  std::string out = line;
  while (terminal::display_width(out) >= width) out.resize(out.rfind(' '));
  return out + "…";
}

std::string list_text(const std::vector<TypeEntry>& entries, size_t width) {
  std::string out, file;
  std::vector<TypeEntry> sorted = entries;
  std::sort(sorted.begin(), sorted.end(), [](const TypeEntry& a, const TypeEntry& b) {
    return std::tie(a.file, a.name) < std::tie(b.file, b.name);
  });
  size_t widest = 0;
  for (const auto& entry : sorted) widest = std::max(widest, entry.name.size());
  for (const auto& entry : sorted) {
    if (entry.file != file) {
      out += (file.empty() ? "" : "\n") + entry.file + "\n";
      file = entry.file;
    }
    std::string line = fmt::format("  {:{}}  {}", entry.name, widest, entry.summary);
    out += std::string(trim(cut_to(line, width))).insert(0, "  ") + "\n";
  }
  return out;
}

int run_doc(Invocation& invocation) {
  lang::Project project(language_options(invocation));
  lang::TypeIndex types(project, &components::schemas());
  std::string from = invocation.value("--from").value_or("");
  if (!from.empty()) {
    auto file = main_file(from);
    if (!file) return invocation.fail(file.error());
    from = *file;
  }
  size_t width = static_cast<size_t>(std::clamp(invocation.terminal.width(), 40, 100));
  if (std::string name = invocation.positional(0); !name.empty()) {
    auto page = types.page(name, from);
    if (!page) return invocation.fail(page.error());
    invocation.terminal.print(invocation.json ? wire::json::pretty(to_json(*page))
                                              : page_text(*page, width));
    return exit_code::done;
  }
  if (!from.empty() && !project.open(from))
    return invocation.fail(Error(Code::not_found, "no such file: " + from));
  auto entries = from.empty() ? types.library() : types.of_file(from);
  if (!invocation.json) {
    invocation.terminal.print(list_text(entries, width));
    return exit_code::done;
  }
  wire::json::Array list;
  for (const auto& entry : entries)
    list.emplace_back(
        wire::json::Object{{"name", entry.name}, {"file", entry.file}, {"summary", entry.summary}});
  invocation.terminal.print(wire::json::pretty(wire::json::Object{{"types", std::move(list)}}));
  return exit_code::done;
}

}  // namespace

Command doc_command() {
  auto options = description_options();
  options.push_back({"--from", "FILE", "the types of this description, and what it includes"});
  return {.path = "doc",
          .summary = "document a component type, or list all types",
          .details =
              "The page is made of the comment above the template, its attributes, and the "
              "schema of its native type.\n"
              "Without a TYPE: all types of croft's library, or those that --from FILE has "
              "itself.",
          .example = "croft doc ImageInstance",
          .positionals = {{"TYPE", "the name of a template; a:b for one inside another", false}},
          .options = std::move(options),
          .run = run_doc};
}

}  // namespace croft::cli
