// Where the boxes of a drawing go: layered from left to right inside each container, so that arrows
// lead to the right; boxes without arrows fill a grid below. Sizes are pixels. Pure.
#pragma once
#include <vector>

#include "cli/graph/drawing.h"

namespace croft::cli {

struct Point {
  double x = 0;
  double y = 0;
};

struct Rect {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

struct Route {
  size_t edge = 0;
  std::vector<Point> points;  ///< from border to border, in between where it passes layers
  size_t label = 0;           ///< the point behind which there is most room for a label
};

struct Layout {
  std::vector<Rect> boxes;  ///< as Drawing::boxes, absolute
  std::vector<Route> routes;
  double width = 0;
  double height = 0;
};

Layout lay_out(const Drawing& drawing);

constexpr double title_height = 40;  ///< of a container
constexpr double name_size = 13;
constexpr double type_size = 11;
double text_width(const std::string& text, double size);

}  // namespace croft::cli
