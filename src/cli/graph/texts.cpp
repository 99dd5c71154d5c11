// The drawing for other tools: Graphviz and Mermaid.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/graph/drawing.h"

namespace croft::cli {
namespace {

std::string dot_quoted(std::string_view text) {
  std::string shown = printable(text);
  return "\"" + replace_all(replace_all(shown, "\\", "\\\\"), "\"", "\\\"") + "\"";
}

std::string dot_label(const Box& box) {
  std::string out = dot_quoted(box.name);
  if (box.type.empty()) return out;
  out.pop_back();
  return out + "\\n" + dot_quoted(box.type).substr(1);
}

class Dot {
 public:
  explicit Dot(const Drawing& drawing) : drawing_(drawing) {}
  std::string run() {
    out_ =
        "digraph croft {\n  rankdir=LR;\n  compound=true;\n"
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
        "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    box(0, 1);
    for (const auto& edge : drawing_.edges)
      if (!edge.inward) arrow(edge);
    return out_ + "}\n";
  }

 private:
  bool leaf(size_t index) const { return drawing_.boxes[index].children.empty(); }
  /// A node that stands for the box: arrows cannot end at a cluster itself.
  std::string node(size_t index) const {
    return fmt::format("{}{}", leaf(index) ? "n" : "in", index);
  }
  void box(size_t index, size_t depth) {
    std::string indent(depth * 2, ' ');
    if (leaf(index)) {
      out_ += fmt::format("{}n{} [label={}];\n", indent, index, dot_label(drawing_.boxes[index]));
      return;
    }
    out_ += fmt::format(
        "{0}subgraph cluster_{1} {{\n{0}  label={2};\n{0}  in{1} [shape=point, style=invis];\n",
        indent, index, dot_label(drawing_.boxes[index]));
    for (size_t child : drawing_.boxes[index].children) box(child, depth + 1);
    out_ += indent + "}\n";
  }
  void arrow(const Edge& edge) {
    std::vector<std::string> marks{"label=" + dot_quoted(join(edge.attributes, ", "))};
    if (!leaf(edge.from)) marks.push_back(fmt::format("ltail=cluster_{}", edge.from));
    if (!leaf(edge.to)) marks.push_back(fmt::format("lhead=cluster_{}", edge.to));
    if (edge.kind == Arrow::value) marks.emplace_back("color=gray50, fontcolor=gray50");
    if (edge.kind == Arrow::order) marks.emplace_back("style=dashed");
    if (edge.kind == Arrow::host) marks.emplace_back("style=dotted");
    out_ += fmt::format("  {} -> {} [{}];\n", node(edge.from), node(edge.to), join(marks, ", "));
  }

  const Drawing& drawing_;
  std::string out_;
};

std::string mermaid_text(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 static_cast<unsigned char>(c) >= 0x80 ||
                 std::string_view(" _-.,:()").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("#{};", static_cast<int>(c));
  }
  return out;
}

void mermaid_box(const Drawing& drawing, size_t index, size_t depth, std::string& out) {
  const Box& box = drawing.boxes[index];
  std::string indent(depth * 2, ' ');
  std::string label = mermaid_text(box.name);
  if (!box.type.empty()) label += "<br/>" + mermaid_text(box.type);
  if (box.children.empty()) {
    out += fmt::format("{}n{}[\"{}\"]\n", indent, index, label);
    return;
  }
  out += fmt::format("{}subgraph n{}[\"{}\"]\n", indent, index, label);
  for (size_t child : box.children) mermaid_box(drawing, child, depth + 1, out);
  out += indent + "end\n";
}

}  // namespace

std::string dot_of(const Drawing& drawing) {
  return Dot(drawing).run();
}

std::string mermaid_of(const Drawing& drawing) {
  std::string out = "flowchart LR\n";
  mermaid_box(drawing, 0, 1, out);
  for (const auto& edge : drawing.edges) {
    if (edge.inward) continue;
    std::string_view arrow = is_named(edge.kind) ? "-->" : "-.->";
    out += fmt::format("  n{} {}|\"{}\"| n{}\n", edge.from, arrow,
                       mermaid_text(join(edge.attributes, ", ")), edge.to);
  }
  return out;
}

}  // namespace croft::cli
