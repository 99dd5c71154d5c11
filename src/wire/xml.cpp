#include "wire/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>

#include "base/text.h"
#include "wire/source_text.h"

namespace croft::wire::xml {
namespace {

std::string_view local_name(std::string_view name) {
  size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// "lt", "#38", "#x26": what stands between '&' and ';'.
bool known_entity(std::string_view name) {
  if (name == "lt" || name == "gt" || name == "amp" || name == "quot" || name == "apos")
    return true;
  if (name.size() < 2 || name[0] != '#') return false;
  bool is_hex = name[1] == 'x';
  std::string_view digits = name.substr(is_hex ? 2 : 1);
  if (digits.empty() || digits.size() > 7) return false;
  uint32_t point = 0;
  for (char c : digits) {
    uint32_t digit = c >= '0' && c <= '9'             ? static_cast<uint32_t>(c - '0')
                     : is_hex && c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : is_hex && c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                      : 99;
    if (digit == 99) return false;
    point = point * (is_hex ? 16 : 10) + digit;
  }
  return point > 0 && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

/// What pugixml would let pass: DTDs, unknown entities, two roots, text beside the root, bottomless
/// nesting (whose tree it would build first).
class Scan {
 public:
  Scan(std::string_view text, const Limits& limits)
      : text_(text), depth_limit_(limits.depth), page_(limits.page) {}
  size_t position() const { return at_; }

  Result<> run() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '<') {
        TRY(markup());
      } else if (depth_ == 0 && !is_blank(c)) {
        return fail(Code::syntax, "text outside the root element");
      } else if (c == '&') {
        TRY(entity());
      } else {
        ++at_;
      }
    }
    return {};
  }

 private:
  Result<> skip_past(std::string_view end) {
    size_t found = text_.find(end, at_);
    if (found == std::string_view::npos)
      return fail(Code::syntax, fmt::format("'{}' is missing", end));
    at_ = found + end.size();
    return {};
  }
  Result<> markup() {
    std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return at_ += 4, skip_past("-->");
    if (rest.starts_with("<![CDATA[")) {
      if (depth_ == 0) return fail(Code::syntax, "text outside the root element");
      return skip_past("]]>");
    }
    if (page_ && depth_ == 0 && !rooted_ && rest.starts_with("<!DOCTYPE")) return document_type();
    if (rest.starts_with("<!"))
      return fail(Code::syntax, "document type declarations are not accepted");
    if (rest.starts_with("<?")) return at_ += 2, skip_past("?>");
    return tag(rest.starts_with("</"));
  }
  /// Its declarations are no concern: nothing is ever expanded.
  Result<> document_type() {
    size_t start = at_;
    bool inside = false;
    for (char quote = 0; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (quote) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '[' || c == ']') {
        inside = c == '[';
      } else if (c == '>' && !inside) {
        ++at_;
        return {};
      }
    }
    return at_ = start, fail(Code::syntax, "this document type has no end");
  }
  Result<> tag(bool closing) {
    size_t start = at_;
    char quote = 0;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '&') {
        TRY(entity());
        --at_;
      } else if (quote) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '<' && at_ > start) {
        return fail(Code::syntax, "'<' inside a tag");
      } else if (c == '>') {
        break;
      }
    }
    if (at_ == text_.size()) return at_ = start, fail(Code::syntax, "this tag has no end");
    bool empty = !closing && text_[at_ - 1] == '/';
    ++at_;
    if (closing) {
      if (--depth_ < 0) return at_ = start, fail(Code::syntax, "an end tag without its start");
      return {};
    }
    if (depth_ == 0 && std::exchange(rooted_, true))
      return at_ = start, fail(Code::syntax, "a second root element");
    if (depth_ == depth_limit_)
      return at_ = start,
             fail(Code::resource_exhausted, fmt::format("nested deeper than {}", depth_limit_));
    if (!empty) ++depth_;
    return {};
  }
  Result<> entity() {
    constexpr size_t longest = 12;
    std::string_view rest = text_.substr(at_ + 1, longest);
    size_t end = rest.find(';');
    bool known = end != std::string_view::npos && known_entity(rest.substr(0, end));
    if (!known && page_) return ++at_, Result<>{};
    if (!known) return fail(Code::syntax, "an unknown entity or a bare '&'");
    at_ += end + 2;
    return {};
  }

  std::string_view text_;
  int depth_limit_;
  bool page_;
  size_t at_ = 0;
  int depth_ = 0;
  bool rooted_ = false;
};

