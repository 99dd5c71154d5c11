// The tree while it is being resolved: what the passes work on. Names are numbers, values are 16
// bytes, and all memory comes from one arena that is dropped as a whole with the run.
// Each pass is one file of this folder and one function below. Not thread-safe: one Run, one
// thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "lang/lang.h"
#include "lang/syntax/tree.h"

namespace croft::lang {

/// Memory that is given back all at once.
class Arena {
 public:
  void* raw(size_t bytes);
  template <class T>
  T* make(size_t count = 1) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(raw(sizeof(T) * count));
  }
  std::string_view copy(std::string_view text);

 private:
  // Blocks grow, so that small descriptions stay small and large ones take few, large pages.
  static constexpr size_t first_block = 64 << 10;
  static constexpr size_t largest_block = 8 << 20;
  struct Free {
    size_t mapped = 0;  ///< its own pages, so that they go back to the system; 0: of the heap
    void operator()(char* block) const;
  };
  char* add_block(size_t bytes);
  std::vector<std::unique_ptr<char, Free>> blocks_;
  size_t block_size_ = first_block;
  char* next_ = nullptr;
  size_t left_ = 0;
};

/// A name as a number. Names made by `--` are not kept as text: they have the top bit set.
using Symbol = uint32_t;
constexpr Symbol unique_bit = 1u << 31;
/// A placement key `a:b:c` is a symbol of its own kind, see Symbols::path.
constexpr Symbol path_bit = 1u << 30;

class Symbols {
 public:
  Symbols();
  Symbol intern(std::string_view name);
  /// The number of a name that occurs already; nullopt otherwise.
  std::optional<Symbol> known(std::string_view name) const;
  std::string text(Symbol symbol) const;
  /// A placement key of these names.
  Symbol path(std::vector<Symbol> names);
  bool has_paths() const { return !paths_.empty(); }
  const std::vector<Symbol>& names_of(Symbol path) const { return paths_[path & ~path_bit]; }

 private:
  /// Where `name` is in table_, or the free slot where it would be.
  size_t slot_of(std::string_view name, uint32_t hash) const;
  uint32_t hash_of(std::string_view name) const;
  void grow();

  struct Slot {
    uint32_t hash = 0;
    Symbol symbol = empty;
    static constexpr Symbol empty = UINT32_MAX;
  };
  Arena arena_;
  std::vector<std::string_view> names_;
  std::vector<Slot> table_;  ///< open addressing, its size a power of two
  std::vector<std::vector<Symbol>> paths_;
  std::unordered_map<std::string, Symbol> path_by_text_;
};

/// Names that the passes know, interned first and in this order.
namespace word {
enum : Symbol {
  none,
  sf_config,
  sf_class,
  sf_function_class,
  sf_function_lazy,
  sf_is_component,
  sf_assertion_phase,
  sf_function_qual,
  sf_function_class_eval_early,
  sf_function_class_return_early,
  sf_schema_description,
  name,
  optional,
  binding,
  class_,
  description,
  sf_final,
  sf_override,
  sf_temp,
  sf_local,
  sf_ignore_link,
  left,
  right,
  data,
  if_,
  then_,
  else_,
  format,
  base,
  seed,
  integer,
  min,
  max,
  prompt,
  default_,
  set_elem,
  set_size,
  set_max,
  set_min,
  set_inc,
  set_prefix,
  size,
  extent,
  template_,
  generator,
  prefix,
  sf_index,
  sf_tag,
  reference,
  lazy,
  system,
  farm,
  count
};
}

struct Pos {
  uint32_t file = UINT32_MAX;  ///< index into Run::files
  uint32_t offset = 0;
  uint32_t length = 0;
  bool known() const { return file != UINT32_MAX; }
};
constexpr bool contains(const Pos& outer, const Pos& inner) {
  return outer.file == inner.file && outer.offset <= inner.offset &&
         inner.offset < outer.offset + outer.length;
}

enum class Kind : uint8_t {
  null,
  boolean,
  integer,
  long_integer,
  single,
  real,
  string,
  bytes,
  vector,
  reference,
  call,
  tbd,
  component,
  bad,  ///< an error has been reported for it; `number` is the error's index
};

struct Node;
struct Vec;
struct Ref;

/// One value. Strings, vectors and references are shared and never changed once made.
struct Val {
  Kind kind = Kind::null;
  bool lazy = false;  ///< of a reference or call: stays as it is until run time
  bool bare = false;  ///< of a real: written without suffix
  union {
    bool flag;
    int64_t number = 0;
    double real;
    const std::string_view* text;
    const Vec* vec;
    const Ref* ref;
    Node* node;
  };
  bool is(Kind wanted) const { return kind == wanted; }
};

