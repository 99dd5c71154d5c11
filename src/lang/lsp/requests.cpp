// What editors ask, in the protocol's shapes.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/format/format.h"
#include "lang/lsp/state.h"

namespace croft::lang::lsp {
namespace {

std::optional<uint32_t> count_at(const Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_int64() || value->as_int64() < 0) return std::nullopt;
  return static_cast<uint32_t>(std::min<int64_t>(value->as_int64(), INT32_MAX));
}

Object position_json(Position position) {
  return {{"line", position.line}, {"character", position.character}};
}

// Numbers of the protocol.
int completion_kind(ItemKind kind) {
  switch (kind) {
    case ItemKind::type:
      return 7;
    case ItemKind::attribute:
      return 5;
    case ItemKind::component:
      return 9;
    case ItemKind::keyword:
      return 14;
    case ItemKind::value:
      return 12;
    case ItemKind::file:
      return 17;
    case ItemKind::function:
      return 3;
  }
  return 1;
}

int symbol_kind(SymbolKind kind) {
  switch (kind) {
    case SymbolKind::component:
      return 19;
    case SymbolKind::type:
      return 5;
    case SymbolKind::attribute:
      return 8;
    case SymbolKind::number:
      return 16;
    case SymbolKind::text:
      return 15;
    case SymbolKind::boolean:
      return 17;
    case SymbolKind::list:
      return 18;
  }
  return 8;
}

Refusal refused(const Error& error) {
  std::string text = error.line();
  for (const auto& hint : error.hints) text += "; " + hint;
  return {request_failed, text};
}

}  // namespace

std::expected<Server::State::Asked, Refusal> Server::State::asked(const Object& params) {
  Document* document = document_of(params);
  if (!document) return std::unexpected(Refusal{invalid_params, "the document is not open"});
  const Object& position = object_at(params, "position");
  auto line = count_at(position, "line"), character = count_at(position, "character");
  if (!line || !character)
    return std::unexpected(Refusal{invalid_params, "a position has a line and a character"});
  uint32_t offset = document->text.offset({*line, *character}, encoding);
  return Asked{document, &view_of(*document), offset};
}

Object Server::State::range(const Text& text, uint32_t begin, uint32_t end) const {
  return {{"start", position_json(text.position(begin, encoding))},
          {"end", position_json(text.position(end, encoding))}};
}

std::string Server::State::uri_of(const std::string& file) const {
  if (file.starts_with(library_prefix)) {
    if (!options.library_on_disk) return "";
    std::string path = options.library_on_disk(file.substr(library_prefix.size()));
    return path.empty() ? "" : uri_of_file(path);
  }
  for (const auto& [uri, document] : documents)
    if (document.name == file) return uri;
  return uri_of_file(file);
}

const Text& Server::State::lines_of(const FilePtr& file) const {
  if (last_lines.first != file) last_lines = {file, Text(std::string(file->text()))};
  return last_lines.second;
}

std::optional<Object> Server::State::location(const Spot& spot) const {
  std::string uri = uri_of(spot.file);
  if (uri.empty() || !spot.text) return std::nullopt;
  return Object{{"uri", uri}, {"range", range(lines_of(spot.text), spot.begin, spot.end)}};
}

Answer Server::State::hover(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  const auto& resolved = where->document->resolved;
  auto found = lsp::hover(*where->view, types, resolved ? &*resolved : nullptr, where->offset);
  if (!found) return nullptr;
  return Object{{"contents", Object{{"kind", "markdown"}, {"value", found->markdown}}},
                {"range", range(where->document->text, found->begin, found->end)}};
}

Answer Server::State::completion(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  const Text& text = where->document->text;
  Completion found =
      complete(project, where->view->main(), types, where->offset, options.list_folder);
  // A blank asks only where something must follow: a list after every word would be in the way.
  if (text_at(object_at(params, "context"), "triggerCharacter") == " " && !found.due)
    return Object{{"isIncomplete", false}, {"items", Array{}}};
  Object replaced = range(text, found.begin, found.end);
  Object include_at = range(text, found.include_at, found.include_at);
  Array items;
  for (const auto& item : found.items) {
    Object one{{"label", item.label},
               {"kind", completion_kind(item.kind)},
               {"sortText", fmt::format("{}{}", item.rank, item.label)},
               {"textEdit", Object{{"range", replaced},
                                   {"newText", item.insert.empty() ? item.label : item.insert}}}};
    if (!item.detail.empty()) one["detail"] = item.detail;
    if (!item.doc.empty()) one["documentation"] = Object{{"kind", "markdown"}, {"value", item.doc}};
    if (!item.include.empty())
      one["additionalTextEdits"] = Array{Object{
          {"range", include_at}, {"newText", fmt::format("#include \"{}\"\n", item.include)}}};
    items.emplace_back(std::move(one));
  }
  return Object{{"isIncomplete", false}, {"items", std::move(items)}};
}

