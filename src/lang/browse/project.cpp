#include "lang/browse/project.h"

#include <algorithm>

namespace croft::lang {
namespace {

std::string joined(std::string_view folder, std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  if (folder.empty() || folder == ".") return std::string(name);
  return std::string(folder) + (folder.ends_with('/') ? "" : "/") + std::string(name);
}

}  // namespace

std::string folder_of_file(std::string_view file) {
  size_t slash = file.rfind('/');
  if (slash == std::string_view::npos) return "";
  return slash == 0 ? "/" : std::string(file.substr(0, slash));
}

uint32_t ParsedFile::end(NodeId id) const {
  const Token& last = tree.tokens[std::max(tree[id].first, tree[id].last)];
  return last.offset + last.length;
}

NodeId ParsedFile::node_at(uint32_t offset) const {
  NodeId at = 0;
  for (;;) {
    NodeId inner = no_node;
    // The later of two neighbours that touch wins: what follows the cursor is what is meant.
    for (NodeId id = tree[at].child; id != no_node && begin(id) <= offset; id = tree[id].next)
      if (offset <= end(id)) inner = id;
    if (inner == no_node) return at;
    at = inner;
  }
}

std::optional<uint32_t> ParsedFile::token_before(uint32_t offset) const {
  auto after = std::lower_bound(tree.tokens.begin(), tree.tokens.end(), offset,
                                [](const Token& t, uint32_t wanted) { return t.offset < wanted; });
  while (after != tree.tokens.begin()) {
    --after;
    if (after->kind != TokenKind::end) return static_cast<uint32_t>(after - tree.tokens.begin());
  }
  return std::nullopt;
}

FilePtr parse_file(std::string name, std::string text) {
  auto file = std::make_shared<ParsedFile>();
  file->name = name;
  file->tree =
      parse(std::make_shared<const model::SourceText>(std::move(name), std::move(text)), {});
  file->parents.assign(file->tree.nodes.size(), 0);
  for (NodeId id = 0; id < file->tree.nodes.size(); ++id)
    for (NodeId child = file->tree[id].child; child != no_node; child = file->tree[child].next)
      file->parents[child] = id;
  return file;
}

Project::Project(Options options) : options_(std::move(options)) {}

void Project::overlay(const std::string& name, std::string text) {
  overlays_[name] = parse_file(name, std::move(text));
}

void Project::remove_overlay(const std::string& name) {
  overlays_.erase(name);
}

Result<std::string> Project::read(const std::string& name) const {
  if (auto over = overlays_.find(name); over != overlays_.end())
    return std::string(over->second->text());
  if (!options_.reader) return fail(Code::not_found, "nothing reads files here");
  auto text = options_.reader(name);
  if (text && text->size() > file_bytes) return std::string();
  return text;
}

FileReader Project::reader() const {
  return [this](const std::string& name) { return read(name); };
}

FilePtr Project::open(const std::string& name) {
  if (auto over = overlays_.find(name); over != overlays_.end()) return over->second;
  auto& kept = files_[name];
  if (name.starts_with(library_prefix)) {
    if (kept) return kept;
    auto text = library_file(std::string_view(name).substr(library_prefix.size()));
    return text ? kept = parse_file(name, std::string(*text)) : nullptr;
  }
  auto text = read(name);
  if (!text) return kept = nullptr;
  if (!kept || kept->text() != *text) kept = parse_file(name, std::move(*text));
  return kept;
}

std::string Project::find_include(const std::string& from, const std::string& main,
                                  std::string_view name) const {
  std::vector<std::string> places;
  if (name.starts_with('/')) places.emplace_back(name);
  if (!from.starts_with(library_prefix)) places.push_back(joined(folder_of_file(from), name));
  if (!main.starts_with(library_prefix)) places.push_back(joined(folder_of_file(main), name));
  places.push_back(joined(options_.working_folder, name));
  for (const auto& folder : options_.include) places.push_back(joined(folder, name));
  for (const auto& place : places)
    if (read(place)) return place;
  std::string inside(name.starts_with('/') ? name.substr(1) : name);
  return library_file(inside) ? std::string(library_prefix) + inside : "";
}

}  // namespace croft::lang
