#include "cli/values.h"

#include <yaml.h>

#include <charconv>
#include <set>

#include "base/text.h"
#include "model/text.h"

namespace croft::cli {
namespace {

constexpr std::string_view text_tag = "tag:yaml.org,2002:str";
constexpr size_t deepest = 100;
constexpr size_t most_settings = 100'000;

bool only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return only(text, "0123456789");
}

/// The number that JSON would read, as the language writes it.
std::optional<std::string> decimal(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9' || !only(digits, "0123456789.eE+-"))
    return std::nullopt;
  double value = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  std::string out;
  model::write_number(value, out);
  return out;
}

/// A plain scalar as the language writes it; nullopt when it is text.
std::optional<std::string> literal(std::string_view text) {
  if (text.empty() || text == "null" || text == "~" || text == "NULL") return "NULL";
  if (text == "true" || text == "false") return std::string(text);
  if (whole_number(text)) {
    auto number = parse_i64(text);
    if (!number) return std::nullopt;
    bool wide = *number > INT32_MAX || *number < INT32_MIN;
    return std::to_string(*number) + (wide ? "L" : "");
  }
  return decimal(text);
}

std::string quoted(std::string_view text) {
  std::string out;
  model::write_string(text, out);
  return out;
}

/// Owns libyaml's parser and the event at hand.
class Events {
 public:
  explicit Events(std::shared_ptr<const model::SourceText> source) : source_(std::move(source)) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    const auto& text = source_->text();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Events() {
    if (have_) yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  Result<yaml_event_type_t> next() {
    if (have_) yaml_event_delete(&event_);
    have_ = yaml_parser_parse(&parser_, &event_) != 0;
    if (have_) return event_.type;
    std::string what = parser_.problem ? parser_.problem : "it cannot be read";
    return fail(Code::syntax, what, Where(place(parser_.problem_mark, 1)));
  }

  std::string_view text() const {
    return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
  }
  bool plain() const { return event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }
  /// The tag before the event at hand, such as !!str; empty when there is none.
  std::string_view tag() const {
    const yaml_char_t* tag = nullptr;
    if (event_.type == YAML_SCALAR_EVENT) tag = event_.data.scalar.tag;
    if (event_.type == YAML_SEQUENCE_START_EVENT) tag = event_.data.sequence_start.tag;
    if (event_.type == YAML_MAPPING_START_EVENT) tag = event_.data.mapping_start.tag;
    return tag ? std::string_view(reinterpret_cast<const char*>(tag)) : std::string_view();
  }
  bool anchored() const {
    if (event_.type == YAML_SCALAR_EVENT) return event_.data.scalar.anchor != nullptr;
    if (event_.type == YAML_SEQUENCE_START_EVENT)
      return event_.data.sequence_start.anchor != nullptr;
    if (event_.type == YAML_MAPPING_START_EVENT) return event_.data.mapping_start.anchor != nullptr;
    return event_.type == YAML_ALIAS_EVENT;
  }
  model::Place here() const {
    uint32_t length = 1;
    if (event_.start_mark.line == event_.end_mark.line)
      length = static_cast<uint32_t>(event_.end_mark.column - event_.start_mark.column);
    return place(event_.start_mark, length);
  }
  Error error(std::string what) const { return {Code::syntax, std::move(what), Where(here())}; }

 private:
  model::Place place(const yaml_mark_t& mark, uint32_t length) const {
    auto line = static_cast<uint32_t>(mark.line + 1);
    if (line > source_->lines()) return {source_, 0, 0};
    // libyaml counts characters, a place counts bytes.
    std::string_view text = source_->line(line);
    size_t at = 0;
    for (size_t column = 0; column < mark.column && at < text.size(); ++column) do
        ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    return {source_, source_->start_of(line) + static_cast<uint32_t>(at), length};
  }

  std::shared_ptr<const model::SourceText> source_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  bool have_ = false;
};

class Reader {
 public:
  explicit Reader(std::shared_ptr<const model::SourceText> source) : events_(std::move(source)) {}

  Result<std::vector<lang::Setting>> all() {
    TRY(events_.next());  // the stream
    if (TRY(events_.next()) == YAML_STREAM_END_EVENT) return std::move(out_);
    auto first = TRY(events_.next());
    bool nothing =
        first == YAML_SCALAR_EVENT && events_.plain() && literal(events_.text()) == "NULL";
    if (!nothing) {
      if (first != YAML_MAPPING_START_EVENT)
        return fail(events_.error("a file of values holds names and values"));
      TRY(mapping({}, 1));
    }
    TRY(events_.next());
    if (TRY(events_.next()) != YAML_STREAM_END_EVENT)
      return fail(events_.error("a file of values holds one document"));
    return std::move(out_);
  }

