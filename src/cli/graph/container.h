// The inside of one container: what has arrows stands in layers from left to right, long arrows get
// a bend in each layer that they pass, arrows to the outside a port at the border; what has no
// arrows fills a grid below. One object a container, used by layout.cpp. Pure.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "cli/graph/layout.h"

namespace croft::cli {

constexpr double gap = 16;        // between boxes of one layer
constexpr double layer_gap = 56;  // between layers: arrows and their labels need it
constexpr double layer_gap_most = 130;
constexpr double dummy_height = 10;
constexpr double wide = 1.7;  // the shape that a grid tends to
constexpr int sweeps = 12;

/// What a container lays out: a child, a bend of a long arrow, or a port: the place on the left or
/// right border through which an arrow enters or leaves.
struct Item {
  size_t box = no_box;
  bool port = false;
  size_t layer = 0;
  double width = 0;
  double height = dummy_height;
  double x = 0;  // relative to the container's inside
  double y = 0;
  std::vector<size_t> before, after;  // neighbours in the layers beside
  double center() const { return y + height / 2; }
};

/// An arrow inside one container: from a child or port to another.
struct Lifted {
  size_t from = 0, to = 0;  // items, `from` in a layer before `to`
  std::vector<size_t> bends;
  std::vector<size_t> edges;
  bool reversed = false;  ///< the arrow leads from `to` to `from`
};

/// Which arrows of a container close a circle: they are laid out the other way round.
class Circles {
 public:
  void add(size_t from, size_t to) { next_[from].insert(to); }
  std::set<std::pair<size_t, size_t>> find() const {
    std::set<std::pair<size_t, size_t>> out;
    std::map<size_t, int> state;
    for (const auto& [start, ignored] : next_) walk(start, state, out);
    return out;
  }

 private:
  using Next = std::set<size_t>::const_iterator;
  void walk(size_t start, std::map<size_t, int>& state,
            std::set<std::pair<size_t, size_t>>& out) const {
    static const std::set<size_t> none;
    auto next_of = [&](size_t at) -> const std::set<size_t>& {
      auto found = next_.find(at);
      return found == next_.end() ? none : found->second;
    };
    if (state[start] != 0) return;
    state[start] = 1;
    std::vector<std::pair<size_t, Next>> stack{{start, next_of(start).begin()}};
    while (!stack.empty()) {
      auto& [at, child] = stack.back();
      if (child == next_of(at).end()) {
        state[at] = 2;
        stack.pop_back();
        continue;
      }
      size_t to = *child++;
      if (state[to] == 1) out.insert({at, to});
      if (state[to] != 0) continue;
      state[to] = 1;
      stack.emplace_back(to, next_of(to).begin());
    }
  }

  std::map<size_t, std::set<size_t>> next_;
};

class Container {
 public:
  Container(const std::vector<size_t>& children, std::vector<Rect>& sizes)
      : children_(children), sizes_(sizes) {}

  /// An arrow between two children; `reversed`: laid out as if it led the other way.
  void connect(size_t from_box, size_t to_box, size_t edge, bool reversed) {
    auto& one = between_[{from_box, to_box}];
    one.reversed = reversed;
    one.edges.push_back(edge);
  }
  /// An arrow between a child and the outside, over the left or right border.
  void lead_out(size_t box, size_t edge, bool right) { ports_.push_back({box, edge, right}); }
  void need_gap(double width) { layer_gap_ = std::clamp(width, layer_gap, layer_gap_most); }

  /// Places the children; returns the size of the inside.
  Point run() {
    choose();
    layer();
    bend_long_ones();
    return place_grid(place_layers());
  }

  const std::vector<Lifted>& lifted() const { return lifted_; }
  const Item& item(size_t index) const { return items_[index]; }

 private:
  struct Port {
    size_t box, edge;
    bool right;
  };

  size_t item_of(size_t box) {
    auto [found, fresh] = by_box_.try_emplace(box, items_.size());
    if (fresh) {
      Item item;
      item.box = box;
      item.width = sizes_[box].width;
      item.height = sizes_[box].height;
      items_.push_back(item);
    }
    return found->second;
  }

