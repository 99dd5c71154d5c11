#include "lang/passes/graph.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "model/text.h"

namespace croft::lang {
namespace {

constexpr uint32_t linear_search_up_to = 12;
constexpr uint32_t empty_slot = 0;

/// The top bits of the product: consecutive names are spread evenly.
uint32_t slot_of(Symbol symbol, uint32_t mask) {
  return (symbol * 2654435769u) >> std::countl_zero(mask);
}

void insert_index(Node* node, uint32_t position) {
  uint32_t mask = node->index_size - 1;
  uint32_t slot = slot_of(node->attrs[position].name, mask);
  while (node->index[slot] != empty_slot) slot = (slot + 1) & mask;
  node->index[slot] = position + 1;
}

void build_index(Run& run, Node* node) {
  uint32_t size = 32;
  while (size < node->capacity * 2 || size < node->count * 2) size *= 2;
  node->index = run.arena.make<uint32_t>(size);
  node->index_size = size;
  std::memset(node->index, 0, sizeof(uint32_t) * size);
  for (uint32_t i = 0; i < node->count; ++i) insert_index(node, i);
}

constexpr std::string_view known_words[] = {"",
                                            "sfConfig",
                                            "sfClass",
                                            "sfFunctionClass",
                                            "sfFunctionLazy",
                                            "sfIsComponent",
                                            "sfAssertionPhase",
                                            "sfFunctionQual",
                                            "sfFunctionClassEvalEarly",
                                            "sfFunctionClassReturnEarly",
                                            "sfSchemaDescription",
                                            "name",
                                            "optional",
                                            "binding",
                                            "class",
                                            "description",
                                            "sfFinal",
                                            "sfOverride",
                                            "sfTemp",
                                            "sfLocal",
                                            "sfIgnoreLink",
                                            "left",
                                            "right",
                                            "data",
                                            "if",
                                            "then",
                                            "else",
                                            "format",
                                            "base",
                                            "seed",
                                            "integer",
                                            "min",
                                            "max",
                                            "prompt",
                                            "default",
                                            "setElem",
                                            "setSize",
                                            "setMax",
                                            "setMin",
                                            "setInc",
                                            "setPrefix",
                                            "size",
                                            "extent",
                                            "template",
                                            "generator",
                                            "prefix",
                                            "sfIndex",
                                            "sfTag",
                                            "reference",
                                            "lazy",
                                            "system",
                                            "farm"};
static_assert(std::size(known_words) == word::count);

}  // namespace

void* Arena::raw(size_t bytes) {
  bytes = (bytes + 7) & ~size_t{7};
  if (bytes > left_) {
    // A large request gets its own block, so that the rest of the current one is not lost.
    if (bytes > block_size_ / 4 && left_ > 0) return add_block(bytes);
    left_ = std::max(bytes, block_size_);
    next_ = add_block(left_);
    block_size_ = std::min(block_size_ * 2, largest_block);
  }
  void* out = next_;
  next_ += bytes;
  left_ -= bytes;
  return out;
}

void Arena::Free::operator()(char* block) const {
  if (mapped > 0)
    munmap(block, mapped);
  else
    std::free(block);
}

char* Arena::add_block(size_t bytes) {
  constexpr size_t large_page = 2 << 20;
  if (bytes < large_page) {
    void* block = std::malloc(bytes);
    CHECK(block, "out of memory");
    return blocks_.emplace_back(static_cast<char*>(block)).get();
  }
  // One large page more than asked for: what is used can begin at the start of one.
  size_t size = ((bytes + large_page - 1) & ~(large_page - 1)) + large_page;
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED, "out of memory");
  // A hint: without it the kernel is entered once for each 4 KiB.
  madvise(pages, size, MADV_HUGEPAGE);
  blocks_.emplace_back(static_cast<char*>(pages), Free{size});
  auto start = reinterpret_cast<uintptr_t>(pages);
  return reinterpret_cast<char*>((start + large_page - 1) & ~uintptr_t{large_page - 1});
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* to = make<char>(text.size());
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

namespace {

/// Both halves of the product of 128 bits, folded.
uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

Symbols::Symbols() {
  constexpr size_t first_slots = 2048;
  table_.resize(first_slots);
  names_.reserve(first_slots / 2);
  for (std::string_view name : known_words) intern(name);
}

// Eight bytes at a time: names are short. Where the table lies is different in each run, so nobody
// can write a description whose names all fall into one slot.
uint32_t Symbols::hash_of(std::string_view name) const {
  constexpr uint64_t odd = 0x9E3779B97F4A7C15ULL;
  uint64_t hash = mix(reinterpret_cast<uintptr_t>(this) ^ odd, name.size() + odd);
  while (name.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, name.data(), sizeof(word));
    hash = mix(hash ^ word, odd);
    name.remove_prefix(sizeof(word));
  }
  uint64_t rest = 0;
  for (char c : name) rest = rest << 8 | static_cast<unsigned char>(c);
  return static_cast<uint32_t>(mix(hash ^ rest, odd));
}

size_t Symbols::slot_of(std::string_view name, uint32_t hash) const {
  size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  while (table_[at].symbol != Slot::empty &&
         (table_[at].hash != hash || names_[table_[at].symbol] != name))
    at = (at + 1) & mask;
  return at;
}

void Symbols::grow() {
  std::vector<Slot> old(table_.size() * 2);
  old.swap(table_);
  size_t mask = table_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.symbol == Slot::empty) continue;
    size_t at = slot.hash & mask;
    while (table_[at].symbol != Slot::empty) at = (at + 1) & mask;
    table_[at] = slot;
  }
}

