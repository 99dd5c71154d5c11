// A description as boxes and arrows: containment, links, dependsOn, sfProcessHost; and its three
// outputs. Pure. Limit: `boxes_max` boxes in an SVG.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "lang/lang.h"

namespace croft::cli {

constexpr size_t no_box = SIZE_MAX;
constexpr size_t boxes_max = 20'000;

struct Box {
  std::string path;  ///< "sfConfig:web"
  std::string name;
  std::string type;  ///< the nearest template
  size_t parent = no_box;
  std::vector<size_t> children;
};

/// link: LAZY, followed at run time; value: eager, made when the description was resolved.
enum class Arrow { link, value, order, host };

/// Do the names of the attributes stand at the arrow?
constexpr bool is_named(Arrow kind) {
  return kind == Arrow::link || kind == Arrow::value;
}

struct Edge {
  size_t from = 0;
  size_t to = 0;
  Arrow kind = Arrow::link;
  std::vector<std::string> attributes;  ///< of `from`, that lead to `to`
  bool inward = false;                  ///< between a component and one that it stands in
};

struct Drawing {
  std::vector<Box> boxes;  ///< the first is the application; parents before children
  std::vector<Edge> edges;
};

/// `uses`: the eager references, whose values alone are left in `config`.
Drawing drawing_of(const model::Component& config, const std::string& name,
                   const std::vector<lang::Use>& uses);

std::string dot_of(const Drawing& drawing);
std::string mermaid_of(const Drawing& drawing);
/// Code::resource_exhausted above boxes_max.
Result<std::string> svg_of(const Drawing& drawing);

}  // namespace croft::cli
