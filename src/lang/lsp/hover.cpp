// What a name, a type, an include or a reserved word is, as Markdown.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "lang/lsp/features.h"

namespace croft::lang::lsp {
namespace {

struct Word {
  TokenKind kind;
  std::string_view doc;
};
constexpr std::array<Word, 28> words = {{
    {TokenKind::kw_extends,
     "`name extends A, B { ... }`: a component made of templates and a body. The body "
     "wins, then the rightmost template."},
    {TokenKind::kw_lazy,
     "`LAZY ref`: a link. It stays a reference and is followed while the application runs."},
    {TokenKind::kw_data,
     "`extends DATA { }` is data, nothing to deploy. `DATA ref` is a reference nobody follows."},
    {TokenKind::kw_parent, "The enclosing component."},
    {TokenKind::kw_root, "The outermost component: the file's top level."},
    {TokenKind::kw_this, "The component that holds the reference."},
    {TokenKind::kw_attrib, "`ATTRIB name`: the nearest attribute of that name, upward."},
    {TokenKind::kw_here, "`HERE name`: an attribute of exactly this component."},
    {TokenKind::kw_host, "`HOST name`: the components that run on that host."},
    {TokenKind::kw_process, "The root component of the process."},
    {TokenKind::kw_property, "`PROPERTY name`: what `-D name=value` says, as text."},
    {TokenKind::kw_iproperty, "`IPROPERTY name`: what `-D name=value` says, read as a value."},
    {TokenKind::kw_envproperty, "`ENVPROPERTY name`: an environment variable, as text."},
    {TokenKind::kw_ienvproperty, "`IENVPROPERTY name`: an environment variable, read as a value."},
    {TokenKind::kw_constant,
     "`CONSTANT \"java.lang.Integer.MAX_VALUE\"`: a constant of the Java libraries."},
    {TokenKind::kw_optional,
     "`OPTIONAL(default) ref`: the default where the reference leads nowhere; NULL without one."},
    {TokenKind::kw_tbd, "Still to be given: using it is an error, overriding cures it."},
    {TokenKind::kw_null, "The null value; `name;` means the same."},
    {TokenKind::kw_if, "`IF condition THEN a ELSE b FI`: both branches are evaluated."},
    {TokenKind::kw_then, "`IF condition THEN a ELSE b FI`"},
    {TokenKind::kw_else, "`IF condition THEN a ELSE b FI`"},
    {TokenKind::kw_fi, "`IF condition THEN a ELSE b FI`"},
    {TokenKind::kw_switch,
     "`SWITCH IF c THEN a IF d THEN b ENDSWITCH`: the first true condition; NULL if none is."},
    {TokenKind::kw_apply, "`APPLY { sfFunctionClass ...; }`: a call in its raw form."},
    {TokenKind::kw_assert, "`ASSERT { sfFunctionClass ...; }`: an assertion in its raw form."},
    {TokenKind::include, "`#include \"file\"`: the attributes of that file, in this place."},
    {TokenKind::include_optional,
     "`#include? \"file\"`: the same, and nothing when there is no such file."},
    {TokenKind::kw_var, "A variable of the constraint extension, which croft does not solve."},
}};

std::string_view word_doc(TokenKind kind) {
  for (const auto& word : words)
    if (word.kind == kind) return word.doc;
  return "";
}

std::string code_block(std::string_view text) {
  return fmt::format("```smartfrog\n{}\n```\n", text);
}

/// The value that the attribute got, found by the names of the components around it.
const model::Attribute* resolved_attribute(View& view, const model::Description* resolved,
                                           Definition definition) {
  if (!resolved || !resolved->root) return nullptr;
  std::vector<std::string> names{definition.name()};
  Scope at = view.scope_of(definition.file, definition.file->parent(definition.attribute));
  for (; at && at.node != 0; at = view.parent(at)) {
    NodeId holder = at.file->parent(at.node);
    if (at.file->tree[holder].kind != Syntax::attribute) return nullptr;
    names.push_back(Definition{at.file, holder}.name());
  }
  model::ComponentPtr component = resolved->root;
  for (size_t i = names.size(); i-- > 1 && component;) component = component->component(names[i]);
  return component ? component->find(names.front()) : nullptr;
}

std::string flags_of(const TypeAttribute& attribute) {
  std::vector<std::string> out;
  if (!attribute.type.empty()) out.push_back(attribute.type);
  if (!attribute.unit.empty()) out.push_back("a bare number is in " + attribute.unit);
  if (!attribute.range.empty()) out.push_back(attribute.range);
  if (attribute.required) out.emplace_back("required");
  if (attribute.secret) out.emplace_back("secret");
  if (attribute.published) out.emplace_back("published while it runs");
  if (!attribute.fallback.empty()) out.push_back(fmt::format("default `{}`", attribute.fallback));
  if (!attribute.change.empty()) out.push_back("a change means " + attribute.change);
  if (!attribute.deprecated.empty()) out.push_back("deprecated: " + attribute.deprecated);
  return join(out, ", ");
}

/// What the schema of the component around says about the attribute.
std::string schema_text(View& view, TypeIndex& types, Definition definition) {
  Scope home = view.scope_of(definition.file, definition.file->parent(definition.attribute));
  std::string name = definition.name();
  if (!types.schemas()) return "";
  const auto* schema = types.schemas()->find(view.sf_class(home));
  if (!schema || !types.schemas()->attribute(*schema, name)) return "";
  for (const auto& attribute : types.attributes(view, home))
    if (attribute.name == name)
      return attribute.doc + (attribute.doc.empty() ? "" : "\n\n") + "*" + flags_of(attribute) +
             "*\n";
  return "";
}

std::string text_of(View& view, TypeIndex& types, const model::Description* resolved,
                    const Target& target) {
  if (!target.definition) {
    if (!target.scope) return "";
    if (target.scope.node == 0) return "the file's top level";
    NodeId holder = target.scope.file->parent(target.scope.node);
    return code_block(source_line(target.scope.file, holder, 80));
  }
  const Definition& definition = target.definition;
  const Tree& tree = definition.file->tree;
  NodeId value = definition.value();
  if (value != no_node && tree[value].kind == Syntax::component)
    return markdown_of(types.page(view, definition), false);
  std::string shown = source_line(definition.file, definition.attribute, 160);
  std::string out = code_block(shown + ";");
  if (const auto* attribute = resolved_attribute(view, resolved, definition)) {
    std::string text = attribute->secret ? "" : print_value(attribute->value);
    bool said = value != no_node && source_line(definition.file, value, 1000) == text;
    if (!text.empty() && text.size() < 2000 && !said && !attribute->value.as_component())
      out += fmt::format("= `{}`\n\n", text);
  }
  std::string doc = schema_text(view, types, definition);
  if (doc.empty()) doc = doc_comment(definition);
  return out + doc;
}

}  // namespace

std::string markdown_of(const TypePage& page, bool with_attributes) {
  std::string head = page.name + " extends " + join(page.extends, ", ");
  if (page.extends.empty()) head = page.name;
  std::string out = code_block(head) + page.doc + "\n\n";
  if (!page.native_doc.empty() && page.native_doc != page.doc) out += page.native_doc + "\n\n";
  std::vector<std::string> needed;
  for (const auto& attribute : page.attributes)
    if (attribute.required) needed.push_back("`" + attribute.name + "`");
  if (!needed.empty()) out += "needs " + join(needed, ", ") + "\n\n";
  if (with_attributes)
    for (const auto& attribute : page.attributes)
      out += fmt::format("- `{}` {}: {}\n", attribute.name, flags_of(attribute), attribute.doc);
  return out + fmt::format("{}:{}", page.file, page.line);
}

std::optional<Hover> hover(View& view, TypeIndex& types, const model::Description* resolved,
                           uint32_t offset) {
  const ParsedFile* file = view.main().get();
  if (!file) return std::nullopt;
  const Tree& tree = file->tree;
  NodeId node = file->node_at(offset);
  auto token = file->token_before(offset + 1);
  if (!token) return std::nullopt;
  const Token& at = tree.tokens[*token];
  if (offset > at.offset + at.length) return std::nullopt;
  Hover out{"", at.offset, at.offset + at.length};
  NodeId include = tree[node].kind == Syntax::literal ? file->parent(node) : node;
  if (tree[include].kind == Syntax::include && is_string(at.kind)) {
    FilePtr other = view.included(file, include);
    out.markdown = other ? include_name(other->name) : "no such file";
    return out;
  }
  if (std::string_view doc = word_doc(at.kind); !doc.empty()) {
    out.markdown = doc;
    return out;
  }
  if (tree[node].kind != Syntax::part && tree[node].kind != Syntax::key) return std::nullopt;
  out.markdown = text_of(view, types, resolved, view.target_at(file, node));
  if (out.markdown.empty()) return std::nullopt;
  return out;
}

}  // namespace croft::lang::lsp
