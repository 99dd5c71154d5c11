// The answers of the reference implementation: test/lang/conformance holds descriptions and what
// the reference made of them. Cases where croft differs on purpose are listed here with their
// reason, and in docs/language-differences.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"
#include "lang/lang.h"

namespace croft::lang {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string> different_on_purpose = {
    {"009-vectors", "unsuffixed decimals keep all their digits"},
    {"090-op-arith", "unsuffixed decimals keep all their digits"},
};

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// One token of printed text, from `at` on.
std::string next_token(const std::string& text, size_t& at) {
  auto until = [&](size_t end) {
    std::string out = text.substr(at, end - at);
    at = end;
    return out;
  };
  auto quoted = [&](size_t from, char quote) {
    size_t end = from;
    while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
    return until(std::min(end + 1, text.size()));
  };
  if (text[at] == '"') return quoted(at + 1, '"');
  if (text.compare(at, 2, "##") == 0) return quoted(at + 2, '#');
  for (const char* form : {"#HEX#", "#DEC#", "#OCT#", "#BIN#"})
    if (text.compare(at, 5, form) == 0) return quoted(at + 5, '#');
  if (text.compare(at, 2, "[|") == 0 || text.compare(at, 2, "|]") == 0) return until(at + 2);
  constexpr std::string_view marks = "[]{}(),;|";
  if (marks.find(text[at]) != std::string_view::npos) return until(at + 1);
  size_t end = text.find_first_of(" \t\r\n[]{}(),;\"|", at);
  return until(end == std::string::npos ? text.size() : end);
}

/// The tokens that count, as the data's own compare.py takes them: no ';', bodies of calls and
/// assertions left out.
std::vector<std::string> canonical(const std::string& text) {
  std::vector<std::string> raw, out;
  for (size_t at = 0; at < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
    else
      raw.push_back(next_token(text, at));
  }
  for (size_t i = 0; i < raw.size(); ++i) {
    bool call =
        (raw[i] == "APPLY" || raw[i] == "ASSERT") && i + 1 < raw.size() && raw[i + 1] == "{";
    if (!call) {
      if (raw[i] != ";") out.push_back(raw[i]);
      continue;
    }
    bool assertion = raw[i] == "ASSERT";
    int depth = 0;
    do {
      ++i;
      depth += raw[i] == "{" ? 1 : raw[i] == "}" ? -1 : 0;
    } while (depth > 0 && i + 1 < raw.size());
    if (!assertion) {
      out.push_back("APPLY");
      continue;
    }
    if (!out.empty() && out.back() == "LAZY") out.pop_back();
    if (!out.empty()) out.pop_back();
  }
  return out;
}

void collect_places(const Error& error, std::vector<std::string>& out) {
  for (const auto& [key, value] : error.facts)
    if (key == "at") out.push_back(value);
  for (const auto& other : error.others) collect_places(other, out);
}

/// Empty when the answer agrees, else what differs.
std::string compare(const std::string& expected, const Result<model::Description>& got) {
  std::vector<std::string> lines = split(expected, '\n');
  if (lines[0] == "ok") {
    if (!got) return "should resolve, but:\n" + got.error().render();
    std::string printed = print(*got->config);
    if (canonical(expected.substr(expected.find('\n') + 1)) == canonical(printed)) return "";
    return "printed:\n" + printed + "expected:\n" + expected;
  }
  std::string phase = lines[0].substr(lines[0].find(' ') + 1);
  if (got) return "should fail in phase " + phase + ", but prints:\n" + print(*got->config);
  if (got.error().fact("phase") != phase)
    return fmt::format("should fail in phase {}, failed in {}:\n{}", phase,
                       got.error().fact("phase"), got.error().render());
  std::vector<std::string> places;
  collect_places(got.error(), places);
  for (size_t i = 1; i < lines.size(); ++i) {
    if (!lines[i].starts_with("at ")) continue;
    std::string wanted(trim(lines[i].substr(3)));
    bool named = false;
    for (const auto& place : places) named = named || trim(place) == wanted;
    if (!named) return fmt::format("should blame '{}':\n{}", wanted, got.error().render());
  }
  return "";
}

TEST(Conformance, AgreesWithTheReference) {
  Options options;
  options.reader = [](const std::string& path) -> Result<std::string> {
    return fail(Code::not_found, path);
  };
  size_t agree = 0, all = 0;
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(CROFT_SOURCE_DIR "/test/lang/conformance"))
    if (entry.path().extension() == ".sf") cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases) {
    std::string name = path.stem();
    fs::path answer = path;
    std::string expected = slurp(answer.replace_extension(".expect"));
    std::string difference = compare(expected, resolve(path.filename(), slurp(path), options));
    ++all;
    if (difference.empty()) ++agree;
    auto known = different_on_purpose.find(name);
    if (known == different_on_purpose.end())
      EXPECT_EQ(difference, "") << name << ":\n" << slurp(path);
    else
      EXPECT_NE(difference, "") << name << " agrees now: take it off the list";
  }
  fmt::print("conformance: {} of {} agree, {} differ on purpose\n", agree, all,
             different_on_purpose.size());
  EXPECT_GT(all, 100u);
}

}  // namespace
}  // namespace croft::lang