/// Of a boolean or a number; NULL for all else.
model::Value plain_value(const Val& from);

struct Vec {
  uint32_t count = 0;
  uint32_t depth = 1;        ///< of vectors in vectors
  uint64_t weight = 0;       ///< elements in all, those of inner vectors counted each time
  bool holds_nodes = false;  ///< components or calls, here or in inner vectors
  Val* items = nullptr;
};

struct RefPart {
  model::Part::Kind kind;
  Symbol name;
};

struct Ref {
  const RefPart* parts = nullptr;
  uint32_t count = 0;
  bool lazy = false;
  bool data = false;
  bool optional = false;
  bool variable = false;  ///< VAR: never followed
  Val fallback;
  Pos pos;
};

/// Tags of an attribute: an index into Run::tag_sets; 0 is the empty set.
using Tags = uint32_t;

enum class Progress : uint8_t { none, running, done };

struct Attr {
  Symbol name = 0;
  Tags tags = 0;
  Val value;
  Pos pos;  ///< of the name
  Progress linked = Progress::none;
  bool dropped = false;  ///< not part of the result (a static assertion)
};

/// Where a component's attributes came from: names of templates, nearest first.
struct Origin {
  Symbol name;
  Pos pos;
  const Origin* next;
};

/// One supertype still to be merged: a reference or an anonymous body.
struct Super {
  const Ref* ref = nullptr;
  Node* body = nullptr;
};

enum class Call : uint8_t { none, apply, assertion };

struct Function;

struct Node {
  Node* parent = nullptr;
  Attr* attrs = nullptr;
  uint32_t count = 0;
  uint32_t capacity = 0;
  uint32_t* index = nullptr;  ///< open-addressing table when there are many attributes
  uint32_t index_size = 0;
  uint32_t depth = 0;       ///< of nesting; the root has 0
  uint64_t weight = 0;      ///< attributes in all when written out; 0: not counted yet
  Super* supers = nullptr;  ///< from left to right; null when merged
  uint32_t super_count = 0;
  Symbol name = word::none;  ///< under which `parent` holds it
  const Origin* origin = nullptr;
  const Function* function = nullptr;  ///< of calls written as operators
  Pos pos;
  bool eager = true;
  bool has_paths = false;  ///< holds placement keys
  bool hidden = false;     ///< operands of an operator: no name look-up sees them
  Call call = Call::none;
  Progress merged = Progress::none;
  Progress finished = Progress::none;
  Progress linked = Progress::none;
};

/// A file of the run.
struct File {
  SourcePtr source;
  uint32_t included_from = UINT32_MAX;  ///< index of the file that included it first
  Pos include;                          ///< the directive
};

/// Runs `work` on a larger stack when this one is nearly used up. False when none can be had.
class StackGuard {
 public:
  StackGuard();
  bool nearly_full() const;
  /// Runs work on a new thread with a large stack, and waits for it.
  template <class Work>
  bool on_large_stack(Work work) {
    return run_on_large_stack([](void* context) { (*static_cast<Work*>(context))(); }, &work);
  }

 private:
  bool run_on_large_stack(void (*entry)(void*), void* context);
  char* base_;
  bool large_ = false;
};

/// What explain() wants to know and nobody else: kept only when Run::trace is set.
struct Trace {
  struct Use {
    Node* holder;
    Symbol name;
  };
  /// Component and attribute, as a user names them -> what its references led to.
  std::map<std::pair<const Node*, Symbol>, std::vector<Use>> uses;
  /// Where a value is written (file, offset) -> where the one that it replaced is.
  std::map<std::pair<uint32_t, uint32_t>, Pos> replaced;
};

/// Everything one resolve needs. The passes are free functions over it.
struct Run {
  explicit Run(const Options& given) : options(given) {}

  const Options& options;
  Arena arena;
  Symbols symbols;
  std::vector<File> files;
  std::vector<std::vector<Symbol>> tag_sets{{}};
  std::map<std::vector<Symbol>, Tags> tag_numbers{{{}, 0}};
  std::vector<Error> errors;
  Phase phase = Phase::parse;
  Node* root = nullptr;
  Node* config = nullptr;

  uint32_t unique = 0;     ///< the counter of `--`, operators and vectors
  uint32_t variables = 0;  ///< the counter of VAR
  size_t components = 0;
  size_t attributes = 0;
  size_t text_bytes = 0;
  uint64_t steps = 0;  ///< see Limits::steps
  size_t chain = 0;    ///< depth of templates or references that lead to each other
  std::vector<std::pair<Node*, Attr*>> evaluating;  ///< attributes whose value is being made
  int64_t next_number = -1;                         ///< the last value of `next`
  uint64_t random_state = 0;
  bool random_seeded = false;
  StackGuard stack;
  Trace* trace = nullptr;
  bool stopped = false;  ///< a limit was passed: the run ends with the errors it has