  void choose() {
    std::set<size_t> with_edges;
    for (const auto& [pair, one] : between_) with_edges.insert({pair.first, pair.second});
    for (const auto& port : ports_) with_edges.insert(port.box);
    for (size_t child : children_) {
      if (with_edges.contains(child))
        item_of(child);
      else
        loose_.push_back(child);
    }
    for (const auto& [pair, given] : between_) {
      Lifted one = given;
      one.from = item_of(one.reversed ? pair.second : pair.first);
      one.to = item_of(one.reversed ? pair.first : pair.second);
      lifted_.push_back(std::move(one));
    }
    for (const auto& port : ports_) {
      Item item;
      item.port = true;
      items_.push_back(item);
      Lifted one;
      one.from = port.right ? item_of(port.box) : items_.size() - 1;
      one.to = port.right ? items_.size() - 1 : item_of(port.box);
      one.edges = {port.edge};
      lifted_.push_back(std::move(one));
    }
  }

  /// Longest paths: each item stands right of all that lead to it; ports stand at the borders.
  void layer() {
    std::vector<size_t> waits(items_.size(), 0), ready;
    std::vector<std::vector<size_t>> after(items_.size());
    for (const auto& one : lifted_) {
      after[one.from].push_back(one.to);
      ++waits[one.to];
    }
    for (size_t i = 0; i < items_.size(); ++i)
      if (waits[i] == 0) ready.push_back(i);
    std::vector<size_t> order;
    while (!ready.empty()) {
      size_t at = ready.back();
      ready.pop_back();
      order.push_back(at);
      for (size_t to : after[at]) {
        items_[to].layer = std::max(items_[to].layer, items_[at].layer + 1);
        if (--waits[to] == 0) ready.push_back(to);
      }
    }
    size_t last = 0;
    for (const auto& item : items_) last = std::max(last, item.layer);
    for (size_t i = 0; i < items_.size(); ++i)
      if (items_[i].port && after[i].empty()) items_[i].layer = last;
    // What leads on is drawn as near as it can be to where it leads.
    for (size_t i = order.size(); i-- > 0;) {
      size_t at = order[i];
      if (after[at].empty() || items_[at].port) continue;
      size_t nearest = SIZE_MAX;
      for (size_t to : after[at])
        if (!items_[to].port) nearest = std::min(nearest, items_[to].layer);
      if (nearest != SIZE_MAX) items_[at].layer = std::max(items_[at].layer, nearest - 1);
    }
  }

  void join(size_t a, size_t b) {
    items_[a].after.push_back(b);
    items_[b].before.push_back(a);
  }

  void bend_long_ones() {
    for (auto& one : lifted_) {
      size_t last = one.from;
      for (size_t layer = items_[one.from].layer + 1; layer < items_[one.to].layer; ++layer) {
        Item bend;
        bend.layer = layer;
        items_.push_back(bend);
        join(last, items_.size() - 1);
        last = items_.size() - 1;
        one.bends.push_back(last);
      }
      join(last, one.to);
    }
    for (size_t i = 0; i < items_.size(); ++i) {
      if (layers_.size() <= items_[i].layer) layers_.resize(items_[i].layer + 1);
      layers_[items_[i].layer].push_back(i);
    }
  }

  double mean_center(const std::vector<size_t>& items, double otherwise) const {
    if (items.empty()) return otherwise;
    double sum = 0;
    for (size_t item : items) sum += items_[item].center();
    return sum / static_cast<double>(items.size());
  }

  void stack(std::vector<size_t>& layer) {
    double y = 0;
    for (size_t item : layer) {
      items_[item].y = y;
      y += items_[item].height + gap;
    }
  }

  /// Crossings get fewer when each box stands at the mean height of its neighbours.
  void order_layers() {
    for (auto& layer : layers_) stack(layer);
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      bool right = sweep % 2 == 0;
      for (size_t n = 0; n < layers_.size(); ++n) {
        auto& layer = layers_[right ? n : layers_.size() - 1 - n];
        std::vector<std::tuple<double, size_t, size_t>> wish;  // height, place so far, item
        for (size_t item : layer)
          wish.emplace_back(
              mean_center(right ? items_[item].before : items_[item].after, items_[item].center()),
              wish.size(), item);
        std::sort(wish.begin(), wish.end());
        for (size_t i = 0; i < layer.size(); ++i) layer[i] = std::get<2>(wish[i]);
        stack(layer);
      }
    }
  }

