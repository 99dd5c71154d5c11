// The files of a run: where included ones are looked for, each read and parsed once.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lang/passes/graph.h"

namespace croft::lang {

class Sources {
 public:
  explicit Sources(Run& run) : run_(run) {}

  /// The index of the file that everything begins with.
  uint32_t main_file(const std::string& name, std::string text);

  struct Opened {
    std::string path;
    std::string text;
  };
  /// The first file of that name in the folders that are searched.
  Result<Opened> open(const std::string& name) const;
  /// The index of an included file; parsed when it is new.
  uint32_t included(Opened& opened, Pos directive);
  /// "a -> b -> a" when that file is open already; empty otherwise.
  std::string cycle_with(const std::string& path) const;
  /// Stays where it is while the Sources live.
  const Tree& tree(uint32_t index) const { return *trees_.at(index); }

  std::vector<uint32_t> open_files;  ///< files that are being built, the innermost last

 private:
  struct Candidate {
    std::string path;
    bool library = false;
  };
  uint32_t add(const std::string& name, std::string text, uint32_t from, Pos include);
  std::vector<Candidate> candidates(const std::string& name) const;
  Error not_found(const std::string& name) const;

  Run& run_;
  std::string main_folder_;
  // By file index. A map: values from outside (--set, IPROPERTY) are files without a tree here.
  std::map<uint32_t, std::unique_ptr<const Tree>> trees_;
  std::map<std::string, uint32_t> by_path_;
};

}  // namespace croft::lang
