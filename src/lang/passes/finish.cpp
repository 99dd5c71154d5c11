// The last step: nodes -> the description that everybody else reads. Shared components become one
// each per place; attributes tagged sfTemp and checked assertions are left out.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lang/functions/function.h"
#include "lang/passes/graph.h"
#include "lang/placement_mark.h"

namespace croft::lang {

model::Value plain_value(const Val& from) {
  if (from.is(Kind::boolean)) return from.flag;
  if (from.is(Kind::integer)) return static_cast<int32_t>(from.number);
  if (from.is(Kind::long_integer)) return from.number;
  if (from.is(Kind::single)) return static_cast<float>(from.real);
  if (from.is(Kind::real))
    return from.bare ? model::Value::decimal(from.real) : model::Value(from.real);
  return model::Null{};
}

namespace {

class Finisher {
 public:
  explicit Finisher(Run& run) : run_(run) {}

  bool failed() const { return failed_; }

  /// How many attributes `node` is when everything shared is written out once for each place. Told
  /// before memory is taken for them.
  bool fits(Node* node) {
    if (weigh(node, 0) <= run_.options.limits.attributes) return true;
    return refuse(
        fmt::format("the description grows beyond {} attributes", run_.options.limits.attributes),
        node);
  }

  model::ComponentPtr component(const Node* node) {
    auto out = model::Component::make();
    if (!enter(node)) return out;
    out->eager = node->eager;
    out->where = run_.place(node->pos);
    out->supertypes = chain(node->origin);
    if (!count_attributes(node->count)) return out;
    out->attributes().reserve(node->count);
    // Operators, IF, SWITCH and [ ] have no attribute that says what they are.
    bool named = node->function && (node->hidden || !names_its_function(*node));
    if (named)
      out->append("sfFunctionClass",
                  model::Value(std::string(function_package) + std::string(node->function->name)));
    for (uint32_t i = 0; i < node->count && !failed_; ++i) attribute(*out, node->attrs[i]);
    --depth_;
    return out;
  }

  model::Value value(const Val& from) {
    switch (from.kind) {
      case Kind::null:
      case Kind::boolean:
      case Kind::integer:
      case Kind::long_integer:
      case Kind::single:
      case Kind::real:
        return plain_value(from);
      case Kind::string:
        return count_text(*from.text) ? std::string(*from.text) : std::string();
      case Kind::bytes:
        return model::ByteArray{count_text(*from.text) ? std::string(*from.text) : ""};
      case Kind::vector: {
        model::Vector items;
        if (!count_attributes(from.vec->count)) return items;
        items.reserve(from.vec->count);
        for (uint32_t i = 0; i < from.vec->count && !failed_; ++i)
          items.push_back(value(from.vec->items[i]));
        return items;
      }
      case Kind::reference:
        return std::shared_ptr<const model::Reference>(reference(from));
      case Kind::call:
        return model::Call{from.node->call == Call::assertion, component(from.node), from.lazy};
      case Kind::tbd:
        return model::ToBeDefined{};
      case Kind::component:
        return component(from.node);
      case Kind::bad:
        return model::Null{};
    }
    return model::Null{};
  }

 private:
  static bool names_its_function(const Node& node) {
    return std::any_of(node.attrs, node.attrs + node.count,
                       [](const Attr& attr) { return attr.name == word::sf_function_class; });
  }

  uint64_t weigh(Node* node, size_t depth) {
    if (node->weight != 0 || depth > run_.options.limits.nesting) return node->weight;
    uint64_t sum = node->count + 1;
    for (uint32_t i = 0; i < node->count; ++i) sum = add(sum, weigh(node->attrs[i].value, depth));
    return node->weight = sum;
  }
  uint64_t weigh(const Val& value, size_t depth) {
    if (value.is(Kind::component) || value.is(Kind::call)) return weigh(value.node, depth + 1);
    if (!value.is(Kind::vector)) return 0;
    uint64_t sum = value.vec->weight;
    if (!value.vec->holds_nodes) return sum;
    for (uint32_t i = 0; i < value.vec->count; ++i)
      sum = add(sum, weigh(value.vec->items[i], depth + 1));
    return sum;
  }
  static uint64_t add(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }

  std::string name_of(Symbol name) const {
    bool placement = (name & path_bit) != 0 && (name & unique_bit) == 0;
    if (!placement) return run_.symbols.text(name);
    std::string out;
    for (Symbol part : run_.symbols.names_of(name)) out += placement_mark + run_.symbols.text(part);
    return out;
  }

