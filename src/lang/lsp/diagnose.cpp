// What is wrong with a description, as marks in its text.
#include <fmt/format.h>

#include <algorithm>

#include "lang/lsp/features.h"

namespace croft::lang::lsp {
namespace {

/// An editor must stay quick whatever is typed: far less is allowed than on the command line.
Limits editor_limits() {
  Limits limits;
  limits.file_bytes = 64u << 20;
  limits.components = 400'000;
  limits.attributes = 4'000'000;
  limits.text_bytes = 64u << 20;
  return limits;
}

struct Range {
  uint32_t begin = 0;
  uint32_t end = 0;
};

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("._-+@#~$%^&").find(c) != std::string_view::npos;
}

/// The bytes that a place underlines; a whole word where only its start is known.
Range bytes_of(const model::SourceText& source, const Where& where) {
  auto line = static_cast<uint32_t>(std::max(where.line, 1));
  auto size = static_cast<uint32_t>(source.text().size());
  if (line > source.lines()) return {size, size};
  uint32_t at = source.start_of(line);
  uint32_t line_end = at + static_cast<uint32_t>(source.line(line).size());
  for (int column = 1; column < where.column && at < line_end; ++column) {
    ++at;
    while (at < line_end && (static_cast<unsigned char>(source.text()[at]) & 0xC0) == 0x80) ++at;
  }
  uint32_t length = static_cast<uint32_t>(std::max(where.length, 1));
  if (where.length <= 1)
    while (at + length < line_end && is_name_byte(source.text()[at + length - 1]) &&
           is_name_byte(source.text()[at + length]))
      ++length;
  uint32_t end = std::min(at + length, std::max(line_end, at));
  // At the end of a line, its last character carries the mark.
  if (at == end && at > source.start_of(line)) at = end - 1;
  return {at, end};
}

/// Does the file itself say what is deployed? Otherwise it is there to be included.
bool has_config(Project& project, const std::string& file) {
  View view(project, file);
  return view.main() && view.find({view.main().get(), 0}, "sfConfig");
}

class Marks {
 public:
  Marks(const ParsedFile& file, std::vector<Diagnostic>& out) : file_(file), out_(out) {}

  void add(const Error& error, bool warning) {
    one(error, warning);
    for (const auto& other : error.others) one(other, warning);
  }

 private:
  void one(const Error& error, bool warning) {
    Diagnostic mark;
    mark.warning = warning;
    mark.code = name_of(error.code);
    mark.message = error.what;
    if (!error.where.path.empty()) mark.message += fmt::format(" (in {})", error.where.path);
    for (const auto& hint : error.hints) mark.message += "\n" + hint;
    for (const auto& step : error.trace)
      if (step.where.line > 0) mark.related.push_back({step.where, step.what});
    const Where* here = error.where.file == file_.name ? &error.where : nullptr;
    if (!here) {
      // It is wrong in a file that is included: the directive here shows it.
      for (const auto& step : error.trace)
        if (step.where.file == file_.name) here = &step.where;
      if (!error.where.file.empty()) {
        mark.message = error.where.text() + ": " + mark.message;
        mark.related.insert(mark.related.begin(), {error.where, error.what});
      }
    }
    Range range = here ? bytes_of(*file_.tree.source, *here) : Range{};
    mark.begin = range.begin;
    mark.end = range.end;
    out_.push_back(std::move(mark));
  }

  const ParsedFile& file_;
  std::vector<Diagnostic>& out_;
};

}  // namespace

Diagnosis diagnose(Project& project, const std::string& file, const model::SchemaSet* schemas) {
  Diagnosis out;
  FilePtr parsed = project.open(file);
  if (!parsed) return out;
  Options options = project.options();
  options.reader = project.reader();
  options.limits = editor_limits();
  if (!has_config(project, file)) options.until = Phase::function;
  Marks marks(*parsed, out.found);
  auto description = resolve(file, std::string(parsed->text()), options);
  if (!description) {
    marks.add(description.error(), false);
    return out;
  }
  if (schemas && options.until == Phase::link) {
    model::Findings findings = check(*description, *schemas);
    for (const auto& error : findings.errors) marks.add(error, false);
    for (const auto& warning : findings.warnings) marks.add(warning, true);
  }
  out.description = std::move(*description);
  return out;
}

}  // namespace croft::lang::lsp