  // Nodes.
  Node* make_node(Node* parent, Symbol name, Pos pos);
  /// The attribute, or null. Hidden operands are found here too.
  Attr* find(Node* node, Symbol name);
  /// Replaces or appends. A component or call value gets `node` as parent.
  Attr* put(Node* node, Symbol name, Val value, Tags tags, Pos pos);
  void reserve(Node* node, uint32_t attributes);
  /// A deep copy; null after a limit was passed.
  Node* copy(const Node* from, Node* parent, Symbol name);
  /// Removes the attributes for which `gone` says so.
  template <class Gone>
  void remove_if(Node* node, Gone gone) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->count; ++i)
      if (!gone(node->attrs[i])) node->attrs[kept++] = node->attrs[i];
    if (kept != node->count) node->index = nullptr;
    node->count = kept;
  }

  // Values.
  Val text(std::string_view text);      ///< copies
  Val text_ref(std::string_view text);  ///< text that lives as long as the run
  Val integer(int32_t number) const;
  Val boolean(bool flag) const;
  Val component(Node* node) const;
  Val bad(size_t error) const;
  Val vector(const std::vector<Val>& items);
  std::string show(const Val& value) const;  ///< short, for messages
  std::string show(const Ref& ref) const;
  bool make_text(size_t bytes);  ///< counts; false after the limit
  /// Counts work that could grow without bound; ends the run at the limit.
  void work(uint64_t steps_done) {
    steps += steps_done;
    if (steps > options.limits.steps) too_much_work();
  }
  void too_much_work();

  // Tags.
  Tags tags_of(std::vector<Symbol> names);
  bool has_tag(Tags tags, Symbol tag) const;
  Tags join(Tags a, Tags b);

  // Places and errors.
  model::Place place(Pos pos) const;
  std::string path(const Node* node) const;
  /// An error of this phase with its place and the way that led there; not recorded.
  Error located(Code code, std::string what, Pos pos, const Node* holder, Symbol attribute) const;
  /// Records an error of this phase at `pos`, blamed on an attribute of `holder` (word::none: the
  /// component itself). Operands of operators are blamed on the attribute that holds the
  /// expression. Returns its index.
  size_t blame(Code code, std::string what, Pos pos, const Node* holder, Symbol attribute);
  /// For explain: `fresh` counts instead of `old`.
  void note_replaced(Pos fresh, Pos old) const {
    if (trace && (fresh.file != old.file || fresh.offset != old.offset))
      trace->replaced.emplace(std::pair{fresh.file, fresh.offset}, old);
  }
  /// Adds "needed by" to an error: one more place that failed because of it.
  void also_blame(size_t error, const Node* holder, Symbol attribute);
  /// Ends the run: a limit was passed.
  void stop(std::string what, Pos pos, const Node* holder);
  Error& error(size_t index) { return errors[index]; }
  void add_include_chain(Error& error, Pos pos) const;
};

struct Blamed {
  const Node* component;
  Symbol attribute;
};
/// The component and attribute a user would name for something in `holder`.
Blamed visible_place(const Node* holder, Symbol attribute);

// The passes, in their order. Each leaves its errors in Run::errors.
void build(Run& run, const std::string& file, std::string text);  ///< parse, includes -> Run::root
void apply_settings(Run& run);  ///< environment and settings of the options, after build
void resolve_types(Run& run);
void place(Run& run);
void make_functions(Run& run);
void find_config(Run& run);
void link(Run& run);
/// All of them up to Options::until; all errors as one.
Result<> run_passes(Run& run, const std::string& file, std::string text);
/// The finished description, or the tree as it stands (`whole`).
Result<model::Description> finish(Run& run);

/// What Run::trace knows of references between components of the deployed tree.
std::vector<Use> uses_of(Run& run);

// Shared by several passes.
/// Lowers one value of a tree into `holder` (for IPROPERTY, Ref, --set). Nullopt after an error.
std::optional<Val> value_from_text(Run& run, std::string_view text, Node* holder, Error& error);
Val reference_value(const Ref* ref);

/// A name searched from `from` upward; operands of operators are not seen.
struct Hit {
  Node* holder = nullptr;
  Attr* attr = nullptr;
};
Hit search_up(Run& run, Node* from, Symbol name);
/// All names that search_up could find, for suggestions.
std::vector<std::string> names_in_reach(const Run& run, const Node* from, bool upward);

}  // namespace croft::lang
