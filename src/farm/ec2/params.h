// The parameters of one EC2 call: flattened names ("Filter.2.Value.1") checked against the action's
// schema once, then read by path. Indices may have gaps and come in any order. Thread-compatible.
// Limits: max_parameters, max_name.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace croft::farm::ec2 {

using Fields = std::vector<std::pair<std::string, std::string>>;

enum class Kind {
  text,         ///< `low`..`high` characters
  integer,      ///< `low`..`high`
  boolean,      ///< true | false
  id,           ///< `detail` is the prefix: "i"
  choice,       ///< `detail` is "a|b|c"
  unsupported,  ///< EC2 knows it, this farm does not: refused by name, never ignored
  ignored,      ///< accepted without effect: hints about hardware that is not there
};

struct Param {
  std::string_view
      path;  ///< "TagSpecification.N.Tag.N.Key"; N is any index, a final ".*" all below
  Kind kind = Kind::text;
  bool required = false;
  std::string_view detail = "";
  int64_t low = 0;
  int64_t high = 1024;
};
using Schema = std::span<const Param>;

class Params {
 public:
  static constexpr size_t max_parameters = 4000;
  static constexpr size_t max_name = 256;

  /// Every field known to `schema` (or `common`), of its type, and all required ones there. Errors:
  /// UnknownParameter, MissingParameter, InvalidParameterValue, Invalid...Malformed,
  /// UnsupportedOperation.
  static Result<Params> check(Schema schema, Schema common, const Fields& fields);

  bool empty() const { return fields_.empty(); }
  bool has(std::string_view path) const { return find(path).has_value(); }
  std::optional<std::string_view> find(std::string_view path) const;
  std::string text(std::string_view path, std::string_view fallback = "") const;
  int64_t number(std::string_view path, int64_t fallback) const;
  bool flag(std::string_view path, bool fallback = false) const;
  /// The values of "path.N" in order of N.
  std::vector<std::string> list(std::string_view path) const;
  /// The groups "path.N.*" in order of N, each with names relative to it.
  std::vector<Params> items(std::string_view path) const;
  /// Those below "path.", with names relative to it.
  Params under(std::string_view path) const;
  /// These and, of what `base` names at its top level and these do not, its fields.
  Params over(const Fields& base) const;
  const Fields& fields() const { return fields_; }
  /// The same for the same parameters in any order; `except` is left out.
  std::string fingerprint(std::string_view except) const;

 private:
  Fields fields_;
};

}  // namespace croft::farm::ec2
