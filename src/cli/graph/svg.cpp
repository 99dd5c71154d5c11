// The drawing as SVG: no script, no font or picture from elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/graph/layout.h"
#include "terminal/terminal.h"

namespace croft::cli {
namespace {

struct Look {
  Arrow kind;
  std::string_view name;
  std::string_view colour;
  std::string_view dashes;
  std::string_view legend;
};
constexpr std::array<Look, 4> looks = {{
    {Arrow::link, "link", "#3b6ea5", "", "link"},
    {Arrow::value, "value", "#8a8f98", "", "value"},
    {Arrow::order, "order", "#b35c00", "7 4", "dependsOn"},
    {Arrow::host, "host", "#3c7d3c", "2 4", "runs on"},
}};

const Look& look_of(Arrow kind) {
  return *std::find_if(looks.begin(), looks.end(),
                       [&](const Look& one) { return one.kind == kind; });
}

constexpr double legend_height = 34;
constexpr double label_reach = 44;
constexpr size_t label_most = 24;

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string_view fill_of(size_t depth, bool leaf) {
  constexpr std::array<std::string_view, 3> shades = {"#f6f8fa", "#eaeff5", "#dde6f0"};
  return leaf ? "#ffffff" : shades[std::min(depth, shades.size() - 1)];
}

/// A smooth way through the points that leaves and arrives level.
std::string path_of(const std::vector<Point>& points) {
  std::string out = fmt::format("M{:.1f} {:.1f}", points[0].x, points[0].y);
  for (size_t i = 1; i < points.size(); ++i) {
    const Point& a = points[i - 1];
    const Point& b = points[i];
    double reach = (b.x - a.x) / 2;
    double ahead = reach, arrive = b.x - reach;
    out += fmt::format(" C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", a.x + ahead, a.y, arrive, b.y,
                       b.x, b.y);
  }
  return out;
}

std::string head(const Layout& layout, double height) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"'DejaVu Sans', Verdana, Arial, sans-serif\">\n"
      "<style>.name{{font-size:{2}px;font-weight:600;fill:#1b2733}}.type{{font-size:{3}px;fill:#"
      "5b6b7b}}"
      ".label{{font-size:{3}px;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:"
      "round}}"
      ".box{{stroke:#8fa3b5;stroke-width:1}}.arrow{{fill:none;stroke-width:1.5}}</style>\n<defs>\n",
      layout.width, height, name_size, type_size);
  for (const auto& look : looks)
    out += fmt::format(
        "<marker id=\"{}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 1L9 5L0 9z\" fill=\"{}\"/>"
        "</marker>\n",
        look.name, look.colour);
  return out + "</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
}

std::string box_text(const Box& box, const Rect& rect, size_t depth) {
  bool leaf = box.children.empty();
  std::string out = fmt::format(
      "<g><title>{}</title><rect class=\"box\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
      "height=\"{:.1f}\" rx=\"6\" fill=\"{}\"/>",
      escaped(box.path), rect.x, rect.y, rect.width, rect.height, fill_of(depth, leaf));
  if (leaf) {
    double middle = rect.x + rect.width / 2;
    double name_y = rect.y + rect.height / 2 + (box.type.empty() ? 5 : -3);
    out += fmt::format(
        "<text class=\"name\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", middle,
        name_y, escaped(box.name));
    if (!box.type.empty())
      out += fmt::format(
          "<text class=\"type\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", middle,
          name_y + 16, escaped(box.type));
  } else {
    out += fmt::format("<text class=\"name\" x=\"{:.1f}\" y=\"{:.1f}\">{}", rect.x + 14,
                       rect.y + 24, escaped(box.name));
    if (!box.type.empty())
      out += fmt::format("<tspan class=\"type\" font-weight=\"400\" dx=\"10\">{}</tspan>",
                         escaped(box.type));
    out += "</text>";
  }
  return out + "</g>\n";
}

std::string arrow_text(const Edge& edge, const Route& route) {
  const Look& look = look_of(edge.kind);
  std::string out =
      fmt::format("<path class=\"arrow\" d=\"{}\" stroke=\"{}\" marker-end=\"url(#{})\"",
                  path_of(route.points), look.colour, look.name);
  if (!look.dashes.empty()) out += fmt::format(" stroke-dasharray=\"{}\"", look.dashes);
  out += "/>\n";
  if (!is_named(edge.kind)) return out;
  const Point& a = route.points[route.label];
  const Point& b = route.points[route.label + 1];
  // On the curve, near its start when it is long: there is a gap between the layers.
  double t = std::abs(b.x - a.x) > 2 * label_reach ? label_reach / std::abs(b.x - a.x) : 0.5;
  double bent = t * t * (3 - 2 * t);
  double x = a.x + (b.x - a.x) * t;
  return out + fmt::format(
                   "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" "
                   "fill=\"{}\">{}</text>\n",
                   x, a.y + (b.y - a.y) * bent - 5, look.colour,
                   escaped(terminal::elide(join(edge.attributes, ", "), label_most)));
}

std::string legend(const Drawing& drawing, double y) {
  std::string out;
  double x = 20;
  for (const auto& look : looks) {
    bool used = std::any_of(drawing.edges.begin(), drawing.edges.end(), [&](const Edge& edge) {
      return edge.kind == look.kind && !edge.inward;
    });
    if (!used) continue;
    out += fmt::format(
        "<path class=\"arrow\" d=\"M{:.0f} {:.0f}h40\" stroke=\"{}\" stroke-dasharray=\"{}\" "
        "marker-end=\"url(#{})\"/><text class=\"type\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n",
        x, y, look.colour, look.dashes.empty() ? "none" : look.dashes, look.name, x + 48, y + 4,
        look.legend);
    x += 48 + text_width(std::string(look.legend), type_size) + 26;
  }
  return out;
}

}  // namespace

Result<std::string> svg_of(const Drawing& drawing) {
  if (drawing.boxes.size() > boxes_max)
    return fail(Error(Code::resource_exhausted,
                      fmt::format("{} components are too many to draw; {} are allowed",
                                  drawing.boxes.size(), boxes_max))
                    .hint("--format dot is not limited"));
  Layout layout = lay_out(drawing);
  std::string explained = legend(drawing, layout.height + 4);
  double height = layout.height + (explained.empty() ? 0 : legend_height - 10);
  layout.width = std::max(layout.width, 320.0);
  std::string out = head(layout, height);
  std::vector<size_t> depths(drawing.boxes.size(), 0);
  for (size_t i = 0; i < drawing.boxes.size(); ++i) {
    if (drawing.boxes[i].parent != no_box) depths[i] = depths[drawing.boxes[i].parent] + 1;
    out += box_text(drawing.boxes[i], layout.boxes[i], depths[i]);
  }
  for (const auto& route : layout.routes) out += arrow_text(drawing.edges[route.edge], route);
  return out + explained + "</svg>\n";
}

}  // namespace croft::cli
