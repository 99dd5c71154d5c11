// A value of the SmartFrog language as it stands after resolution: what a description is made of.
// Pure data, no I/O. Values are cheap to copy (long strings and trees are shared).
// Thread-compatible. Source: the language reference, section 1.4.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace croft::model {

class Component;
class Value;
struct Reference;
using ComponentPtr = std::shared_ptr<Component>;
using Vector = std::vector<Value>;

struct Null {
  friend bool operator==(Null, Null) = default;
};
/// Bytes as `#HEX#..#` writes them.
struct ByteArray {
  std::string bytes;
  friend bool operator==(const ByteArray&, const ByteArray&) = default;
};
/// The value TBD: still to be filled in; using it is an error.
struct ToBeDefined {
  friend bool operator==(ToBeDefined, ToBeDefined) = default;
};
/// A call or assertion kept for run time: LAZY APPLY {...} / LAZY ASSERT {...}.
struct Call {
  bool assertion = false;
  ComponentPtr body;  ///< has sfFunctionClass and the operands
  bool lazy = true;   ///< false only in a tree that is not linked yet
};

/// The alternatives in the order of Value::Kind.
using ValueVariant =
    std::variant<Null, bool, int32_t, int64_t, float, double, std::string, ByteArray, Vector,
                 std::shared_ptr<const Reference>, Call, ToBeDefined, ComponentPtr>;

class Value {
 public:
  enum class Kind {
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
    component
  };

  Value() = default;
  // Defined once: every file that holds a value would compile thirteen alternatives again.
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
  template <class T>
    requires std::constructible_from<ValueVariant, T>
  Value(T value) : data_(std::move(value)) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind_wanted) const { return kind() == kind_wanted; }
  const ValueVariant& data() const { return data_; }

  /// A decimal written without a suffix: a real that prints without `D`. No part of equality.
  static Value decimal(double value) {
    Value out(value);
    out.bare_ = true;
    return out;
  }
  bool bare_decimal() const { return bare_; }

  template <class T>
  const T* get() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  T* get() {
    return std::get_if<T>(&data_);
  }

  /// Integers of both widths; nullopt for anything else.
  std::optional<int64_t> as_integer() const;
  /// Any number.
  std::optional<double> as_number() const;
  ComponentPtr as_component() const;

  /// "string", "int", "vector", ...: the word error messages use.
  std::string_view kind_name() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  ValueVariant data_;
  bool bare_ = false;
};

std::string_view kind_name(Value::Kind kind);

bool operator==(const Call& a, const Call& b);

/// One step of a reference (language reference 1.9).
struct Part {
  enum class Kind {
    here,
    attrib,
    parent,
    root,
    self,
    process,
    host,
    property,
    iproperty,
    env_property,
    ienv_property,
    constant
  };
  Kind kind = Kind::here;
  std::string name;  ///< for the kinds that take one
  friend bool operator==(const Part&, const Part&) = default;
};

/// A path to another attribute. In a resolved description only LAZY ones (links) are left, and
/// DATA ones, which are values.
struct Reference {
  std::vector<Part> parts;
  bool lazy = false;
  bool data = false;
  bool optional = false;
  Value fallback;            ///< of OPTIONAL(default)
  std::string text() const;  ///< as the language writes it: "LAZY PARENT:db:port"
  friend bool operator==(const Reference&, const Reference&) = default;
};

}  // namespace croft::model
