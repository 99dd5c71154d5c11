#include "lang/browse/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace croft::lang {
namespace {

bool is_template(Definition definition) {
  NodeId value = definition.value();
  if (value == no_node || definition.file->tree[value].kind != Syntax::component) return false;
  std::string name = definition.name();
  return name != "sfConfig" && name != "farm";
}

std::vector<std::string> extends_of(Definition definition) {
  std::vector<std::string> out;
  const Tree& tree = definition.file->tree;
  NodeId value = definition.value();
  if (value == no_node || tree[value].kind != Syntax::component) return out;
  for (NodeId id = tree[value].child; id != no_node; id = tree[id].next)
    if (tree[id].kind == Syntax::reference) out.push_back(source_line(definition.file, id));
  return out;
}

std::string range_of(const model::AttributeSchema& schema) {
  if (!schema.choices.empty()) return "\"" + join(schema.choices, "\" | \"") + "\"";
  if (!schema.least && !schema.most) return "";
  return (schema.least ? fmt::format("{:g}", *schema.least) : "") + ".." +
         (schema.most ? fmt::format("{:g}", *schema.most) : "");
}

void add_schema(TypeAttribute& out, const model::AttributeSchema& schema) {
  out.type = model::name_of(schema.type);
  if (!schema.doc.empty()) out.doc = schema.doc;
  if (out.fallback.empty() && schema.fallback) out.fallback = print_value(*schema.fallback);
  out.change = schema.change == model::Change::none ? "" : model::name_of(schema.change);
  out.unit = schema.bare_unit;
  out.range = range_of(schema);
  out.deprecated = schema.deprecated;
  out.published = schema.published;
  out.secret = schema.secret;
  out.required = (schema.required && out.fallback.empty()) || out.required;
}

std::string name_around(View& view, Definition definition) {
  Scope home = view.scope_of(definition.file, definition.file->parent(definition.attribute));
  if (!home || home.node == 0) return "";
  Definition holder{home.file, home.file->parent(home.node)};
  return home.file->tree[holder.attribute].kind == Syntax::attribute ? holder.name() : "";
}

}  // namespace

std::string include_name(const std::string& file) {
  return file.starts_with(library_prefix) ? file.substr(library_prefix.size() - 1) : file;
}

std::string first_sentence(const std::string& doc) {
  std::string line;
  for (size_t i = 0; i < doc.size(); ++i) {
    if (doc[i] == '\n' && i + 1 < doc.size() && doc[i + 1] == '\n') break;
    if ((doc[i] == '.' || doc[i] == ';') &&
        (i + 1 == doc.size() || doc[i + 1] == ' ' || doc[i + 1] == '\n'))
      break;
    line += doc[i] == '\n' ? ' ' : doc[i];
  }
  return line;
}

std::string source_line(const ParsedFile* file, NodeId node, size_t most) {
  if (node == no_node) return "";
  uint32_t begin = file->begin(node), end = file->end(node);
  std::string out;
  for (char c : file->text().substr(begin, std::min<size_t>(end - begin, most * 4))) {
    bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) out += c;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (out.ends_with(' ') || out.ends_with(';')) out.pop_back();
  if (out.size() <= most) return out;
  size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
  return out.substr(0, cut) + "…";
}

const std::vector<TypeEntry>& TypeIndex::library() {
  if (!library_.empty()) return library_;
  std::map<std::string, TypeEntry> found;
  for (std::string_view path : library_files()) {
    std::string name = std::string(library_prefix) + std::string(path);
    FilePtr file = project_.open(name);
    const Tree& tree = file->tree;
    for (NodeId id = tree[0].child; id != no_node; id = tree[id].next) {
      Definition definition{file.get(), id};
      if (tree[id].kind != Syntax::attribute || !is_template(definition)) continue;
      auto& entry = found[definition.name()];
      if (!entry.file.empty() && entry.file.size() <= path.size() + 1) continue;
      entry = {definition.name(), include_name(name), first_sentence(doc_comment(definition))};
    }
  }
  for (auto& [name, entry] : found) library_.push_back(std::move(entry));
  return library_;
}

std::vector<TypeEntry> TypeIndex::of_file(const std::string& file) {
  View view(project_, file);
  std::vector<TypeEntry> out;
  if (!view.main()) return out;
  for (const auto& definition : view.own({view.main().get(), 0}))
    if (is_template(definition) && !definition.file->name.starts_with(library_prefix))
      out.push_back(
          {definition.name(), definition.file->name, first_sentence(doc_comment(definition))});
  std::sort(out.begin(), out.end(),
            [](const TypeEntry& a, const TypeEntry& b) { return a.name < b.name; });
  return out;
}