Result<> check_bytes(std::string_view text, std::string_view what) {
  if (!valid_utf8(text)) return fail(Code::syntax, fmt::format("{} is not UTF-8", what));
  for (size_t i = 0; i < text.size(); ++i)
    if (static_cast<unsigned char>(text[i]) < 0x20 && !is_blank(text[i]))
      return fail(Code::syntax, "a control character", place_in(text, i, what));
  return {};
}

std::string path_of(pugi::xml_node node) {
  std::string out;
  for (; node && node.type() == pugi::node_element; node = node.parent())
    out = std::string(local_name(node.name())) + (out.empty() ? "" : ".") + out;
  return out;
}

pugi::xml_node wrap(pugi::xml_node_struct* node) {
  return pugi::xml_node(node);
}

}  // namespace

Document::Document() : document_(std::make_unique<pugi::xml_document>()) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::parse(std::string_view text, std::string_view what, Limits limits) {
  if (text.size() > static_cast<size_t>(limits.size.count()))
    return fail(Code::resource_exhausted, fmt::format("{} of {} bytes is more than the limit of {}",
                                                      what, text.size(), limits.size.text()));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  TRY(check_bytes(text, what));
  Scan scan(text, limits);
  if (auto scanned = scan.run(); !scanned)
    return fail(std::move(scanned.error()).at(place_in(text, scan.position(), what)));
  Document out;
  auto parsed = out.document_->load_buffer(text.data(), text.size(),
                                           pugi::parse_default | pugi::parse_ws_pcdata_single,
                                           pugi::encoding_utf8);
  if (!parsed)
    return fail(Code::syntax, fmt::format("not XML: {}", to_lower(parsed.description())),
                place_in(text, static_cast<size_t>(std::max<ptrdiff_t>(parsed.offset, 0)), what));
  if (!out.root()) return fail(Code::syntax, fmt::format("{} has no root element", what));
  return out;
}

Element Document::root() const {
  return Element(document_->document_element().internal_object());
}

Result<std::vector<std::string>> Document::select(const std::string& xpath) const {
  std::vector<std::string> out;
  try {
    pugi::xpath_query query(xpath.c_str());
    switch (query.return_type()) {
      case pugi::xpath_type_node_set:
        for (const pugi::xpath_node& found : query.evaluate_node_set(*document_))
          out.emplace_back(found.attribute() ? found.attribute().value()
                                             : found.node().text().get());
        break;
      case pugi::xpath_type_boolean:
        if (query.evaluate_boolean(*document_)) out.emplace_back("true");
        break;
      case pugi::xpath_type_number:
      case pugi::xpath_type_string:
        out.push_back(query.evaluate_string(*document_));
        break;
      case pugi::xpath_type_none:
        break;
    }
  } catch (const pugi::xpath_exception& problem) {
    return fail(Code::syntax,
                fmt::format("\"{}\" is no XPath expression: {}", xpath, to_lower(problem.what())));
  }
  return out;
}

std::string_view Element::name() const {
  return node_ ? local_name(wrap(node_).name()) : std::string_view{};
}

std::string Element::text() const {
  std::string out;
  if (!node_) return out;
  for (pugi::xml_node child : wrap(node_).children())
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) out += child.value();
  return out;
}

