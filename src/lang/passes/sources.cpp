// Order of the folders that are searched: the design, 8.7.
#include "lang/passes/sources.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/library.h"

namespace croft::lang {
namespace {

constexpr std::string_view library_prefix = "lib:/";

std::string folder_of(const std::string& file) {
  size_t slash = file.rfind('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : file.substr(0, slash);
}

std::string join_path(const std::string& folder, std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  if (folder.empty() || folder == ".") return std::string(name);
  return folder.ends_with('/') ? folder + std::string(name) : folder + "/" + std::string(name);
}

}  // namespace

uint32_t Sources::main_file(const std::string& name, std::string text) {
  main_folder_ = folder_of(name);
  return add(name, std::move(text), UINT32_MAX, {});
}

uint32_t Sources::add(const std::string& name, std::string text, uint32_t from, Pos include) {
  auto index = static_cast<uint32_t>(run_.files.size());
  if (text.size() > run_.options.limits.file_bytes || text.size() >= UINT32_MAX) {
    run_.files.push_back({std::make_shared<model::SourceText>(name, ""), from, include});
    run_.stop(fmt::format("{} has {} bytes; {} are allowed", name, text.size(),
                          run_.options.limits.file_bytes),
              {index, 0, 0}, nullptr);
    trees_[index] = std::make_unique<const Tree>(parse(run_.files.back().source, {}));
    return index;
  }
  auto source = std::make_shared<const model::SourceText>(name, std::move(text));
  run_.files.push_back({source, from, include});
  ParseLimits limits{run_.options.limits.nesting, run_.options.limits.errors};
  trees_[index] = std::make_unique<const Tree>(parse(source, limits));
  for (const auto& error : trees_[index]->errors) {
    Error copy = error;
    run_.add_include_chain(copy, {index, 0, 0});
    copy.fact("phase", "parse");
    run_.errors.push_back(std::move(copy));
  }
  return index;
}

std::vector<Sources::Candidate> Sources::candidates(const std::string& name) const {
  std::vector<Candidate> out;
  auto add = [&](std::string path) {
    for (const auto& known : out)
      if (known.path == path) return;
    out.push_back({std::move(path), false});
  };
  if (name.starts_with('/')) add(name);
  const std::string& here = run_.files[open_files.back()].source->name();
  if (!here.starts_with(library_prefix)) add(join_path(folder_of(here), name));
  add(join_path(main_folder_, name));
  add(join_path(run_.options.working_folder, name));
  for (const auto& folder : run_.options.include) add(join_path(folder, name));
  out.push_back(
      {std::string(library_prefix) + std::string(name.starts_with('/') ? name.substr(1) : name),
       true});
  return out;
}

Result<Sources::Opened> Sources::open(const std::string& name) const {
  for (const auto& candidate : candidates(name)) {
    if (candidate.library) {
      std::string path = library_path(candidate.path.substr(library_prefix.size()));
      if (auto text = library_file(path))
        return Opened{std::string(library_prefix) + path, std::string(*text)};
      continue;
    }
    if (!run_.options.reader) continue;
    auto text = run_.options.reader(candidate.path);
    if (text) return Opened{candidate.path, std::move(*text)};
    if (text.error().code != Code::not_found) return fail(std::move(text).error());
  }
  return fail(not_found(name));
}

Error Sources::not_found(const std::string& name) const {
  Error error(Code::not_found, fmt::format("there is no file '{}' to include", printable(name)));
  std::vector<std::string> known;
  for (std::string_view file : library_files()) known.push_back("/" + std::string(file));
  std::string wanted = name.starts_with('/') ? name : "/" + name;
  if (std::string hint = did_you_mean(wanted, known); !hint.empty()) error.hint(std::move(hint));
  std::vector<std::string> searched;
  for (const auto& candidate : candidates(name))
    searched.push_back(candidate.library ? "the library in croft" : candidate.path);
  error.hint("looked for " + join(searched, ", "));
  return error;
}

uint32_t Sources::included(Opened& opened, Pos directive) {
  auto [known, added] = by_path_.emplace(opened.path, 0);
  if (added) known->second = add(opened.path, std::move(opened.text), open_files.back(), directive);
  return known->second;
}

std::string Sources::cycle_with(const std::string& path) const {
  auto same = std::find_if(open_files.begin(), open_files.end(), [&](uint32_t index) {
    return run_.files[index].source->name() == path;
  });
  if (same == open_files.end()) return "";
  std::vector<std::string> chain;
  for (; same != open_files.end(); ++same) chain.push_back(run_.files[*same].source->name());
  chain.push_back(path);
  return join(chain, " -> ");
}

}  // namespace croft::lang
