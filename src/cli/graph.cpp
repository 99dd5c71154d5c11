// croft graph: a description as a picture, or as text that other tools draw.
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/text.h"
#include "cli/description.h"
#include "cli/graph/drawing.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

std::string_view name_of(Arrow kind) {
  switch (kind) {
    case Arrow::link:
      return "link";
    case Arrow::value:
      return "value";
    case Arrow::order:
      return "dependsOn";
    case Arrow::host:
      return "sfProcessHost";
  }
  return "";
}

wire::json::Object to_json(const Drawing& drawing) {
  wire::json::Array nodes, edges;
  for (const auto& box : drawing.boxes) {
    wire::json::Object node{{"path", box.path}, {"name", box.name}, {"type", box.type}};
    if (box.parent != no_box) node["parent"] = drawing.boxes[box.parent].path;
    nodes.emplace_back(std::move(node));
  }
  for (const auto& edge : drawing.edges) {
    wire::json::Array attributes;
    for (const auto& name : edge.attributes) attributes.emplace_back(name);
    edges.emplace_back(wire::json::Object{{"from", drawing.boxes[edge.from].path},
                                          {"to", drawing.boxes[edge.to].path},
                                          {"kind", std::string(name_of(edge.kind))},
                                          {"attributes", std::move(attributes)}});
  }
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

/// --format, else what the name of the output file says, else SVG.
std::string format_of(const Invocation& invocation) {
  if (auto given = invocation.value("--format")) return *given;
  std::string output = invocation.value("--output").value_or("");
  if (output.ends_with(".dot") || output.ends_with(".gv")) return "dot";
  if (output.ends_with(".mmd") || output.ends_with(".mermaid")) return "mermaid";
  return "svg";
}

Result<std::string> drawn(const Drawing& drawing, const std::string& format) {
  if (format == "svg") return svg_of(drawing);
  if (format == "dot") return dot_of(drawing);
  if (format == "mermaid") return mermaid_of(drawing);
  Error error(Code::invalid_argument, fmt::format("'{}' is no format", printable(format)));
  if (std::string hint = did_you_mean(format, {"dot", "svg", "mermaid"}); !hint.empty())
    error.hint(std::move(hint));
  return fail(std::move(error).hint("formats: dot, svg, mermaid"));
}

Result<> write(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush())
    return fail(Code::io, fmt::format("cannot write {}: {}", file, std::strerror(errno)));
  return {};
}

int run_graph(Invocation& invocation) {
  auto file = main_file(invocation.positional(0));
  if (!file) return invocation.fail(file.error());
  auto options = options_with_parameters(invocation);
  if (!options) return invocation.fail(options.error());
  options->digest = false;
  auto resolved = lang::resolve_with_uses(*file, *options);
  if (!resolved) return invocation.fail(resolved.error());
  Drawing drawing = drawing_of(*resolved->description.config, "sfConfig", resolved->uses);
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(to_json(drawing)));
    return exit_code::done;
  }
  auto text = drawn(drawing, format_of(invocation));
  if (!text)
    return invocation.fail(text.error(), text.error().code == Code::invalid_argument
                                             ? exit_code::usage
                                             : exit_code::failed);
  auto output = invocation.value("--output");
  if (!output || *output == "-") {
    invocation.terminal.print(*text);
    return exit_code::done;
  }
  if (auto written = write(*output, *text); !written) return invocation.fail(written.error());
  invocation.terminal.note(fmt::format("{} components, {} arrows: {}", drawing.boxes.size(),
                                       drawing.edges.size(), *output));
  return exit_code::done;
}

}  // namespace

Command graph_command() {
  auto options = options_with_parameters();
  options.push_back({"--format", "FORMAT", "svg (the default), dot or mermaid"});
  options.push_back({"-o,--output", "FILE", "write there; its ending says the format"});
  return {.path = "graph",
          .summary = "draw a description: components, links, order",
          .details =
              "Boxes stand in the component that holds them. Arrows lead from a component to "
              "what it needs: links (LAZY\nreferences, followed at run time), values (eager "
              "references, thin: already followed),\ndependsOn (dashed), and the host it runs on "
              "(dotted). --json lists the same, with arrows to\nenclosing components too.",
          .example = "croft graph app.sf -o app.svg",
          .positionals = {{"FILE", "the description"}},
          .options = std::move(options),
          .run = run_graph};
}

}  // namespace croft::cli
