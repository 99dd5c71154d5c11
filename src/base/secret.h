// A value that must not be seen: it cannot be formatted, is wiped when dropped, and is compared in
// constant time. Thread-compatible.
#pragma once
#include <string>
#include <string_view>

namespace croft {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The bytes, for the one place that needs them (a signature, a descriptor handed to a process).
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  void wipe();
  std::string text_;
};

/// Same content? Takes the same time for every input of the same length (CRYPTO_memcmp).
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace croft
