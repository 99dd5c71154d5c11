// XML as EC2 and S3 speak it: a bounded reader (pugixml behind a handle) and a fast writer. Pure.
// Reader: UTF-8 only, no DTD, no unknown entity, depth and size limits. Names compare without
// prefix.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace pugi {
struct xml_node_struct;
class xml_document;
}  // namespace pugi

namespace croft::wire::xml {

struct Limits {
  Bytes size = Bytes::mib(8);
  int depth = 32;
  /// A page of somebody's: it may have a document type, which is passed over; entities that XML
  /// itself does not have stay as they are written.
  bool page = false;
};

/// A light handle into a Document, which must outlive it. An absent element is false, and
/// everything asked of it is empty: doc.root().child("a").child("b").text().
class Element {
 public:
  Element() = default;
  explicit operator bool() const { return node_ != nullptr; }
  std::string_view name() const;  ///< without prefix
  /// All text directly inside, CDATA too; not trimmed.
  std::string text() const;
  Element child(std::string_view name) const;  ///< the first of that name
  std::vector<Element> children() const;
  std::vector<Element> children(std::string_view name) const;
  std::optional<std::string> attribute(
      std::string_view name) const;     ///< by the name without prefix
  std::string_view name_space() const;  ///< the xmlns in force without prefix; empty for none

  /// child(name).text(), or nullopt when there is no such child.
  std::optional<std::string> text_of(std::string_view name) const;
  /// The same; Code::not_found "CompleteMultipartUpload.Part: 'ETag' is missing".
  Result<std::string> required(std::string_view name) const;

 private:
  friend class Document;
  explicit Element(pugi::xml_node_struct* node) : node_(node) {}
  pugi::xml_node_struct* node_ = nullptr;
};

class Document {
 public:
  /// Code::syntax with line and column; Code::resource_exhausted above the limits.
  static Result<Document> parse(std::string_view text, std::string_view what = "XML",
                                Limits limits = {});
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();
  Element root() const;
  /// What an XPath 1.0 expression selects, as texts; of a number, string or boolean its one text
  /// (a false boolean selects nothing). Code::syntax for an expression that is none.
  Result<std::vector<std::string>> select(const std::string& xpath) const;

 private:
  Document();
  std::unique_ptr<pugi::xml_document> document_;
};

/// `text` for content or an attribute value. What XML 1.0 cannot carry goes out as S3 does it
/// (&#x1;); bytes that are not UTF-8 become U+FFFD.
void escape_into(std::string& out, std::string_view text);

/// Builds one document without white space between elements.
///   Writer w; w.open("ListBucketResult", {{"xmlns", ns}}); w.element("Name", bucket); w.close();
///   std::string body = w.take();
class Writer {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  explicit Writer(bool declaration = true);

  Writer& open(std::string_view name, Attributes attributes = {});
  /// The innermost open element.
  Writer& close();
  Writer& element(std::string_view name, std::string_view text);
  Writer& element(std::string_view name, const char* text) {
    return element(name, std::string_view(text));
  }
  Writer& element(std::string_view name, const std::string& text) {
    return element(name, std::string_view(text));
  }
  Writer& element(std::string_view name, bool value) {
    return element(name, std::string_view(value ? "true" : "false"));
  }
  template <class Int>
    requires std::is_integral_v<Int>
  Writer& element(std::string_view name, Int value) {
    return element(name, std::string_view(std::to_string(value)));
  }
  /// <name/>
  Writer& empty(std::string_view name);
  /// When there is a value.
  Writer& element_if(std::string_view name, const std::optional<std::string>& text) {
    return text ? element(name, std::string_view(*text)) : *this;
  }
  Writer& text(std::string_view text);
  /// Already XML.
  Writer& raw(std::string_view xml);
  size_t depth() const { return open_.size(); }
  /// Closes what is still open.
  std::string take();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace croft::wire::xml