  /// Moves boxes towards their neighbours' heights without changing their order.
  void align() {
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      bool right = sweep % 2 == 0;
      for (size_t n = 0; n < layers_.size(); ++n) {
        auto& layer = layers_[right ? n : layers_.size() - 1 - n];
        std::vector<double> wish;
        for (size_t item : layer) {
          std::vector<size_t> both = items_[item].before;
          both.insert(both.end(), items_[item].after.begin(), items_[item].after.end());
          wish.push_back(mean_center(both, items_[item].center()) - items_[item].height / 2);
        }
        pack(layer, wish);
      }
    }
    double top = 0;
    for (const auto& item : items_) top = std::min(top, item.y);
    for (auto& item : items_) item.y -= top;
  }

  /// The nearest heights to the wished ones at which nothing overlaps: blocks that touch share the
  /// mean of their wishes.
  void pack(const std::vector<size_t>& layer, const std::vector<double>& wish) {
    struct Block {
      size_t first, count;
      double sum, height;  // of wishes less the offset in the block
      double at() const { return sum / static_cast<double>(count); }
    };
    std::vector<Block> blocks;
    for (size_t i = 0; i < layer.size(); ++i) {
      blocks.push_back({i, 1, wish[i], items_[layer[i]].height + gap});
      while (blocks.size() > 1) {
        Block& last = blocks.back();
        Block& before = blocks[blocks.size() - 2];
        if (before.at() + before.height <= last.at()) break;
        before.sum += last.sum - before.height * static_cast<double>(last.count);
        before.height += last.height;
        before.count += last.count;
        blocks.pop_back();
      }
    }
    for (const auto& block : blocks) {
      double y = block.at();
      for (size_t i = block.first; i < block.first + block.count; ++i) {
        items_[layer[i]].y = y;
        y += items_[layer[i]].height + gap;
      }
    }
  }

  Point place_layers() {
    order_layers();
    align();
    Point size;
    double x = 0;
    for (const auto& layer : layers_) {
      double widest = 0;
      bool ports = true;
      for (size_t item : layer) {
        widest = std::max(widest, items_[item].width);
        ports = ports && items_[item].port;
      }
      for (size_t item : layer) {
        Item& one = items_[item];
        one.x = x + (widest - one.width) / 2;
        if (one.box != no_box) {
          sizes_[one.box].x = one.x;
          sizes_[one.box].y = one.y;
        }
        size.y = std::max(size.y, one.y + one.height);
      }
      if (!ports) size.x = x + widest;
      x += ports ? 0 : widest + layer_gap_;
    }
    return size;
  }

  Point place_grid(Point size) {
    if (loose_.empty()) return size;
    double area = 0, widest = 0;
    for (size_t child : loose_) {
      area += (sizes_[child].width + gap) * (sizes_[child].height + gap);
      widest = std::max(widest, sizes_[child].width);
    }
    double width = std::max({size.x, widest, std::sqrt(area * wide)});
    double x = 0, y = size.y > 0 ? size.y + gap * 1.5 : 0, row = 0;
    for (size_t child : loose_) {
      Rect& box = sizes_[child];
      if (x > 0 && x + box.width > width + 0.5) {
        x = 0;
        y += row + gap;
        row = 0;
      }
      box.x = x;
      box.y = y;
      x += box.width + gap;
      row = std::max(row, box.height);
      size.x = std::max(size.x, x - gap);
    }
    size.y = y + row;
    return size;
  }

  const std::vector<size_t>& children_;
  std::vector<Rect>& sizes_;
  double layer_gap_ = layer_gap;
  std::map<std::pair<size_t, size_t>, Lifted> between_;  // by boxes
  std::vector<Port> ports_;
  std::map<size_t, size_t> by_box_;
  std::vector<size_t> loose_;
  std::vector<Item> items_;
  std::vector<Lifted> lifted_;
  std::vector<std::vector<size_t>> layers_;
};

}  // namespace croft::cli