Element Element::child(std::string_view name) const {
  if (!node_) return {};
  for (pugi::xml_node child : wrap(node_).children())
    if (child.type() == pugi::node_element && local_name(child.name()) == name)
      return Element(child.internal_object());
  return {};
}

std::vector<Element> Element::children() const {
  std::vector<Element> out;
  if (!node_) return out;
  for (pugi::xml_node child : wrap(node_).children())
    if (child.type() == pugi::node_element) out.push_back(Element(child.internal_object()));
  return out;
}

std::vector<Element> Element::children(std::string_view name) const {
  std::vector<Element> out = children();
  std::erase_if(out, [&](const Element& element) { return element.name() != name; });
  return out;
}

std::optional<std::string> Element::attribute(std::string_view name) const {
  if (!node_) return std::nullopt;
  for (pugi::xml_attribute attribute : wrap(node_).attributes())
    if (local_name(attribute.name()) == name) return attribute.value();
  return std::nullopt;
}

std::string_view Element::name_space() const {
  if (!node_) return {};
  std::string_view own = wrap(node_).name();
  size_t colon = own.find(':');
  std::string wanted =
      colon == std::string_view::npos ? "xmlns" : fmt::format("xmlns:{}", own.substr(0, colon));
  for (pugi::xml_node at = wrap(node_); at; at = at.parent())
    if (pugi::xml_attribute found = at.attribute(wanted.c_str())) return found.value();
  return {};
}

std::optional<std::string> Element::text_of(std::string_view name) const {
  Element found = child(name);
  return found ? std::optional(found.text()) : std::nullopt;
}

Result<std::string> Element::required(std::string_view name) const {
  if (Element found = child(name)) return found.text();
  return fail(Code::not_found, fmt::format("<{}> is missing", name),
              Where{.path = node_ ? path_of(wrap(node_)) : std::string()});
}

void escape_into(std::string& out, std::string_view text) {
  bool ascii = true;
  for (char c : text) ascii = ascii && static_cast<signed char>(c) >= 0;
  std::string repaired;
  if (!ascii && !valid_utf8(text)) {
    repaired = repair_utf8(text);
    text = repaired;
  }
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    const char* escaped = nullptr;
    switch (c) {
      case '&':
        escaped = "&amp;";
        break;
      case '<':
        escaped = "&lt;";
        break;
      case '>':
        escaped = "&gt;";
        break;
      case '"':
        escaped = "&quot;";
        break;
      default:
        // A raw CR would be read back as LF.
        if (c >= 0x20 || c == '\n' || c == '\t') continue;
    }
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    if (escaped)
      out += escaped;
    else
      fmt::format_to(std::back_inserter(out), "&#x{:x};", c);
  }
  out.append(text.substr(plain));
}

Writer::Writer(bool declaration) {
  if (declaration) out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
}

Writer& Writer::open(std::string_view name, Attributes attributes) {
  out_.append("<").append(name);
  for (const auto& [key, value] : attributes) {
    out_.append(" ").append(key).append("=\"");
    escape_into(out_, value);
    out_ += '"';
  }
  out_ += '>';
  open_.emplace_back(name);
  return *this;
}

Writer& Writer::close() {
  CHECK(!open_.empty(), "xml::Writer::close() without an open element");
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
  return *this;
}

Writer& Writer::element(std::string_view name, std::string_view text) {
  if (text.empty()) return empty(name);
  out_.append("<").append(name).append(">");
  escape_into(out_, text);
  out_.append("</").append(name).append(">");
  return *this;
}

Writer& Writer::empty(std::string_view name) {
  out_.append("<").append(name).append("/>");
  return *this;
}

Writer& Writer::text(std::string_view text) {
  escape_into(out_, text);
  return *this;
}

Writer& Writer::raw(std::string_view xml) {
  out_ += xml;
  return *this;
}

std::string Writer::take() {
  while (!open_.empty()) close();
  return std::exchange(out_, {});
}

}  // namespace croft::wire::xml
