#include "plan/difference.h"

#include "model/limits.h"

namespace croft::plan {
namespace {

using model::Component;

bool same(const model::Value& a, const model::Value& b, int depth);

bool same(const Component& a, const Component& b, int depth) {
  if (a.attributes().size() != b.attributes().size()) return false;
  for (const auto& attribute : a.attributes()) {
    const auto* other = b.find(attribute.name);
    if (!other || !same(attribute.value, other->value, depth + 1)) return false;
  }
  return true;
}

/// Of components inside vectors the content counts, not which object it is.
bool same(const model::Value& a, const model::Value& b, int depth) {
  if (depth > model::deployed_levels_max || a.kind() != b.kind()) return a == b;
  if (auto x = a.as_component()) return same(*x, *b.as_component(), depth);
  const auto *x = a.get<model::Vector>(), *y = b.get<model::Vector>();
  if (!x || !y) return a == b;
  if (x->size() != y->size()) return false;
  for (size_t i = 0; i < x->size(); ++i)
    if (!same((*x)[i], (*y)[i], depth + 1)) return false;
  return true;
}

class Walk {
 public:
  std::vector<Difference> found;

  void compare(const Component& before, const Component& after, const std::string& path,
               int depth) {
    if (depth > model::deployed_levels_max) return;
    for (const auto& attribute : after.attributes()) {
      const auto* old = before.find(attribute.name);
      auto child = attribute.value.as_component();
      auto old_child = old ? old->value.as_component() : nullptr;
      if (child && old_child)
        compare(*old_child, *child, path + ":" + attribute.name, depth + 1);
      else if (child && !old)
        whole(path + ":" + attribute.name, false);
      else if (!old || !same(old->value, attribute.value, depth))
        changed(path, old, &attribute);
    }
    for (const auto& old : before.attributes()) {
      if (after.find(old.name)) continue;
      if (old.value.as_component())
        whole(path + ":" + old.name, true);
      else
        changed(path, &old, nullptr);
    }
  }

  void whole(std::string path, bool went) {
    Difference line;
    line.path = std::move(path);
    (went ? line.before : line.after) = model::Value(true);
    found.push_back(std::move(line));
  }

 private:
  void changed(const std::string& path, const model::Attribute* before,
               const model::Attribute* after) {
    Difference line;
    line.path = path;
    line.attribute = after ? after->name : before->name;
    if (before) line.before = before->value;
    if (after) line.after = after->value;
    line.secret = (before && before->secret) || (after && after->secret);
    found.push_back(std::move(line));
  }
};

}  // namespace

std::vector<Difference> differences(const Component* before, const Component* after,
                                    std::string name) {
  Walk walk;
  if (before && after)
    walk.compare(*before, *after, name, 0);
  else if (before || after)
    walk.whole(std::move(name), before != nullptr);
  return std::move(walk.found);
}

}  // namespace croft::plan
