// The language, whole: text -> resolved description, and back to text. The only header of `lang`
// that other modules need (beside check/schema.h, format/format.h for their tools).
// Pure: files are read by a callback, and so are properties and the environment. Each call is
// independent of the others; calls on different threads do not share anything.
// Limits (Limits below) bound depth, size, includes and expansion; all have a clear error.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/component.h"
#include "model/compute.h"
#include "model/place.h"
#include "model/schema.h"

namespace croft::lang {

/// The content of a file. Code::not_found when there is none: the next folder is tried then; any
/// other error ends the search.
using FileReader = std::function<Result<std::string>(const std::string& path)>;
/// A property or environment variable; nullopt when unset.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

struct Limits {
  size_t file_bytes = 256u << 20;
  size_t nesting = 1000;     ///< of braces, brackets and of the resolved tree
  size_t includes = 10'000;  ///< files read in one run, each time counted
  size_t include_depth = 100;
  size_t components = 4'000'000;   ///< made in all, copies of templates counted
  size_t attributes = 24'000'000;  ///< and elements of vectors
  size_t chain = 100'000;          ///< references and templates that lead to each other
  size_t text_bytes = 256u << 20;  ///< made by ++ and formatString; in the result, copies counted
  size_t steps = 4'000'000'000;    ///< of looking names up, placing and comparing
  size_t errors = 100;             ///< reported in one run
};

/// The state of the tree that is asked for: after that pass.
enum class Phase { parse, type, place, function, sf_config, link };
std::optional<Phase> phase_from_name(std::string_view name);  ///< "parse", "type", ..., "sfConfig"
std::string_view name_of(Phase phase);

/// A parameter from outside: as if `a:b:c value` stood at the end of the file.
struct Setting {
  std::vector<std::string> path;  ///< {"sfConfig", "web", "port"}
  std::string text;               ///< the value, as the language writes it
  model::Place where;             ///< in the file of values; unknown: the command line
};

/// What lookupLocalhost and its relatives ask about.
struct Machine {
  std::string name = "localhost";
  std::string address = "127.0.0.1";
  /// The address of a host; nullopt when there is no such host. Empty: nobody looks names up here,
  /// and hostExists stays a call for run time.
  Lookup address_of;
};

struct Options {
  /// Folders in the order given (--include, then CROFT_PATH). The file's folder and
  /// `working_folder` come before, the library in the binary after them.
  std::vector<std::string> include;
  std::string working_folder = ".";
  FileReader reader;   ///< empty: only the library in the binary can be included
  Lookup property;     ///< PROPERTY x
  Lookup environment;  ///< ENVPROPERTY x
  Lookup ask;          ///< `userinput`: the prompt in, the answer out
  std::string now;     ///< what `date` gives; empty: a fixed text
  Machine machine;
  /// Which component of `environments extends Environments { ... }` is put at the top level; empty:
  /// none.
  std::string environment_name;
  std::vector<Setting> settings;  ///< after the environment, in their order
  Phase until = Phase::link;
  bool digest = true;  ///< Description::digest is wanted; it costs as much as printing
  Limits limits;
};

/// Text -> description. With Options::until before link, `root` is the whole tree as it stands then
/// and `config` is null unless the sfConfig pass ran.
/// The error is the first one, the rest are in Error::others. Each has file:line:column, source
/// line and caret, hints, the chain of includes and `extends`, and facts: "phase", and "at" =
/// "COMPONENT ATTRIBUTE" for each place blamed.
Result<model::Description> resolve(const std::string& file, std::string text,
                                   const Options& options);
/// The same for a file that Options::reader reads.
Result<model::Description> resolve_file(const std::string& file, const Options& options);

/// An eager reference, followed: an attribute of the deployed tree got its value from another
/// component of it. Paths begin with "sfConfig".
struct Use {
  std::string component;
  std::string attribute;
  std::string from;  ///< the component that the value is, or that has it
};
struct Sourced {
  model::Description description;
  std::vector<Use> uses;  ///< in the order of the tree; between different components only
};
/// As resolve_file, with what `croft graph` draws and the result no longer says.
Result<Sourced> resolve_with_uses(const std::string& file, const Options& options);

/// For run time: makes the values of calls that were kept because an operand is LAZY. Of `options`
/// the machine, properties, the environment, `now` and the limits count.
model::Compute run_time(Options options);

/// Where a value comes from.
struct Explanation {
  std::string path;
  std::string value;              ///< short
  Where where;                    ///< the name before the value that counts
  std::vector<Frame> way;         ///< through `extends` and `#include`
  std::vector<Where> instead_of;  ///< what it replaced, the nearest first
  std::vector<Explanation> uses;  ///< what its references led to
};
/// Resolves the file and explains the attribute that `path` names: from the top level of the file,
/// or from the tree that is deployed ("sfConfig:web:port", "web:port").
Result<Explanation> explain(const std::string& file, const Options& options, std::string_view path);

/// The attributes of `component` in the language itself, one statement a line, two-space indent.
std::string print(const model::Component& component);
/// SHA-256 of what print gives, in hex: Description::digest.
std::string digest_of(const model::Component& component);
/// One value as the language writes it ("[|1, 2|]", "LAZY PARENT:x").
std::string print_value(const model::Value& value);

/// A value from its text, for --set and IPROPERTY: a primitive, vector, reference; components too.
Result<model::Value> parse_value(std::string_view text);
/// "a:b:c", "LAZY PARENT:x" -> reference.
Result<model::Reference> parse_reference(std::string_view text);

/// Checks every eager component of the tree that `config` is (and the `farm`, if any) against the
/// schema that its sfClass selects, and marks secret attributes. Adds nothing: defaults stay in the
/// schema (a reader asks for the attribute, then for AttributeSchema::fallback). Unknown sfClass is
/// an error with the nearest name. `strict`: unknown attributes are errors, not warnings.
model::Findings check(model::Description& description, const model::SchemaSet& schemas,
                      bool strict = false);

/// Whether a component that passes may have this value, or (nullopt) do without the attribute: the
/// first thing that its schema would have against it.
Result<> may_become(const model::SchemaSet& schemas, const model::Component& component,
                    const std::string& name, const std::optional<model::Value>& value);

/// What is wrong with a component that is deployed now, and with what is deployed with it.
Result<> may_deploy(const model::SchemaSet& schemas, model::Component& component);

/// The library in the binary: "org/smartfrog/components.sf" -> text.
std::optional<std::string_view> library_file(std::string_view path);
std::vector<std::string_view> library_files();

}  // namespace croft::lang
