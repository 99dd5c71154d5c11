// Parameters from outside, put at the end of the file before anything is resolved: the chosen
// environment's attributes first, then Options::settings in their order. A path `a:b:c` is a
// placement like one that the author wrote.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

class Settings {
 public:
  explicit Settings(Run& run) : run_(run) {}

  void apply() {
    environment();
    for (const auto& setting : run_.options.settings)
      if (!run_.stopped) one(setting);
  }

 private:
  // Environments.
  bool extends(const Node* node, std::string_view name) const {
    for (uint32_t i = 0; i < node->super_count; ++i) {
      const Ref* ref = node->supers[i].ref;
      if (ref && ref->count > 0 && run_.symbols.known(name) == ref->parts[ref->count - 1].name)
        return true;
    }
    return false;
  }

  /// The attribute `environments`, where it is croft's own word and not somebody's attribute.
  Attr* environments() {
    Attr* attr = run_.find(run_.root, run_.symbols.intern("environments"));
    bool ours =
        attr && attr->value.is(Kind::component) && extends(attr->value.node, "Environments");
    return ours ? attr : nullptr;
  }

  void environment() {
    Attr* attr = environments();
    const std::string& wanted = run_.options.environment_name;
    if (!attr) {
      if (wanted.empty()) return;
      size_t error = run_.blame(
          Code::not_found,
          fmt::format("this description has no environments, so there is no '{}'", wanted),
          run_.root->pos, nullptr, word::none);
      run_.error(error).hint(
          "they are written 'environments extends Environments { dev extends { ... } }' at the top "
          "level");
      return;
    }
    Node* all = attr->value.node;
    Pos pos = attr->pos;
    // The others must not be resolved: their placements are for this file's top level.
    Symbol name = attr->name;
    run_.remove_if(run_.root, [&](const Attr& each) { return each.name == name; });
    if (wanted.empty()) return;
    auto symbol = run_.symbols.known(wanted);
    Attr* chosen = symbol ? run_.find(all, *symbol) : nullptr;
    if (!chosen || !chosen->value.is(Kind::component)) {
      size_t error =
          run_.blame(Code::not_found, fmt::format("there is no environment '{}'", wanted), pos,
                     nullptr, word::none);
      auto names = names_in_reach(run_, all, false);
      std::string hint = did_you_mean(wanted, names);
      run_.error(error).hint(hint.empty() ? "there are: " + join(names, ", ") : hint);
      return;
    }
    put_environment(all, chosen, 0);
  }

  /// What it extends comes first: another environment of the same description, or a body.
  void put_environment(Node* all, const Attr* attr, size_t hops) {
    constexpr size_t most_hops = 100;
    const Node* node = attr->value.node;
    if (hops > most_hops) {
      run_.blame(Code::conflict, "environments extend each other without end", attr->pos, nullptr,
                 word::none);
      return;
    }
    for (uint32_t i = node->super_count; i-- > 0;) {
      if (node->supers[i].body) {
        put_all(node->supers[i].body);
        continue;
      }
      const Ref& ref = *node->supers[i].ref;
      const Attr* base = ref.count == 1 ? run_.find(all, ref.parts[0].name) : nullptr;
      if (base && base->value.is(Kind::component)) {
        put_environment(all, base, hops + 1);
        continue;
      }
      run_.blame(Code::unresolved,
                 fmt::format("an environment extends another of the same description; '{}' is none",
                             run_.show(ref)),
                 ref.pos, nullptr, word::none);
    }
    put_all(node);
  }

  void put_all(const Node* node) {
    for (uint32_t i = 0; i < node->count; ++i) {
      const Attr& attr = node->attrs[i];
      bool path = (attr.name & path_bit) != 0 && (attr.name & unique_bit) == 0;
      if (!path && !declared(attr.name, attr.pos)) continue;
      if (const Attr* old = run_.find(run_.root, attr.name)) run_.note_replaced(attr.pos, old->pos);
      run_.put(run_.root, attr.name, attr.value, attr.tags, attr.pos);
    }
  }

  // Settings.
  void one(const Setting& setting) {
    Pos pos = pos_of(setting);
    std::string path = join(setting.path, ":");
    bool empty = setting.path.empty() ||
                 std::find(setting.path.begin(), setting.path.end(), "") != setting.path.end();
    if (empty) {
      run_.blame(Code::syntax, fmt::format("'{}' is no path: a name in it is empty", path), pos,
                 nullptr, word::none);
      return;
    }
    std::vector<Symbol> names;
    for (const auto& name : setting.path) names.push_back(run_.symbols.intern(name));
    if (!declared(names[0], pos)) return;
    Error error;
    auto value = value_from_text(run_, setting.text, run_.root, error);
    if (!value) {
      run_.blame(Code::syntax,
                 fmt::format("the value of '{}' cannot be read: {}", path, error.what), pos,
                 nullptr, word::none);
      return;
    }
    Symbol key = names.size() == 1 ? names[0] : run_.symbols.path(names);
    if (const Attr* old = run_.find(run_.root, key)) run_.note_replaced(pos, old->pos);
    run_.put(run_.root, key, *value, 0, pos);
  }

  /// Parameters stand at the top level; one that is not there is a slip.
  bool declared(Symbol name, Pos pos) {
    if (run_.find(run_.root, name)) return true;
    std::string text = run_.symbols.text(name);
    size_t error = run_.blame(
        Code::not_found, fmt::format("there is no '{}' at the top level of the description", text),
        pos, nullptr, word::none);
    std::string hint;
    if (std::string inside = path_inside(name); !inside.empty())
      hint = fmt::format("did you mean '{}'?", inside);
    else
      hint = did_you_mean(text, names_in_reach(run_, run_.root, false));
    if (!hint.empty()) run_.error(error).hint(std::move(hint));
    return false;
  }

  /// Where in what is deployed an attribute of that name is written, the outermost first.
  std::string path_inside(Symbol name) {
    constexpr size_t most_searched = 10'000;
    const Attr* config = run_.find(run_.root, word::sf_config);
    if (!config || !config->value.is(Kind::component)) return "";
    std::vector<Node*> queue{config->value.node};
    for (size_t i = 0; i < queue.size() && i < most_searched; ++i) {
      if (run_.find(queue[i], name)) return run_.path(queue[i]) + ":" + run_.symbols.text(name);
      for (uint32_t at = 0; at < queue[i]->count; ++at)
        if (const Val& value = queue[i]->attrs[at].value; value.is(Kind::component))
          queue.push_back(value.node);
    }
    return "";
  }

  Pos pos_of(const Setting& setting) {
    auto source = setting.where.source;
    uint32_t offset = setting.where.offset, length = setting.where.length;
    if (!source) {
      std::string text = join(setting.path, ":") + "=" + setting.text;
      offset = 0;
      length = static_cast<uint32_t>(text.size());
      source = std::make_shared<const model::SourceText>("--set", std::move(text));
    }
    for (size_t i = run_.files.size(); i-- > 0;)
      if (run_.files[i].source == source) return {static_cast<uint32_t>(i), offset, length};
    run_.files.push_back({source, UINT32_MAX, {}});
    return {static_cast<uint32_t>(run_.files.size() - 1), offset, length};
  }

  Run& run_;
};

}  // namespace

void apply_settings(Run& run) {
  Settings(run).apply();
}

}  // namespace croft::lang
