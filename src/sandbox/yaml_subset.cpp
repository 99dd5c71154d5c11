#include "sandbox/yaml_subset.h"

#include <algorithm>

#include "base/text.h"

namespace croft::sandbox {

namespace {

constexpr int deepest = 32;
constexpr size_t most_lines = 20'000;

struct Line {
  size_t indent = 0;
  std::string_view text;  ///< without indent, comment and trailing space; empty when blank
  std::string_view raw;
  int number = 0;
};

/// Where a plain scalar or line ends because of " #".
std::string_view without_comment(std::string_view s) {
  char quote = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    char c = s[i];
    if (quote != 0) {
      if (quote == '"' && c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
    } else if ((c == '"' || c == '\'') && (i == 0 || s[i - 1] == ' ' || s[i - 1] == '[' ||
                                           s[i - 1] == ',' || s[i - 1] == '{')) {
      quote = c;
    } else if (c == '#' && (i == 0 || s[i - 1] == ' ' || s[i - 1] == '\t')) {
      return trim(s.substr(0, i));
    }
  }
  return trim(s);
}

class Parser {
 public:
  explicit Parser(std::string_view text) {
    int number = 0;
    while (!text.empty()) {
      size_t end = text.find('\n');
      std::string_view raw = text.substr(0, end);
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      if (raw.ends_with('\r')) raw.remove_suffix(1);
      Line line;
      line.raw = raw;
      line.number = ++number;
      line.indent = std::min(raw.find_first_not_of(' '), raw.size());
      line.text = without_comment(raw.substr(line.indent));
      lines_.push_back(line);
    }
  }

  Result<Yaml> parse() {
    if (lines_.size() > most_lines) return fail(Code::resource_exhausted, "more than 20000 lines");
    skip_blank();
    if (at_end()) return Yaml{};
    if (lines_[at_].text == "---") ++at_;
    skip_blank();
    if (at_end()) return Yaml{};
    Yaml value = TRY(block(lines_[at_].indent, 0));
    skip_blank();
    if (!at_end()) return wrong("this line belongs to nothing above it");
    return value;
  }

 private:
  bool at_end() const { return at_ >= lines_.size(); }
  void skip_blank() {
    while (!at_end() && lines_[at_].text.empty()) ++at_;
  }
  std::unexpected<Error> wrong(std::string what) const {
    Where where;
    where.file = "cloud-config";
    where.line = at_end() ? static_cast<int>(lines_.size()) : lines_[at_].number;
    return fail(Code::syntax, std::move(what), where);
  }

  /// The collection whose entries start at column `indent`.
  Result<Yaml> block(size_t indent, int depth) {
    if (depth > deepest) return wrong("nested too deeply");
    if (lines_[at_].text == "-" || lines_[at_].text.starts_with("- "))
      return sequence(indent, depth);
    if (key_length(lines_[at_].text) != std::string_view::npos) return mapping(indent, depth);
    std::string_view text = lines_[at_].text;
    ++at_;
    return scalar(text, indent);
  }

  Result<Yaml> sequence(size_t indent, int depth) {
    Yaml out{Yaml::Kind::list, {}, {}, {}};
    for (skip_blank(); !at_end() && lines_[at_].indent == indent; skip_blank()) {
      std::string_view text = lines_[at_].text;
      if (text != "-" && !text.starts_with("- ")) break;
      if (text == "-") {
        ++at_;
        out.list.push_back(TRY(nested(indent, depth)));
        continue;
      }
      // "- key: value" opens a mapping at the column of the key: the dash is read as indentation.
      size_t skip = text.find_first_not_of(' ', 1);
      std::string_view rest = text.substr(skip);
      if (rest.starts_with("- ") || key_length(rest) != std::string_view::npos) {
        lines_[at_].indent = indent + skip;
        lines_[at_].text = rest;
        out.list.push_back(TRY(block(indent + skip, depth + 1)));
      } else {
        ++at_;
        out.list.push_back(TRY(scalar(rest, indent)));
      }
    }
    return out;
  }

