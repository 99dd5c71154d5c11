// The shapes of HTTP/1.1 messages, without I/O. Header names compare without regard to case and
// keep their spelling and order. Pure data.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::wire {

class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  /// The first value; nullopt when absent.
  std::optional<std::string_view> get(std::string_view name) const;
  /// The first value, or empty.
  std::string_view value(std::string_view name) const {
    return get(name).value_or(std::string_view{});
  }
  bool has(std::string_view name) const { return get(name).has_value(); }
  size_t count(std::string_view name) const;
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string name, std::string value);  ///< replaces all of that name
  void remove(std::string_view name);
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

struct RequestHead {
  std::string method;
  std::string target;  ///< as sent: "/bucket/key?versionId=3", percent-encoding untouched
  Headers headers;
  bool keep_alive = true;
  bool http10 = false;             ///< the peer speaks HTTP/1.0: no chunks for it
  std::string_view path() const;   ///< the target before '?', raw
  std::string_view query() const;  ///< the target after '?', raw; empty without
};

struct ResponseHead {
  int status = 200;
  std::string reason;
  Headers headers;
};

/// "Not Found" for 404; "" for an unknown status.
std::string_view reason_phrase(int status);

}  // namespace croft::wire
