#include "cli/graph/layout.h"

#include <algorithm>
#include <map>

#include "cli/graph/container.h"
#include "terminal/terminal.h"

namespace croft::cli {
namespace {

constexpr double leaf_height = 46;
constexpr double leaf_least_width = 90;
constexpr double text_margin = 14;
constexpr double padding = 18;
constexpr double end_gap = 12;  // between the ends of arrows at one side of a box

class Layouter {
 public:
  explicit Layouter(const Drawing& drawing) : drawing_(drawing) {}

  Layout run() {
    size_t count = drawing_.boxes.size();
    out_.boxes.resize(count);
    crossings_.resize(count);
    ways_.resize(drawing_.edges.size());
    find_meetings();
    // Children come behind their parents, so the inside is known before the outside.
    for (size_t i = count; i-- > 0;) measure(i);
    Rect& top = out_.boxes[0];
    top.x = top.y = padding;
    out_.width = top.width + 2 * padding;
    out_.height = top.height + 2 * padding;
    for (size_t i = 1; i < count; ++i) {
      const Rect& parent = out_.boxes[drawing_.boxes[i].parent];
      out_.boxes[i].x += parent.x + padding;
      out_.boxes[i].y += parent.y + title_height;
    }
    for (size_t i = 0; i < drawing_.edges.size(); ++i)
      if (!drawing_.edges[i].inward) route(i);
    spread_ends();
    return std::move(out_);
  }

 private:
  /// An arrow in one container on its way.
  struct Crossing {
    size_t edge;
    size_t from, to;  // children of the container; no_box: the border
  };
  struct Bend {
    size_t container;
    Point inside;
    int border;  // -1: on the left border, 1: on the right one, 0: inside
  };
  /// The bends of one arrow: out of its start's containers, across the meeting one, inward again.
  struct Way {
    bool reversed = false;
    size_t meeting = no_box;
    std::vector<Bend> out, across, in;
  };

  size_t parent(size_t box) const { return drawing_.boxes[box].parent; }
  size_t depth(size_t box) const {
    size_t out = 0;
    for (; parent(box) != no_box; box = parent(box)) ++out;
    return out;
  }

  /// For each arrow the container in which its two sides are different children, and the
  /// containers that it crosses on its way there.
  void find_meetings() {
    std::vector<std::pair<size_t, size_t>> sides(drawing_.edges.size());
    std::map<size_t, Circles> circles;
    for (size_t i = 0; i < drawing_.edges.size(); ++i) {
      const Edge& edge = drawing_.edges[i];
      if (edge.inward) continue;
      size_t a = edge.from, b = edge.to;
      for (size_t da = depth(a), db = depth(b); da != db;)
        da > db ? (a = parent(a), --da) : (b = parent(b), --db);
      while (parent(a) != parent(b)) {
        a = parent(a);
        b = parent(b);
      }
      sides[i] = {a, b};
      ways_[i].meeting = parent(a);
      circles[parent(a)].add(a, b);
      crossings_[parent(a)].push_back({i, a, b});
      for (size_t at = edge.from; at != a; at = parent(at))
        crossings_[parent(at)].push_back({i, at, no_box});
      for (size_t at = edge.to; at != b; at = parent(at))
        crossings_[parent(at)].push_back({i, no_box, at});
    }
    for (const auto& [container, found] : circles) {
      auto back = found.find();
      for (const auto& crossing : crossings_[container])
        if (back.contains({crossing.from, crossing.to})) ways_[crossing.edge].reversed = true;
    }
  }

  void measure(size_t index) {
    const Box& box = drawing_.boxes[index];
    Rect& rect = out_.boxes[index];
    double text = std::max(text_width(box.name, name_size), text_width(box.type, type_size));
    rect.width = std::max(leaf_least_width, text + 2 * text_margin);
    rect.height = leaf_height;
    if (box.children.empty()) return;
    Container container(box.children, out_.boxes);
    double label = 0;
    for (const auto& one : crossings_[index]) {
      bool reversed = ways_[one.edge].reversed;
      if (one.from != no_box && one.to != no_box) {
        container.connect(one.from, one.to, one.edge, reversed);
        if (is_named(drawing_.edges[one.edge].kind))
          label =
              std::max(label, text_width(drawing_.edges[one.edge].attributes.front(), type_size));
      } else {
        bool leaves = one.from != no_box;
        container.lead_out(leaves ? one.from : one.to, one.edge, leaves != reversed);
      }
    }
    container.need_gap(label + 34);
    Point inside = container.run();
    double title =
        text_width(box.name, name_size) + text_width(box.type, type_size) + 3 * text_margin;
    rect.width = std::max(title, inside.x + 2 * padding);
    rect.height = title_height + inside.y + padding;
    for (const auto& lifted : container.lifted())
      for (size_t edge : lifted.edges) keep_bends(index, container, lifted, edge);
  }

