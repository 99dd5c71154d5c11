// Attributes of a component that runs on a host, or of a part of one (`ready`, `limits`,
// `environment`): links followed, checked for their types. Loop thread only.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "engine/context.h"

namespace croft::components {

class Fields {
 public:
  /// `part`: the component's own description, or a component below it.
  Fields(const engine::Context& context, model::ComponentPtr part)
      : context_(context), part_(std::move(part)) {}
  explicit Fields(const engine::Context& context) : Fields(context, context.description()) {}

  /// nullopt where it is absent or null.
  Result<std::optional<model::Value>> find(std::string_view name) const;
  Result<std::string> string(std::string_view name, std::string_view fallback = "") const;
  /// Code::unresolved where it is absent or empty.
  Result<std::string> needed(std::string_view name) const;
  Result<int64_t> integer(std::string_view name, int64_t fallback, int64_t least,
                          int64_t most) const;
  Result<bool> boolean(std::string_view name, bool fallback) const;
  /// A bare number counts seconds.
  Result<Duration> duration(std::string_view name, Duration fallback) const;
  Result<Bytes> bytes(std::string_view name, Bytes fallback) const;
  /// Strings, numbers and booleans of a list become texts; a single string is a list of one.
  Result<std::vector<std::string>> strings(std::string_view name) const;
  /// A program and its arguments: a list, or one string that the shell reads.
  Result<std::vector<std::string>> command(std::string_view name) const;
  /// Lines for a shell: one string, or a list with a line each.
  Result<std::string> lines(std::string_view name) const;
  /// The attributes of the component that `name` is, as texts; a list's items with commas between.
  Result<std::map<std::string, std::string>> texts(std::string_view name) const;
  /// Code::invalid_argument where the part has another attribute than these.
  Result<> only(const std::vector<std::string>& names) const;
  /// Null where it is absent.
  Result<model::ComponentPtr> part(std::string_view name) const;
  /// 0644 of "0644", "644" or of a number whose decimal digits are these.
  Result<int> mode(std::string_view name, int fallback) const;

  Where where(std::string_view name) const;
  const model::ComponentPtr& component() const { return part_; }
  const engine::Context& context() const { return context_; }

 private:
  Error wrong(std::string_view name, std::string_view wanted, const model::Value& value) const;
  Result<std::string> text_of(std::string_view name, const model::Value& value) const;
  Result<std::string> joined(std::string_view name, const model::Value& value) const;

  const engine::Context& context_;
  model::ComponentPtr part_;
};

}  // namespace croft::components