 private:
  Result<> acceptable(size_t depth) {
    if (events_.anchored())
      return fail(events_.error("anchors and aliases have no meaning in a file of values"));
    if (!events_.tag().empty() && events_.tag() != text_tag)
      return fail(events_.error("tags but !!str have no meaning in a file of values"));
    if (depth > deepest)
      return fail(events_.error(fmt::format("nested deeper than {} levels", deepest)));
    return {};
  }

  /// A name once more is a slip in JSON and YAML alike: nobody can tell which value was meant.
  Result<> once(std::set<std::string>& names) {
    if (names.emplace(events_.text()).second) return {};
    return fail(
        events_.error(fmt::format("'{}' stands twice in this mapping", printable(events_.text()))));
  }

  Result<> mapping(const std::vector<std::string>& above, size_t depth) {
    std::set<std::string> names;
    while (true) {
      auto type = TRY(events_.next());
      if (type == YAML_MAPPING_END_EVENT) return {};
      TRY(acceptable(depth));
      if (type != YAML_SCALAR_EVENT) return fail(events_.error("a name is expected here"));
      TRY(once(names));
      auto path = above;
      for (auto& name : split(events_.text(), ':')) path.emplace_back(trim(name));
      model::Place where = events_.here();
      type = TRY(events_.next());
      TRY(acceptable(depth));
      if (type == YAML_MAPPING_START_EVENT) {
        TRY(mapping(path, depth + 1));
        continue;
      }
      if (out_.size() >= most_settings)
        return fail(events_.error(fmt::format("more than {} values", most_settings)));
      out_.push_back({std::move(path), TRY(value(type, depth)), std::move(where)});
    }
  }

  /// The value that the event at hand begins, as the language writes it.
  Result<std::string> value(yaml_event_type_t type, size_t depth) {
    TRY(acceptable(depth));
    if (type == YAML_SCALAR_EVENT) {
      if (!events_.plain() || events_.tag() == text_tag) return quoted(events_.text());
      if (whole_number(events_.text()) && !parse_i64(events_.text()))
        return fail(
            events_.error(fmt::format("{} does not fit into 64 bits", printable(events_.text()))));
      return literal(events_.text()).value_or(quoted(events_.text()));
    }
    bool list = type == YAML_SEQUENCE_START_EVENT;
    if (!list && type != YAML_MAPPING_START_EVENT)
      return fail(events_.error("a value is expected"));
    std::string out = list ? "[" : "(extends DATA {";
    std::set<std::string> names;
    for (bool first = true;; first = false) {
      type = TRY(events_.next());
      if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT) break;
      if (list && !first) out += ", ";
      if (!list) {
        TRY(acceptable(depth));
        if (type != YAML_SCALAR_EVENT || events_.text().empty())
          return fail(events_.error("a name is expected here"));
        TRY(once(names));
        out += quoted(events_.text()) + " ";
        type = TRY(events_.next());
      }
      out += TRY(value(type, depth + 1));
      if (!list) out += "; ";
    }
    return out + (list ? "]" : "})");
  }

  Events events_;
  std::vector<lang::Setting> out_;
};

}  // namespace

Result<lang::Setting> setting_from_argument(const std::string& argument) {
  auto parts = cut(argument, '=');
  if (!parts || trim(parts->first).empty())
    return fail(Error(Code::invalid_argument,
                      fmt::format("--set takes PATH=VALUE, not '{}'", printable(argument)))
                    .hint("for example --set sfConfig:web:port=8080"));
  lang::Setting out;
  for (auto& name : split(parts->first, ':')) out.path.emplace_back(trim(name));
  std::string text(trim(parts->second));
  bool language = text.starts_with('"') || text.starts_with('[') || text.starts_with('(') ||
                  text.starts_with('#') || text.starts_with("extends ") ||
                  text.starts_with("extends{") || text.starts_with("LAZY ");
  out.text = language ? text : literal(text).value_or(quoted(parts->second));
  auto source = std::make_shared<const model::SourceText>("--set", argument);
  out.where = {source, 0, static_cast<uint32_t>(parts->first.size())};
  return out;
}

Result<std::vector<lang::Setting>> settings_from_text(const std::string& name, std::string text) {
  constexpr size_t most_bytes = 16 << 20;
  if (text.size() > most_bytes)
    return fail(Code::resource_exhausted,
                fmt::format("{} has {} bytes; {} are allowed", name, text.size(), most_bytes));
  return Reader(std::make_shared<const model::SourceText>(name, std::move(text))).all();
}

}  // namespace croft::cli