  void keep_bends(size_t index, const Container& container, const Lifted& lifted, size_t edge) {
    Way& way = ways_[edge];
    std::vector<size_t> items = lifted.bends;
    bool leaves_right = container.item(lifted.to).port,
         enters_left = container.item(lifted.from).port;
    if (leaves_right) items.push_back(lifted.to);
    if (enters_left) items.insert(items.begin(), lifted.from);
    std::vector<Bend> bends;
    for (size_t item : items) {
      const Item& one = container.item(item);
      int border = !one.port ? 0 : item == lifted.to ? 1 : -1;
      bends.push_back({index, {one.x + one.width / 2, one.center()}, border});
    }
    if (way.reversed) std::reverse(bends.begin(), bends.end());
    bool outward = leaves_right || enters_left
                       ? (leaves_right != way.reversed)  // leaves its start's containers
                       : false;
    if (!leaves_right && !enters_left)
      way.across = std::move(bends);
    else if (outward)
      way.out.insert(way.out.end(), bends.begin(), bends.end());  // inner containers come first
    else
      way.in.insert(way.in.begin(), bends.begin(), bends.end());
  }

  Point absolute(const Bend& bend) const {
    const Rect& rect = out_.boxes[bend.container];
    double y = rect.y + title_height + bend.inside.y;
    if (bend.border < 0) return {rect.x, y};
    if (bend.border > 0) return {rect.x + rect.width, y};
    return {rect.x + padding + bend.inside.x, y};
  }

  void route(size_t index) {
    const Way& way = ways_[index];
    const Rect& from = out_.boxes[drawing_.edges[index].from];
    const Rect& to = out_.boxes[drawing_.edges[index].to];
    Route out{index, {}, 0};
    double from_x = way.reversed ? from.x : from.x + from.width;
    double to_x = way.reversed ? to.x + to.width : to.x;
    out.points.push_back({from_x, from.y + from.height / 2});
    for (const auto& bend : way.out) out.points.push_back(absolute(bend));
    out.label = out.points.size() - 1;
    for (const auto& bend : way.across) out.points.push_back(absolute(bend));
    for (const auto& bend : way.in) out.points.push_back(absolute(bend));
    out.points.push_back({to_x, to.y + to.height / 2});
    out_.routes.push_back(std::move(out));
  }

  /// Several arrows at one side of a box get a place each, in the order of where they lead.
  void spread_ends() {
    struct End {
      double toward;
      size_t route;
      bool start;
    };
    std::map<std::pair<size_t, bool>, std::vector<End>> sides;
    for (size_t i = 0; i < out_.routes.size(); ++i) {
      const Route& one = out_.routes[i];
      const Edge& edge = drawing_.edges[one.edge];
      bool reversed = ways_[one.edge].reversed;
      sides[{edge.from, !reversed}].push_back({one.points[1].y, i, true});
      sides[{edge.to, reversed}].push_back({one.points[one.points.size() - 2].y, i, false});
    }
    for (auto& [side, ends] : sides) {
      std::sort(ends.begin(), ends.end(), [](const End& a, const End& b) {
        return std::tie(a.toward, a.route, a.start) < std::tie(b.toward, b.route, b.start);
      });
      const Rect& box = out_.boxes[side.first];
      double step = std::min(end_gap, box.height / static_cast<double>(ends.size() + 1));
      double y = box.y + box.height / 2 - step * static_cast<double>(ends.size() - 1) / 2;
      for (const auto& end : ends) {
        auto& points = out_.routes[end.route].points;
        (end.start ? points.front() : points.back()).y = y;
        y += step;
      }
    }
  }

  const Drawing& drawing_;
  Layout out_;
  std::vector<std::vector<Crossing>> crossings_;  // by container
  std::vector<Way> ways_;                         // by edge
};

}  // namespace

double text_width(const std::string& text, double size) {
  // Wide enough for the usual sans-serif fonts: boxes must hold their text everywhere.
  constexpr double mean_character = 0.62;
  return static_cast<double>(terminal::display_width(text)) * size * mean_character;
}

Layout lay_out(const Drawing& drawing) {
  return Layouter(drawing).run();
}

}  // namespace croft::cli
