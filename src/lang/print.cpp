// Descriptions -> text in the language itself, so that what is printed can be read again.
#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "lang/lang.h"
#include "lang/placement_mark.h"
#include "model/text.h"

namespace croft::lang {
namespace {

/// Where the text goes: a string that is handed on whenever it has grown.
struct Sink {
  std::string text;
  Hasher* digest = nullptr;
  void hand_on() {
    constexpr size_t piece = 64 << 10;
    if (!digest || text.size() < piece) return;
    digest->update(text);
    text.clear();
  }
};

void write_value(const model::Value& value, int indent, Sink& sink);

/// Tags are a set; the reference prints it in the order of its hash table, and so do we.
std::vector<std::string> ordered_tags(const std::vector<std::string>& tags) {
  uint32_t buckets = 16;
  while (tags.size() > buckets * 3 / 4) buckets *= 2;
  auto bucket = [&](const std::string& tag) {
    uint32_t hash = 0;
    for (unsigned char c : tag) hash = hash * 31 + c;
    return (hash ^ (hash >> 16)) & (buckets - 1);
  };
  std::vector<std::string> out;
  for (uint32_t wanted = 0; wanted < buckets && out.size() < tags.size(); ++wanted)
    for (const auto& tag : tags)
      if (bucket(tag) == wanted) out.push_back(tag);
  return out;
}

void write_name(std::string_view name, std::string& out) {
  if (!name.starts_with(placement_mark)) return model::write_name(name, out);
  // A placement that has not been made yet is printed as it was written.
  for (name.remove_prefix(1); !name.empty();) {
    size_t end = name.find(placement_mark);
    model::write_name(name.substr(0, end), out);
    name = end == std::string_view::npos ? std::string_view() : name.substr(end + 1);
    if (!name.empty()) out += ':';
  }
}

void write_body(const model::Component& component, int indent, Sink& sink) {
  std::string& out = sink.text;
  for (const auto& attribute : component.attributes()) {
    out.append(static_cast<size_t>(indent), ' ');
    if (!attribute.tags.empty()) {
      out += "[ ";
      for (const auto& tag : ordered_tags(attribute.tags)) {
        model::write_name(tag, out);
        out += ' ';
      }
      out += "] ";
    }
    write_name(attribute.name, out);
    out += ' ';
    write_value(attribute.value, indent, sink);
    out += attribute.value.is(model::Value::Kind::component) ? "\n" : ";\n";
    sink.hand_on();
  }
}

void write_braces(const model::Component& component, int indent, Sink& sink) {
  std::string& out = sink.text;
  if (component.attributes().empty()) {
    out += "{}";
    return;
  }
  out += "{\n";
  write_body(component, indent + 2, sink);
  out.append(static_cast<size_t>(indent), ' ');
  out += '}';
}

void write_items(const model::Vector& items, int indent, Sink& sink) {
  std::string& out = sink.text;
  out += "[|";
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ", ";
    first = false;
    write_value(item, indent, sink);
  }
  out += "|]";
}

void write_value(const model::Value& value, int indent, Sink& sink) {
  std::string& out = sink.text;
  if (auto component = value.as_component()) {
    out += component->eager ? "extends " : "extends DATA ";
    write_braces(*component, indent, sink);
  } else if (const auto* call = value.get<model::Call>()) {
    if (call->lazy) out += "LAZY ";
    out += call->assertion ? "ASSERT " : "APPLY ";
    if (call->body)
      write_braces(*call->body, indent, sink);
    else
      out += "{}";
  } else if (const auto* items = value.get<model::Vector>()) {
    write_items(*items, indent, sink);
  } else {
    model::write_primitive(value, out);
  }
}

}  // namespace

std::string print(const model::Component& component) {
  Sink sink;
  write_body(component, 0, sink);
  return std::move(sink.text);
}

std::string print_value(const model::Value& value) {
  Sink sink;
  write_value(value, 0, sink);
  return std::move(sink.text);
}

std::string digest_of(const model::Component& component) {
  Hasher hasher(Hash::sha256);
  Sink sink{"", &hasher};
  write_body(component, 0, sink);
  hasher.update(sink.text);
  return hex(hasher.finish());
}

}  // namespace croft::lang