  bool enter(const Node* node) {
    if (failed_) return false;
    const Limits& limits = run_.options.limits;
    if (++made_ > limits.components)
      return refuse(fmt::format("the description grows beyond {} components", limits.components),
                    node);
    if (++depth_ > limits.nesting + 1)
      return refuse(fmt::format("components are nested deeper than {} levels", limits.nesting),
                    node);
    return true;
  }

  bool refuse(std::string what, const Node* node) {
    failed_ = true;
    run_.stop(std::move(what), node->pos, node);
    return false;
  }

  // What is shared while resolving is written out once for each place here, so it is counted anew.
  bool count_attributes(uint64_t count) {
    attributes_ += count;
    if (attributes_ <= run_.options.limits.attributes) return true;
    return refuse(
        fmt::format("the description grows beyond {} attributes", run_.options.limits.attributes),
        run_.root);
  }
  bool count_text(std::string_view text) {
    text_bytes_ += text.size();
    if (text_bytes_ <= run_.options.limits.text_bytes) return true;
    return refuse(fmt::format("the texts of this description grow beyond {} bytes",
                              run_.options.limits.text_bytes),
                  run_.root);
  }

  void attribute(model::Component& holder, const Attr& attr) {
    if (attr.dropped ||
        (attr.tags != 0 && run_.phase == Phase::link && run_.has_tag(attr.tags, word::sf_temp)))
      return;
    auto& made = holder.append(name_of(attr.name), value(attr.value), run_.place(attr.pos));
    if (attr.tags == 0) return;
    made.tags = shared_tags(attr.tags);
  }

  // Most components of a large description are of few types and carry few sets of tags.
  model::Names chain(const Origin* origin) {
    names_.clear();
    for (; origin; origin = origin->next) names_.push_back(origin->name);
    if (names_.empty()) return {};
    auto& known = chains_[names_];
    if (known.empty()) known = texts(names_);
    return known;
  }
  model::Names shared_tags(Tags tags) {
    auto& known = tags_[tags];
    if (known.empty()) known = texts(run_.tag_sets[tags]);
    return known;
  }
  model::Names texts(const std::vector<Symbol>& symbols) const {
    model::Names::List out;
    for (Symbol symbol : symbols) out.push_back(run_.symbols.text(symbol));
    return out;
  }

  std::shared_ptr<model::Reference> reference(const Val& from) {
    auto out = std::make_shared<model::Reference>();
    const Ref& ref = *from.ref;
    out->lazy = from.lazy;
    out->data = ref.data;
    out->optional = ref.optional;
    if (ref.optional) out->fallback = value(ref.fallback);
    out->parts.reserve(ref.count);
    for (uint32_t i = 0; i < ref.count; ++i)
      out->parts.push_back({ref.parts[i].kind, ref.parts[i].name == word::none
                                                   ? ""
                                                   : run_.symbols.text(ref.parts[i].name)});
    return out;
  }

  Run& run_;
  std::map<std::vector<Symbol>, model::Names> chains_;
  std::map<Tags, model::Names> tags_;
  std::vector<Symbol> names_;  // of chain()
  size_t made_ = 0;
  size_t depth_ = 0;
  uint64_t attributes_ = 0;
  size_t text_bytes_ = 0;
  bool failed_ = false;
};

}  // namespace

Result<model::Description> finish(Run& run) {
  model::Description out;
  out.file = run.files.empty() ? "" : run.files[0].source->name();
  Finisher finisher(run);
  bool linked = run.phase == Phase::link;
  if (!linked && run.phase != Phase::sf_config) {
    if (!finisher.fits(run.root)) return fail(run.errors.back());
    out.root = finisher.component(run.root);
    if (finisher.failed()) return fail(run.errors.back());
    return out;
  }
  out.root = model::Component::make();
  out.root->where = run.place(run.root->pos);
  const Attr* farm = linked ? run.find(run.root, word::farm) : nullptr;
  if (farm && farm->value.is(Kind::component) && farm->value.node->linked == Progress::done)
    out.root->append("farm", finisher.component(farm->value.node), run.place(farm->pos));
  if (!finisher.fits(run.config)) return fail(run.errors.back());
  out.config = finisher.component(run.config);
  out.root->append("sfConfig", out.config, out.config->where);
  if (finisher.failed()) return fail(run.errors.back());
  if (run.options.digest) out.digest = digest_of(*out.root);
  return out;
}

}  // namespace croft::lang