  Result<Yaml> mapping(size_t indent, int depth) {
    Yaml out{Yaml::Kind::map, {}, {}, {}};
    for (skip_blank(); !at_end() && lines_[at_].indent == indent; skip_blank()) {
      std::string_view text = lines_[at_].text;
      size_t length = key_length(text);
      if (length == std::string_view::npos) break;
      std::string key = TRY(plain(text.substr(0, length)));
      std::string_view rest = trim(text.substr(length + 1));
      ++at_;
      Yaml value;
      if (!rest.empty())
        value = TRY(scalar(rest, indent));
      else
        value = TRY(nested(indent, depth, true));
      out.map.push_back({std::move(key), std::move(value)});
    }
    return out;
  }

  /// What stands below an empty "key:" or "-". A list may stand at its key's own column.
  Result<Yaml> nested(size_t indent, int depth, bool of_key = false) {
    skip_blank();
    if (at_end()) return Yaml{};
    bool list_at_key = of_key && lines_[at_].indent == indent &&
                       (lines_[at_].text == "-" || lines_[at_].text.starts_with("- "));
    if (lines_[at_].indent <= indent && !list_at_key) return Yaml{};
    return block(lines_[at_].indent, depth + 1);
  }

  /// The length of the key when the text is "key:" or "key: ...".
  static size_t key_length(std::string_view text) {
    if (text.empty() || text[0] == '[' || text[0] == '{') return std::string_view::npos;
    size_t from = 0;
    if (text[0] == '"' || text[0] == '\'') {
      from = text.find(text[0], 1);
      if (from == std::string_view::npos) return from;
    }
    for (size_t i = from; i < text.size(); ++i) {
      if (text[i] == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return i;
    }
    return std::string_view::npos;
  }

  Result<Yaml> scalar(std::string_view text, size_t indent) {
    if (text[0] == '|' || text[0] == '>') return block_scalar(text, indent);
    if (text[0] == '[' || text[0] == '{') {
      std::string joined(text);
      FlowScan scan;
      scan.read(joined);
      // A flow collection may go on over lines; they are joined up to the closing bracket.
      for (; !scan.complete(); ++at_) {
        if (at_end()) return wrong("a bracket is not closed");
        scan.read(lines_[at_].text);
        joined += " ";
        joined += lines_[at_].text;
      }
      std::string_view left = joined;
      Yaml value = TRY(flow(left, 0));
      if (!trim(left).empty()) return wrong("text after the closing bracket");
      return value;
    }
    Yaml out{Yaml::Kind::text, {}, {}, {}};
    std::string joined(text);
    bool quoted = text[0] == '"' || text[0] == '\'';
    // Plain scalars go on in deeper lines, folded into one.
    while (!quoted && !at_end() && !lines_[at_].text.empty() && lines_[at_].indent > indent) {
      joined += " ";
      joined += lines_[at_].text;
      ++at_;
    }
    out.text = TRY(plain(joined));
    if (!quoted && (out.text == "~" || out.text == "null")) return Yaml{};
    return out;
  }

  /// Counts the brackets outside quotes, line by line: a collection over many lines is read once.
  class FlowScan {
   public:
    void read(std::string_view text) {
      for (char c : text) {
        if (escaped_)
          escaped_ = false;
        else if (quote_ != 0) {
          escaped_ = quote_ == '"' && c == '\\';
          if (c == quote_) quote_ = 0;
        } else if (c == '"' || c == '\'')
          quote_ = c;
        else if (c == '[' || c == '{')
          ++open_;
        else if (c == ']' || c == '}')
          --open_;
      }
      escaped_ = false;  // an escaped line break
    }
    bool complete() const { return open_ <= 0; }

   private:
    int open_ = 0;
    char quote_ = 0;
    bool escaped_ = false;
  };

  Result<Yaml> flow(std::string_view& text, int depth) {
    if (depth > deepest) return wrong("nested too deeply");
    text = trim(text);
    bool map = text[0] == '{';
    char closing = map ? '}' : ']';
    Yaml out{map ? Yaml::Kind::map : Yaml::Kind::list, {}, {}, {}};
    text.remove_prefix(1);
    for (;;) {
      text = trim(text);
      if (text.empty()) return wrong("a bracket is not closed");
      if (text[0] == closing) {
        text.remove_prefix(1);
        return out;
      }
      if (text[0] == ',') {
        text.remove_prefix(1);
        continue;
      }
      if (text[0] == ']' || text[0] == '}') return wrong("a bracket is closed by another kind");
      std::string key;
      if (map) {
        key = TRY(plain(trim(flow_word(text, ":"))));
        text = trim(text);
        if (!text.starts_with(":")) return wrong("a ':' is missing in braces");
        text = trim(text.substr(1));
        if (text.empty()) return wrong("a bracket is not closed");
      }
      Yaml value{Yaml::Kind::text, {}, {}, {}};
      if (text[0] == '[' || text[0] == '{')
        value = TRY(flow(text, depth + 1));
      else
        value.text = TRY(plain(trim(flow_word(text, ",]}"))));
      if (map)
        out.map.push_back({std::move(key), std::move(value)});
      else
        out.list.push_back(std::move(value));
    }
  }

  static std::string_view flow_word(std::string_view& text, std::string_view stops) {
    size_t at = 0;
    if (text[0] == '"' || text[0] == '\'') {
      char quote = text[0];
      for (at = 1; at < text.size() && text[at] != quote; ++at) {
        if (quote == '"' && text[at] == '\\') ++at;
      }
      at = std::min(at + 1, text.size());
    }
    while (at < text.size() && stops.find(text[at]) == std::string_view::npos) ++at;
    std::string_view word = text.substr(0, at);
    text.remove_prefix(at);
    return word;
  }

  Result<std::string> plain(std::string_view text) {
    if (text.empty() || (text[0] != '"' && text[0] != '\'')) return std::string(text);
    char quote = text[0];
    std::string out;
    for (size_t i = 1; i < text.size(); ++i) {
      if (text[i] == quote) {
        // '' stands for one quote.
        if (quote == '"' || i + 1 == text.size() || text[i + 1] != '\'') return out;
        ++i;
      }
      if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
        char c = text[++i];
        if (c == 'n')
          out += '\n';
        else if (c == 't')
          out += '\t';
        else if (c == 'r')
          out += '\r';
        else if (c == '0')
          out += '\0';
        else if (c == 'x' && i + 2 < text.size()) {
          auto byte = unhex(text.substr(i + 1, 2));
          if (!byte) return wrong("a bad \\x escape");
          out += *byte;
          i += 2;
        } else
          out += c;
        continue;
      }
      out += text[i];
    }
    return wrong("a quote is not closed");
  }

