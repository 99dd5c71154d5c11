#include "cli/graph/drawing.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "plan/links.h"

namespace croft::cli {
namespace {

class Collector {
 public:
  Drawing run(const model::Component& config, const std::string& name,
              const std::vector<lang::Use>& uses) {
    add(config, name, name, no_box);
    for (size_t i = 0; i < components_.size(); ++i) links(i);
    for (const auto& use : uses) {
      size_t from = box_at(use.component), to = box_at(use.from);
      if (from != no_box && to != no_box && from != to) edge(from, to, use.attribute, Arrow::value);
    }
    for (auto& [key, edge] : edges_) out_.edges.push_back(std::move(edge));
    std::sort(out_.edges.begin(), out_.edges.end(), [](const Edge& a, const Edge& b) {
      return std::tuple(a.from, a.to, a.kind) < std::tuple(b.from, b.to, b.kind);
    });
    return std::move(out_);
  }

 private:
  void add(const model::Component& component, const std::string& name, const std::string& path,
           size_t parent) {
    size_t index = out_.boxes.size();
    Box box{
        path, name, component.supertypes.empty() ? "" : component.supertypes.front(), parent, {}};
    out_.boxes.push_back(std::move(box));
    components_.push_back(&component);
    index_[&component] = index;
    by_path_[path] = index;
    if (parent != no_box) out_.boxes[parent].children.push_back(index);
    for (const auto& attribute : component.attributes()) {
      auto child = attribute.value.as_component();
      bool shared = child && index_.contains(child.get());
      if (child && child->eager && !shared)
        add(*child, attribute.name, path + ":" + attribute.name, index);
    }
  }

  /// The box that a component is drawn in: its own, or that of the one around it.
  size_t box_of(const model::Component* component) const {
    for (; component; component = component->parent())
      if (auto found = index_.find(component); found != index_.end()) return found->second;
    return no_box;
  }

  bool holds(size_t outer, size_t inner) const {
    for (; inner != no_box; inner = out_.boxes[inner].parent)
      if (inner == outer) return true;
    return false;
  }

  void links(size_t from) {
    for (const auto& link : plan::links_of(*components_[from])) {
      auto target = plan::locate(*link.home, *link.reference);
      size_t to = target ? box_of(target->component) : no_box;
      if (to == no_box || to == from) continue;
      // A link to an attribute that holds a component leads to that component.
      if (target->found)
        if (auto component = target->found->value.as_component())
          if (size_t inner = box_of(component.get()); inner != no_box) to = inner;
      if (to == from) continue;
      Arrow kind = link.attribute == "dependsOn"       ? Arrow::order
                   : link.attribute == "sfProcessHost" ? Arrow::host
                                                       : Arrow::link;
      edge(from, to, link.attribute, kind);
    }
  }

  void edge(size_t from, size_t to, const std::string& attribute, Arrow kind) {
    // dependsOn and sfProcessHost mean the same, however they are written.
    if (kind == Arrow::value && attribute == "dependsOn") kind = Arrow::order;
    if (kind == Arrow::value && attribute == "sfProcessHost") kind = Arrow::host;
    Edge& edge = edges_[{from, to, kind}];
    edge.from = from;
    edge.to = to;
    edge.kind = kind;
    edge.inward = holds(from, to) || holds(to, from);
    if (std::find(edge.attributes.begin(), edge.attributes.end(), attribute) ==
        edge.attributes.end())
      edge.attributes.push_back(attribute);
  }

  /// The box of that path, or of the nearest component around it.
  size_t box_at(std::string_view path) const {
    for (;;) {
      if (auto found = by_path_.find(std::string(path)); found != by_path_.end())
        return found->second;
      size_t cut = path.rfind(':');
      if (cut == std::string_view::npos) return no_box;
      path = path.substr(0, cut);
    }
  }

  Drawing out_;
  std::vector<const model::Component*> components_;
  std::map<const model::Component*, size_t> index_;
  std::unordered_map<std::string, size_t> by_path_;
  std::map<std::tuple<size_t, size_t, Arrow>, Edge> edges_;
};

}  // namespace

Drawing drawing_of(const model::Component& config, const std::string& name,
                   const std::vector<lang::Use>& uses) {
  return Collector().run(config, name, uses);
}

}  // namespace croft::cli
