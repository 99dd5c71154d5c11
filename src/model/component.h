// A component description: an ordered map of named attributes, with a parent. The resolved tree of
// one description is owned by its root; parents are weak. Thread-compatible, loop thread in
// practice.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "model/names.h"
#include "model/place.h"
#include "model/value.h"

namespace croft::model {

struct Attribute {
  std::string name;
  Value value;
  Names tags;           ///< "sfFinal", "sfTemp", ...
  Place where;          ///< where its value was written; converts to Where
  bool secret = false;  ///< a schema marked it: redacted everywhere but in `resolve`
};

class Component : public std::enable_shared_from_this<Component> {
 public:
  static ComponentPtr make() { return std::make_shared<Component>(); }

  /// Attributes in order. Order is part of the meaning.
  const std::vector<Attribute>& attributes() const { return attributes_; }
  /// Values, tags and marks may be changed through it; names and order only by set and remove.
  std::vector<Attribute>& attributes() { return attributes_; }

  const Attribute* find(std::string_view name) const;
  Attribute* find(std::string_view name);
  /// Replaces in place (the old position stays) or appends. Sets the parent of a component value
  /// that has none.
  Attribute& set(std::string name, Value value, Place where = {});
  /// Appends without looking for an attribute of that name: for makers who know there is none.
  Attribute& append(std::string name, Value value, Place where = {});
  bool remove(std::string_view name);

  /// Typed look-ups of own attributes; nullopt when absent or of another type.
  std::optional<std::string> string(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  const Vector* vector(std::string_view name) const;
  ComponentPtr component(std::string_view name) const;

  Component* parent() const { return parent_; }
  void set_parent(Component* parent) { parent_ = parent; }
  /// False for `extends DATA` / `extends LAZY`: data, not something to deploy.
  bool eager = true;
  /// The chain of template names it was built from, nearest first: "TransientS3Bucket", "S3Bucket".
  Names supertypes;
  Place where;

  /// "sfConfig:web:server": names from the root, joined by ':'.
  std::string path() const;
  /// The name under which the parent holds it; empty at the root.
  std::string name() const;

 private:
  size_t position(std::string_view name) const;
  void adopt(size_t position);

  std::vector<Attribute> attributes_;
  /// Built when there are many attributes: 10,000 siblings must not be searched one by one.
  mutable std::unique_ptr<std::unordered_map<std::string, uint32_t>> index_;
  Component* parent_ = nullptr;
  uint32_t position_ = 0;  // among the parent's attributes when it was adopted
};

/// A deep copy without a parent. Values that are shared with other places (what a reference led to)
/// stay shared; what was inside is inside the copy.
ComponentPtr copy_of(const Component& component);

/// A whole resolved description, ready to plan.
struct Description {
  ComponentPtr root;    ///< the file's top level after resolution (holds `farm`, if any)
  ComponentPtr config;  ///< what sfConfig names: the tree to deploy
  std::string file;
  /// The description's digest: SHA-256 of its canonical text.
  std::string digest;
};

/// Follows `link` at run time from `from`: WORD nearest upward, then inward (language
/// reference 1.9). Errors: Code::unresolved with the part that failed and the nearest name.
Result<Value> follow(const Component& from, const Reference& link);

}  // namespace croft::model