  Result<Yaml> block_scalar(std::string_view head, size_t indent) {
    bool folded = head[0] == '>';
    char chomp = 0;
    size_t body = 0;
    for (char c : head.substr(1)) {
      if (c == '-' || c == '+')
        chomp = c;
      else if (c >= '1' && c <= '9')
        body = indent + static_cast<size_t>(c - '0');
      else
        return wrong("a block scalar is '|' or '>', with '-', '+' or a digit");
    }
    std::vector<std::string_view> lines;
    for (; !at_end(); ++at_) {
      const Line& line = lines_[at_];
      bool blank = trim(line.raw).empty();
      if (!blank && body == 0 && line.indent > indent) body = line.indent;
      if (!blank && (body == 0 || line.indent < body)) break;
      lines.push_back(blank && line.raw.size() < body
                          ? std::string_view()
                          : line.raw.substr(std::min(body, line.raw.size())));
    }
    size_t kept = lines.size();
    while (kept > 0 && trim(lines[kept - 1]).empty()) --kept;
    Yaml out{Yaml::Kind::text, {}, {}, {}};
    for (size_t i = 0; i < kept; ++i) {
      out.text += lines[i];
      if (i + 1 == kept) break;
      bool joins = folded && !lines[i].empty() && !lines[i + 1].empty() && lines[i][0] != ' ' &&
                   lines[i + 1][0] != ' ';
      out.text += joins ? ' ' : '\n';
    }
    if (chomp != '-' && kept > 0) out.text += '\n';
    if (chomp == '+') out.text.append(lines.size() - kept, '\n');
    return out;
  }

  std::vector<Line> lines_;
  size_t at_ = 0;
};

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : map) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string Yaml::text_of(std::string_view key) const {
  const Yaml* value = find(key);
  return value != nullptr ? value->text : std::string();
}

Result<Yaml> parse_yaml(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace croft::sandbox
