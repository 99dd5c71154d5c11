#include "engine/redact.h"

#include <set>

namespace croft::engine {
namespace {

constexpr int depth_limit = 300;
constexpr size_t shortest = 4;  // masking "a" everywhere would hide nothing and spoil every message

void collect(const model::Component& component, int depth, std::set<std::string>& into,
             std::set<const model::Component*>& seen) {
  if (depth > depth_limit || !seen.insert(&component).second) return;
  for (const auto& attribute : component.attributes()) {
    if (auto child = attribute.value.as_component()) collect(*child, depth + 1, into, seen);
    if (!attribute.secret) continue;
    if (auto* text = attribute.value.get<std::string>(); text && text->size() >= shortest)
      into.insert(*text);
  }
}

void mask(std::string& text, const std::set<std::string>& secrets) {
  for (const std::string& secret : secrets)
    for (size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + secret.size()))
      text.replace(at, secret.size(), std::string(secret.size(), '*'));
}

void mask(Error& error, const std::set<std::string>& secrets) {
  mask(error.what, secrets);
  mask(error.where.source, secrets);
  for (auto& frame : error.trace) {
    mask(frame.what, secrets);
    mask(frame.where.source, secrets);
  }
  for (auto& hint : error.hints) mask(hint, secrets);
  for (auto& [name, value] : error.facts) mask(value, secrets);
  for (auto& other : error.others) mask(other, secrets);
}

}  // namespace

void redact(Error& error, const model::Component& root) {
  std::set<std::string> secrets;
  std::set<const model::Component*> seen;
  collect(root, 0, secrets, seen);
  if (!secrets.empty()) mask(error, secrets);
}

}  // namespace croft::engine
