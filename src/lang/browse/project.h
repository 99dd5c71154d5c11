// The texts of one description and of what it includes, parsed and kept while they do not change:
// what `croft doc` and the language server read. Not thread-safe.
// Limits: a file above `file_bytes` is taken as empty.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lang/lang.h"
#include "lang/syntax/tree.h"

namespace croft::lang {

constexpr std::string_view library_prefix = "lib:/";  ///< before the names of files in the binary

struct ParsedFile {
  std::string name;
  Tree tree;
  std::vector<NodeId> parents;  ///< by node

  NodeId parent(NodeId id) const { return parents[id]; }
  std::string_view text() const { return tree.source->text(); }
  /// First byte of the node, and the first one behind it.
  uint32_t begin(NodeId id) const { return tree.tokens[tree[id].first].offset; }
  uint32_t end(NodeId id) const;
  /// The innermost node whose text holds the offset (its end counts too); 0 at least.
  NodeId node_at(uint32_t offset) const;
  /// The last token that begins before the offset; nullopt when none does.
  std::optional<uint32_t> token_before(uint32_t offset) const;
};
using FilePtr = std::shared_ptr<const ParsedFile>;

FilePtr parse_file(std::string name, std::string text);

class Project {
 public:
  /// `options.reader`, `include` and `working_folder` say where files are.
  explicit Project(Options options);

  /// A text that counts instead of the file's: an editor's buffer.
  void overlay(const std::string& name, std::string text);
  void remove_overlay(const std::string& name);
  bool has_overlay(const std::string& name) const { return overlays_.contains(name); }

  /// The file as it is now; null when there is none.
  FilePtr open(const std::string& name);
  /// The file that `#include "name"` in `from` means; empty when there is none.
  std::string find_include(const std::string& from, const std::string& main,
                           std::string_view name) const;
  /// Texts as this project sees them: overlays, then the reader.
  FileReader reader() const;
  const Options& options() const { return options_; }
  Options& options() { return options_; }

 private:
  Result<std::string> read(const std::string& name) const;
  static constexpr size_t file_bytes = 64u << 20;
  Options options_;
  std::map<std::string, FilePtr> overlays_;
  std::map<std::string, FilePtr> files_;
};

/// "a/b.sf" -> "a"; "" without a folder.
std::string folder_of_file(std::string_view file);

}  // namespace croft::lang