namespace {

/// "unique12" and the name that `--` makes are the same name.
std::optional<Symbol> unique_symbol(std::string_view name) {
  constexpr std::string_view stem = "unique";
  if (!name.starts_with(stem) || name.size() == stem.size() || name.size() > stem.size() + 9)
    return std::nullopt;
  std::string_view digits = name.substr(stem.size());
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  Symbol number = 0;
  auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (bad != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return unique_bit | number;
}

}  // namespace

Symbol Symbols::intern(std::string_view name) {
  uint32_t hash = hash_of(name);
  size_t at = slot_of(name, hash);
  if (table_[at].symbol != Slot::empty) return table_[at].symbol;
  if (auto unique = unique_symbol(name)) return *unique;
  auto symbol = static_cast<Symbol>(names_.size());
  names_.push_back(arena_.copy(name));
  table_[at] = {hash, symbol};
  if (names_.size() * 2 > table_.size()) grow();
  return symbol;
}

std::optional<Symbol> Symbols::known(std::string_view name) const {
  const Slot& slot = table_[slot_of(name, hash_of(name))];
  return slot.symbol == Slot::empty ? unique_symbol(name) : slot.symbol;
}

Symbol Symbols::path(std::vector<Symbol> names) {
  std::string key(reinterpret_cast<const char*>(names.data()), names.size() * sizeof(Symbol));
  auto [entry, added] =
      path_by_text_.emplace(std::move(key), path_bit | static_cast<Symbol>(paths_.size()));
  if (added) paths_.push_back(std::move(names));
  return entry->second;
}

std::string Symbols::text(Symbol symbol) const {
  if ((symbol & unique_bit) != 0) return "unique" + std::to_string(symbol & ~unique_bit);
  if ((symbol & path_bit) != 0) {
    std::string out;
    for (Symbol name : names_of(symbol)) {
      if (!out.empty()) out += ':';
      out += text(name);
    }
    return out;
  }
  return std::string(names_[symbol]);
}

Node* Run::make_node(Node* parent, Symbol name, Pos pos) {
  Node* node = new (arena.make<Node>()) Node();
  node->parent = parent;
  node->name = name;
  node->pos = pos;
  node->depth = parent ? parent->depth + 1 : 0;
  if (++components > options.limits.components)
    stop(fmt::format("the description grows beyond {} components", options.limits.components), pos,
         parent);
  if (node->depth > options.limits.nesting)
    stop(fmt::format("components are nested deeper than {} levels", options.limits.nesting), pos,
         nullptr);
  return node;
}

Attr* Run::find(Node* node, Symbol name) {
  if (node->count <= linear_search_up_to) {
    for (uint32_t i = 0; i < node->count; ++i)
      if (node->attrs[i].name == name) return &node->attrs[i];
    return nullptr;
  }
  if (!node->index) build_index(*this, node);
  uint32_t mask = node->index_size - 1;
  for (uint32_t slot = slot_of(name, mask); node->index[slot] != empty_slot;
       slot = (slot + 1) & mask) {
    Attr& attr = node->attrs[node->index[slot] - 1];
    if (attr.name == name) return &attr;
  }
  return nullptr;
}

void Run::reserve(Node* node, uint32_t wanted) {
  if (wanted <= node->capacity) return;
  uint32_t capacity = std::max(wanted, node->capacity + node->capacity / 2);
  Attr* bigger = arena.make<Attr>(capacity);
  if (node->count > 0)
    std::memcpy(static_cast<void*>(bigger), node->attrs, sizeof(Attr) * node->count);
  node->attrs = bigger;
  node->capacity = capacity;
  node->index = nullptr;
}

Attr* Run::put(Node* node, Symbol name, Val value, Tags tags, Pos pos) {
  Attr* slot = find(node, name);
  if (!slot) {
    if (++attributes > options.limits.attributes)
      stop(fmt::format("the description grows beyond {} attributes", options.limits.attributes),
           pos, node);
    if (node->count == node->capacity) reserve(node, std::max(4u, node->count + 1));
    slot = &node->attrs[node->count++];
    *slot = Attr{name, tags, value, pos, Progress::none, false};
    if (node->index) {
      if (node->count * 2 > node->index_size)
        node->index = nullptr;
      else
        insert_index(node, node->count - 1);
    }
  } else {
    slot->value = value;
    slot->pos = pos;
    slot->linked = Progress::none;
    if (tags != 0) slot->tags = tags;
  }
  if ((name & path_bit) != 0 && (name & unique_bit) == 0) node->has_paths = true;
  if ((value.is(Kind::component) || value.is(Kind::call)) && value.node) {
    value.node->parent = node;
    value.node->name = name;
  }
  return slot;
}

Node* Run::copy(const Node* from, Node* parent, Symbol name) {
  if (stopped) return nullptr;
  Node* to = make_node(parent, name, from->pos);
  if (stopped) return nullptr;
  to->attrs = arena.make<Attr>(from->count);
  to->count = to->capacity = from->count;
  if (from->count > 0)
    std::memcpy(static_cast<void*>(to->attrs), from->attrs, sizeof(Attr) * from->count);
  attributes += from->count;
  if (attributes > options.limits.attributes)
    stop(fmt::format("the description grows beyond {} attributes", options.limits.attributes),
         from->pos, parent);
  to->eager = from->eager;
  to->origin = from->origin;
  to->function = from->function;
  to->has_paths = from->has_paths;
  to->hidden = from->hidden;
  to->call = from->call;
  to->merged = from->merged;
  to->finished = from->finished;
  for (uint32_t i = 0; i < to->count; ++i) {
    Attr& attr = to->attrs[i];
    if (attr.linked == Progress::running) attr.linked = Progress::none;
    if (!attr.value.is(Kind::component) && !attr.value.is(Kind::call)) continue;
    Node* child = copy(attr.value.node, to, attr.name);
    if (!child) return nullptr;
    attr.value.node = child;
  }
  return to;
}

Val Run::text(std::string_view value) {
  return text_ref(arena.copy(value));
}

Val Run::text_ref(std::string_view value) {
  Val out;
  out.kind = Kind::string;
  out.text = new (arena.make<std::string_view>()) std::string_view(value);
  return out;
}

Val Run::integer(int32_t number) const {
  Val out;
  out.kind = Kind::integer;
  out.number = number;
  return out;
}

Val Run::boolean(bool flag) const {
  Val out;
  out.kind = Kind::boolean;
  out.number = 0;
  out.flag = flag;
  return out;
}

Val Run::component(Node* node) const {
  Val out;
  out.kind = node->call == Call::none ? Kind::component : Kind::call;
  out.node = node;
  return out;
}

Val Run::bad(size_t error) const {
  Val out;
  out.kind = Kind::bad;
  out.number = static_cast<int64_t>(error);
  return out;
}

Val Run::vector(const std::vector<Val>& items) {
  Vec* made = new (arena.make<Vec>()) Vec();
  made->count = static_cast<uint32_t>(items.size());
  made->items = arena.make<Val>(items.size());
  std::copy(items.begin(), items.end(), made->items);
  made->weight = items.size();
  for (const Val& item : items) {
    made->holds_nodes |= item.is(Kind::component) || item.is(Kind::call);
    if (!item.is(Kind::vector)) continue;
    made->holds_nodes |= item.vec->holds_nodes;
    made->depth = std::max(made->depth, item.vec->depth + 1);
    made->weight += item.vec->weight;
  }
  attributes += items.size();
  Pos pos = evaluating.empty() ? Pos{} : evaluating.back().second->pos;
  const Node* holder = evaluating.empty() ? nullptr : evaluating.back().first;
  if (made->depth > options.limits.nesting)
    stop(fmt::format("vectors are nested deeper than {} levels", options.limits.nesting), pos,
         holder);
  if (made->weight > options.limits.attributes || attributes > options.limits.attributes)
    stop(fmt::format("vectors grow beyond {} elements", options.limits.attributes), pos, holder);
  Val out;
  out.kind = Kind::vector;
  out.vec = made;
  return out;
}

Val reference_value(const Ref* ref) {
  Val out;
  out.kind = Kind::reference;
  out.lazy = ref->lazy;
  out.ref = ref;
  return out;
}

void Run::too_much_work() {
  stop(fmt::format("this description needs more than {} steps", options.limits.steps),
       evaluating.empty() ? Pos{} : evaluating.back().second->pos,
       evaluating.empty() ? nullptr : evaluating.back().first);
}

bool Run::make_text(size_t bytes) {
  text_bytes += bytes;
  return text_bytes <= options.limits.text_bytes;
}

Tags Run::tags_of(std::vector<Symbol> names) {
  std::vector<Symbol> unique_names;
  for (Symbol tag : names)
    if (std::find(unique_names.begin(), unique_names.end(), tag) == unique_names.end())
      unique_names.push_back(tag);
  if (unique_names.empty()) return 0;
  auto [known, added] = tag_numbers.emplace(unique_names, static_cast<Tags>(tag_sets.size()));
  if (added) tag_sets.push_back(std::move(unique_names));
  return known->second;
}

bool Run::has_tag(Tags tags, Symbol tag) const {
  if (tags == 0) return false;
  const auto& set = tag_sets[tags];
  return std::find(set.begin(), set.end(), tag) != set.end();
}

Tags Run::join(Tags a, Tags b) {
  if (a == 0 || a == b) return b;
  if (b == 0) return a;
  std::vector<Symbol> names = tag_sets[a];
  names.insert(names.end(), tag_sets[b].begin(), tag_sets[b].end());
  return tags_of(std::move(names));
}

Hit search_up(Run& run, Node* from, Symbol name) {
  for (Node* at = from; at; at = at->parent) {
    run.work(1);
    if (at->hidden) continue;
    if (Attr* found = run.find(at, name)) return {at, found};
  }
  return {};
}

std::vector<std::string> names_in_reach(const Run& run, const Node* from, bool upward) {
  constexpr size_t enough = 5000;
  std::vector<std::string> out;
  for (const Node* at = from; at && out.size() < enough; at = upward ? at->parent : nullptr)
    for (uint32_t i = 0; !at->hidden && i < at->count && out.size() < enough; ++i)
      if ((at->attrs[i].name & path_bit) == 0) out.push_back(run.symbols.text(at->attrs[i].name));
  return out;
}

}  // namespace croft::lang