Result<TypePage> TypeIndex::page(const std::string& name, const std::string& file) {
  std::vector<std::string> known;
  if (!file.empty()) {
    View view(project_, file);
    if (!view.main()) return fail(Code::not_found, "no such file: " + file);
    Scope top{view.main().get(), 0};
    Definition found;
    size_t colons = 0;
    for (const auto& part : split(name, ':')) {
      found = view.find(colons++ == 0 ? top : view.component_of(found), part);
      if (!found) break;
    }
    if (found && view.component_of(found)) return page(view, found);
    for (const auto& definition : view.members(top))
      if (is_template(definition)) known.push_back(definition.name());
  }
  for (const auto& entry : library()) {
    known.push_back(entry.name);
    if (entry.name != name) continue;
    View view(project_, std::string(library_prefix) + entry.file.substr(1));
    return page(view, view.find({view.main().get(), 0}, name));
  }
  Error error(Code::not_found, fmt::format("there is no type '{}'", printable(name)));
  if (std::string hint = did_you_mean(name, known); !hint.empty()) error.hint(std::move(hint));
  error.hint(file.empty() ? "`croft doc` lists the types; --from FILE looks into a description too"
                          : "`croft doc --from " + file + "` lists the types");
  return fail(std::move(error));
}

TypePage TypeIndex::page(View& view, Definition definition) {
  TypePage out;
  out.name = definition.name();
  out.file = include_name(definition.file->name);
  out.line = definition.file->tree.source->line_of(definition.file->begin(definition.attribute));
  out.extends = extends_of(definition);
  out.doc = doc_comment(definition);
  Scope component = view.component_of(definition);
  if (!component) return out;
  std::set<Scope> seen{component};
  for (Scope at = component; at;) {
    auto more = view.templates(at);
    at = more.empty() || !seen.insert(more.front()).second ? Scope{} : more.front();
    if (!at || at.node == 0) break;
    out.chain.push_back(Definition{at.file, at.file->parent(at.node)}.name());
  }
  out.sf_class = view.sf_class(component);
  const auto* schema = schemas_ ? schemas_->find(out.sf_class) : nullptr;
  if (schema) {
    out.native_doc = schema->doc;
    out.container = schema->container;
  }
  out.attributes = attributes(view, component);
  return out;
}

std::vector<TypeAttribute> TypeIndex::attributes(View& view, Scope component) {
  std::vector<TypeAttribute> out;
  std::string sf_class = view.sf_class(component);
  const auto* schema = schemas_ ? schemas_->find(sf_class) : nullptr;
  std::set<std::string> names;
  for (const auto& definition : view.members(component)) {
    TypeAttribute attribute;
    attribute.name = definition.name();
    names.insert(attribute.name);
    NodeId value = definition.value();
    const Tree& tree = definition.file->tree;
    attribute.fallback = source_line(definition.file, value, 40);
    if (value != no_node && tree.tokens[tree[value].first].kind == TokenKind::kw_tbd) {
      attribute.required = true;
      attribute.fallback.clear();
    }
    attribute.doc = doc_comment(definition);
    if (attribute.doc.empty()) attribute.doc = doc_comment(view.origin(definition));
    attribute.from = name_around(view, definition);
    if (const auto* known = schema ? schemas_->attribute(*schema, attribute.name) : nullptr)
      add_schema(attribute, *known);
    out.push_back(std::move(attribute));
  }
  if (!schema) return out;
  for (const auto* known : schemas_->attributes(*schema)) {
    if (!names.insert(known->name).second) continue;
    TypeAttribute attribute;
    attribute.name = known->name;
    attribute.from = schema->type.empty() ? schema->sf_class : schema->type;
    add_schema(attribute, *known);
    out.push_back(std::move(attribute));
  }
  // What says that it is updatable takes all its changes in place.
  bool in_place = std::ranges::any_of(
      out, [](const auto& each) { return each.name == "sfUpdatable" && each.fallback == "true"; });
  for (auto& attribute : out)
    if (in_place && attribute.change == model::name_of(model::Change::replace))
      attribute.change = model::name_of(model::Change::update);
  return out;
}

}  // namespace croft::lang