Answer Server::State::definition(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  auto spot = lsp::definition(*where->view, where->offset);
  if (!spot) return nullptr;
  auto found = location(*spot);
  return found ? boost::json::value(std::move(*found)) : nullptr;
}

void Server::State::each_view(const std::string& name, const std::function<void(View&)>& use) {
  std::set<std::string> seen;
  for (auto& [uri, document] : documents) {
    seen.insert(document.name);
    use(view_of(document));
  }
  if (!options.descriptions_below) return;
  for (const auto& folder : folders)
    for (const auto& path : options.descriptions_below(folder)) {
      if (!seen.insert(path).second) continue;
      FilePtr file = project.open(path);
      if (!file || file->text().find(name) == std::string_view::npos) continue;
      View view(project, path);
      use(view);
    }
}

Answer Server::State::references(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  auto named = named_at(*where->view, where->offset);
  if (!named) return Array{};
  const auto* declared = object_at(params, "context").if_contains("includeDeclaration");
  bool with_declarations = !declared || !declared->is_bool() || declared->as_bool();
  std::set<Spot> spots;
  each_view(named->name, [&](View& view) {
    for (auto& occurrence : occurrences(view, *named))
      if (with_declarations || !occurrence.declares) spots.insert(std::move(occurrence.spot));
  });
  Array out;
  for (const auto& spot : spots)
    if (auto found = location(spot)) out.emplace_back(std::move(*found));
  return out;
}

Answer Server::State::prepare_rename(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  auto named = named_at(*where->view, where->offset);
  if (!named) return nullptr;
  if (auto problem = rename_problem(*where->view, types, *named, "croft_" + named->name))
    if (problem->code == Code::permission_denied) return std::unexpected(refused(*problem));
  return Object{{"range", range(where->document->text, named->begin, named->end)},
                {"placeholder", named->name}};
}

Answer Server::State::rename(const Object& params) {
  auto where = asked(params);
  if (!where) return std::unexpected(where.error());
  auto named = named_at(*where->view, where->offset);
  if (!named)
    return std::unexpected(Refusal{request_failed, "there is nothing to rename at this place"});
  std::string new_name = text_at(params, "newName");
  std::map<std::string, std::map<uint32_t, Spot>> places;
  std::optional<Error> problem;
  each_view(named->name, [&](View& view) {
    if (!problem) problem = rename_problem(view, types, *named, new_name);
    for (auto& occurrence : occurrences(view, *named))
      places[occurrence.spot.file][occurrence.spot.begin] = occurrence.spot;
  });
  if (problem) return std::unexpected(refused(*problem));
  Object changes;
  for (const auto& [file, spots] : places) {
    if (file.starts_with(library_prefix)) continue;
    Array edits;
    for (const auto& [begin, spot] : spots) {
      bool quoted = spot.text->text()[begin] == '"';
      edits.emplace_back(Object{{"range", range(lines_of(spot.text), spot.begin, spot.end)},
                                {"newText", quoted ? "\"" + new_name + "\"" : new_name}});
    }
    changes[uri_of(file)] = std::move(edits);
  }
  return Object{{"changes", std::move(changes)}};
}

Object Server::State::symbol_json(const Text& text, const Symbol& symbol) const {
  Array children;
  for (const auto& child : symbol.children) children.emplace_back(symbol_json(text, child));
  return {{"name", symbol.name},
          {"detail", symbol.detail},
          {"kind", symbol_kind(symbol.kind)},
          {"range", range(text, symbol.begin, symbol.end)},
          {"selectionRange", range(text, symbol.name_begin, symbol.name_end)},
          {"children", std::move(children)}};
}

Answer Server::State::symbols(const Object& params) {
  Document* document = document_of(params);
  if (!document) return std::unexpected(Refusal{invalid_params, "the document is not open"});
  parse_now(*document);
  Array out;
  if (FilePtr file = project.open(document->name))
    for (const auto& symbol : outline(*file)) out.emplace_back(symbol_json(document->text, symbol));
  return out;
}

/// One edit of the lines that differ, so that cursors elsewhere stay.
Answer Server::State::formatting(const Object& params) {
  Document* document = document_of(params);
  if (!document) return std::unexpected(Refusal{invalid_params, "the document is not open"});
  const std::string& before = document->text.text();
  auto after = format(document->name, before);
  if (!after || *after == before) return Array{};
  size_t most = std::min(before.size(), after->size());
  size_t head = 0;
  while (head < most && before[head] == (*after)[head]) ++head;
  while (head > 0 && before[head - 1] != '\n') --head;
  size_t tail = 0;
  while (tail < most - head &&
         before[before.size() - 1 - tail] == (*after)[after->size() - 1 - tail])
    ++tail;
  while (tail > 0 && (tail == before.size() || before[before.size() - tail - 1] != '\n')) --tail;
  auto begin = static_cast<uint32_t>(head);
  auto end = static_cast<uint32_t>(before.size() - tail);
  return Array{Object{{"range", range(document->text, begin, end)},
                      {"newText", after->substr(head, after->size() - tail - head)}}};
}

}  // namespace croft::lang::lsp
