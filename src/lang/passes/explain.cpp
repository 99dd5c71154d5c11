// Where a resolved value comes from: the place that wrote it, what it stands in the place of, the
// way through `extends` and `#include`, and what its references led to, each explained in turn.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

constexpr size_t most_uses = 1000;  // in one explanation
constexpr size_t deepest = 50;

class Explainer {
 public:
  Explainer(Run& run, const Trace& trace) : run_(run), trace_(trace) {}

  Explanation attribute(Node* holder, const Attr& attr, size_t depth) {
    Explanation out;
    Error located = run_.located(Code::internal, "", attr.pos, holder, attr.name);
    out.path = located.where.path;
    out.value = run_.show(attr.value);
    out.where = std::move(located.where);
    out.way = std::move(located.trace);
    Pos at = attr.pos;
    for (size_t i = 0; i < deepest; ++i) {
      auto before = trace_.replaced.find({at.file, at.offset});
      if (before == trace_.replaced.end()) break;
      at = before->second;
      out.instead_of.emplace_back(run_.place(at));
    }
    auto used = trace_.uses.find({holder, attr.name});
    if (used == trace_.uses.end() || depth >= deepest) return out;
    for (const auto& use : used->second) {
      const Attr* from = run_.find(use.holder, use.name);
      if (!from || ++uses_ > most_uses || !open_.insert({use.holder, use.name}).second) continue;
      out.uses.push_back(attribute(use.holder, *from, depth + 1));
      open_.erase({use.holder, use.name});
    }
    return out;
  }

 private:
  Run& run_;
  const Trace& trace_;
  size_t uses_ = 0;
  std::set<std::pair<const Node*, Symbol>> open_;
};

Error nothing_there(Run& run, std::string_view path, std::string_view name, const Node* in) {
  std::string where = run.path(in);
  Error error(Code::not_found, fmt::format("'{}' names nothing: there is no '{}' in {}", path, name,
                                           where.empty() ? "the top level" : "'" + where + "'"));
  if (std::string hint = did_you_mean(name, names_in_reach(run, in, false)); !hint.empty())
    error.hint(std::move(hint));
  return error;
}

}  // namespace

namespace {

/// Uses between components of the deployed tree, in its order.
class UseCollector {
 public:
  explicit UseCollector(Run& run) : run_(run) {}

  std::vector<Use> collect() {
    if (run_.config) visit(run_.config);
    return std::move(out_);
  }

 private:
  void visit(Node* node) {
    if (!seen_.insert(node).second) return;
    for (uint32_t i = 0; i < node->count; ++i) {
      const Attr& attr = node->attrs[i];
      asked_.clear();
      follow(node, attr.name, node, attr.name, 0);
      if (attr.value.is(Kind::component) && attr.value.node->parent == node) visit(attr.value.node);
    }
  }

  /// What stands outside of the deployed tree is asked in turn where it has its value from.
  void follow(Node* user, Symbol attribute, const Node* holder, Symbol name, size_t depth) {
    auto used = run_.trace->uses.find({holder, name});
    if (used == run_.trace->uses.end() || depth > deepest) return;
    if (!asked_.insert({holder, name}).second) return;
    for (const auto& use : used->second) {
      const Attr* from = run_.find(use.holder, use.name);
      bool component = from && from->value.is(Kind::component);
      std::string path = path_in_config(component ? from->value.node : use.holder);
      if (path.empty())
        follow(user, attribute, use.holder, use.name, depth + 1);
      else
        add(user, attribute, std::move(path));
    }
  }

  void add(Node* user, Symbol attribute, std::string from) {
    std::string component = path_in_config(user);
    if (component == from) return;
    std::string name = run_.symbols.text(attribute);
    for (auto known = out_.rbegin(); known != out_.rend() && known->component == component; ++known)
      if (known->attribute == name && known->from == from) return;
    out_.push_back({std::move(component), std::move(name), std::move(from)});
  }

  /// Empty when `node` is not part of what is deployed.
  std::string path_in_config(const Node* node) const {
    std::vector<Symbol> names;
    for (; node && node != run_.config; node = node->parent) names.push_back(node->name);
    if (!node) return "";
    std::string out = "sfConfig";
    for (auto name = names.rbegin(); name != names.rend(); ++name)
      out += ":" + run_.symbols.text(*name);
    return out;
  }

  Run& run_;
  std::set<const Node*> seen_;
  std::set<std::pair<const Node*, Symbol>> asked_;  // for the attribute at hand
  std::vector<Use> out_;
};

}  // namespace

std::vector<Use> uses_of(Run& run) {
  return run.trace ? UseCollector(run).collect() : std::vector<Use>();
}

Result<Explanation> explain(const std::string& file, const Options& options,
                            std::string_view path) {
  if (!options.reader) return fail(Code::unsupported, "nothing reads files here");
  std::string text = TRY(options.reader(file));
  Run run(options);
  Trace trace;
  run.trace = &trace;
  if (auto done = run_passes(run, file, std::move(text)); !done)
    return fail(std::move(done).error());
  auto names = split(path, ':');
  auto first = run.symbols.known(names[0]);
  bool from_top = first && run.find(run.root, *first);
  Node* at = from_top || !run.config ? run.root : run.config;
  Attr* attr = nullptr;
  for (size_t i = 0; i < names.size(); ++i) {
    if (attr && !attr->value.is(Kind::component))
      return fail(Code::type_mismatch,
                  fmt::format("'{}' names nothing: '{}' is {}, not a component", path, names[i - 1],
                              run.show(attr->value)));
    if (attr) at = attr->value.node;
    auto symbol = run.symbols.known(names[i]);
    attr = symbol ? run.find(at, *symbol) : nullptr;
    if (!attr) return fail(nothing_there(run, path, names[i], at));
  }
  return Explainer(run, trace).attribute(at, *attr, 0);
}

}  // namespace croft::lang
