#include "cli/application.h"

#include "base/text.h"
#include "base/units.h"

namespace croft::cli {
namespace {

using terminal::Colour;

Colour colour_of(std::string_view state) {
  if (state == "running" || state == "up") return Colour::green;
  if (state == "terminated" || state == "described") return Colour::grey;
  if (state == "failed") return Colour::red;
  return Colour::yellow;
}

/// "12:03:44" of an ISO time.
std::string clock_text(std::string_view iso) {
  return iso.size() >= 19 ? std::string(iso.substr(11, 8)) : std::string(iso);
}

const wire::json::Array* children_of(const wire::json::Object& node) {
  auto children = wire::json::array_if(node, "children");
  return children ? *children : nullptr;
}

struct Line {
  std::string name, state, since, note;
};

std::string rented_note(const wire::json::Object& node) {
  auto rented = wire::json::array_if(node, "rented");
  if (!rented || !*rented || (*rented)->empty()) return "";
  std::string first;
  size_t count = 0;
  for (const auto& item : **rented) {
    std::string id = item.is_object() ? text_member(item.as_object(), "id") : "";
    if (item.is_object() && item.as_object().contains("returned")) continue;
    if (count++ == 0) first = id;
  }
  if (count == 0) return "";
  return count == 1 ? first : fmt::format("{} and {} more", first, count - 1);
}

void collect(const wire::json::Object& node, const std::string& indent, bool last, bool top,
             std::vector<Line>& lines) {
  std::string name = text_member(node, "name");
  if (name.empty()) name = text_member(node, "path");
  std::string type = text_member(node, "type");
  std::string note = text_member(node, "waits");
  if (!note.empty()) note = "waits: " + note;
  if (note.empty()) note = text_member(node, "why");
  if (note.empty()) note = rented_note(node);
  std::string branch = top ? "" : last ? "└─ " : "├─ ";
  lines.push_back({indent + branch + name + (type.empty() ? "" : " (" + type + ")"),
                   text_member(node, "state"), clock_text(text_member(node, "since")), note});
  const auto* children = children_of(node);
  if (!children) return;
  std::string deeper = indent + (top ? "" : last ? "   " : "│  ");
  for (size_t i = 0; i < children->size(); ++i)
    if ((*children)[i].is_object())
      collect((*children)[i].as_object(), deeper, i + 1 == children->size(), false, lines);
}

void collect_waiting(const wire::json::Object& node, std::vector<std::string>& out) {
  std::string waits = text_member(node, "waits");
  if (!waits.empty()) out.push_back(fmt::format("  {}: {}", text_member(node, "path"), waits));
  if (const auto* children = children_of(node))
    for (const auto& child : *children)
      if (child.is_object()) collect_waiting(child.as_object(), out);
}

const wire::json::Array& list(const wire::json::Object& object, std::string_view name) {
  static const wire::json::Array none;
  auto found = wire::json::array_if(object, name);
  return found && *found ? **found : none;
}

int64_t number(const wire::json::Object& object, std::string_view name) {
  auto value = wire::json::int_or(object, name, 0);
  return value ? *value : 0;
}

}  // namespace

std::string text_member(const wire::json::Object& object, std::string_view name) {
  auto value = wire::json::string_or(object, name, "");
  return value ? *value : "";
}

std::string tree_text(const terminal::Terminal& terminal, const wire::json::Object& application) {
  auto root = wire::json::object_if(application, "root");
  if (!root || !*root) return "";
  std::vector<Line> lines;
  collect(**root, "", true, true, lines);
  terminal::Table table({"COMPONENT", "STATE", "SINCE", ""});
  for (auto& line : lines)
    table.row(
        {line.name, terminal.paint(colour_of(line.state), line.state), line.since, line.note});
  return table.text();
}

std::string counts_text(const wire::json::Object& application) {
  auto counts = wire::json::object_if(application, "counts");
  if (!counts || !*counts) return "";
  std::string out =
      fmt::format("{} of {} components running, {} things rented", number(**counts, "running"),
                  number(**counts, "total"), number(**counts, "rented"));
  if (int64_t kept = number(**counts, "kept"); kept > 0)
    out += fmt::format(", {} kept on purpose", kept);
  return out;
}

std::vector<std::string> waiting_lines(const wire::json::Object& application) {
  std::vector<std::string> out;
  auto root = wire::json::object_if(application, "root");
  if (root && *root) collect_waiting(**root, out);
  return out;
}

std::string event_text(const terminal::Terminal& terminal, const wire::json::Object& event) {
  std::string kind = text_member(event, "event");
  Colour colour = Colour::none;
  if (kind == "RUNNING") colour = Colour::green;
  if (kind == "FAILED" || kind == "LIVENESS_FAILED" || kind == "ATTENTION") colour = Colour::red;
  if (kind == "TERMINATING" || kind == "WAITING") colour = Colour::yellow;
  std::string out = fmt::format("{}  {}  {}", clock_text(text_member(event, "time")),
                                terminal.paint(colour, fmt::format("{:<11}", kind)),
                                text_member(event, "component"));
  std::string why = text_member(event, "why");
  auto record = wire::json::object_if(event, "record");
  if (record && *record) {
    out += "  " + text_member(**record, "type");
    std::string description = text_member(**record, "description"),
                cause = text_member(**record, "cause");
    if (!description.empty()) out += ": " + description;
    if (!cause.empty() && cause != description) out += ": " + cause;
  } else if (!why.empty()) {
    out += "  " + why;
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string proof_text(const terminal::Terminal& terminal, const wire::json::Object& proof) {
  const auto &rented = list(proof, "rented"), &returned = list(proof, "returned"),
             &kept = list(proof, "kept"), &left = list(proof, "left");
  std::string out;
  if (!rented.empty()) {
    std::map<std::string, std::string> gone;
    for (const auto& item : returned)
      gone[text_member(item.as_object(), "kind") + " " + text_member(item.as_object(), "id")] =
          text_member(item.as_object(), "returned");
    terminal::Table table({"KIND", "ID", "COMPONENT", "RENTED", "RETURNED"});
    for (const auto& item : rented) {
      const auto& thing = item.as_object();
      std::string key = text_member(thing, "kind") + " " + text_member(thing, "id");
      std::string end = gone.contains(key) ? clock_text(gone[key]) : "";
      for (const auto& k : kept)
        if (text_member(k.as_object(), "kind") + " " + text_member(k.as_object(), "id") == key)
          end = "kept";
      table.row({text_member(thing, "kind"), text_member(thing, "id"),
                 text_member(thing, "component"), clock_text(text_member(thing, "since")),
                 end.empty() ? "LEFT" : end});
    }
    out += table.text();
  }
  out += fmt::format("rented {}, returned {}, kept on purpose {}, left {}\n", rented.size(),
                     returned.size(), kept.size(), left.size());
  for (const auto& item : kept)
    out +=
        fmt::format("kept: {} {} ({}) {}\n", text_member(item.as_object(), "kind"),
                    text_member(item.as_object(), "id"), text_member(item.as_object(), "component"),
                    text_member(item.as_object(), "note"));
  for (const auto& item : left)
    out += terminal.paint(
        Colour::red,
        fmt::format("LEFT: {} {} ({}) {}\n", text_member(item.as_object(), "kind"),
                    text_member(item.as_object(), "id"), text_member(item.as_object(), "component"),
                    text_member(item.as_object(), "note")));
  for (const auto& note : list(proof, "notes"))
    if (note.is_string()) out += "note: " + std::string(note.as_string()) + "\n";
  if (std::string others = text_member(proof, "others"); !others.empty())
    out += "note: " + others + "\n";
  auto checked = wire::json::bool_or(proof, "checked", false);
  if (std::string why = text_member(proof, "unasked"); !why.empty())
    out += why + "\n";
  else if (left.empty() && checked && *checked)
    out += terminal.paint(Colour::green, "nothing left") + "\n";
  return out;
}

}  // namespace croft::cli
