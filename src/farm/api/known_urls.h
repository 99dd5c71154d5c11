// Verdicts on presigned URLs: one that was found right is recognised when it comes again, as when
// a hundred hosts fetch the same artifact. Only for reads whose signature covers nothing but
// method, target and Host, which are what is compared; good for a minute, and never after a change
// of any account or past the URL's own end. Loop thread only. Memory: `max` entries of about 2 KiB.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>

#include "base/text.h"
#include "base/units.h"
#include "wire/http.h"

namespace croft::farm {

template <class Verdict>
class KnownUrls {
 public:
  static constexpr size_t max = 4096;
  static constexpr size_t target_max = 2048;
  static constexpr Duration good_for = Duration::seconds(60);

  const Verdict* find(const wire::RequestHead& head, uint64_t generation, WallTime now) {
    if (known_.empty() || !fits(head)) return nullptr;
    auto at = known_.find(name_of(head));
    if (at == known_.end()) return nullptr;
    const Entry& entry = at->second;
    bool good =
        entry.generation == generation && now >= entry.since && now - entry.since <= good_for;
    if (good) return &entry.verdict;
    known_.erase(at);
    return nullptr;
  }
  void put(const wire::RequestHead& head, uint64_t generation, WallTime now, Verdict verdict) {
    if (!fits(head)) return;
    if (known_.size() >= max) known_.clear();  // rare, and nothing is lost but a little time
    known_.insert_or_assign(name_of(head), Entry{std::move(verdict), generation, now});
  }

 private:
  struct Entry {
    Verdict verdict;
    uint64_t generation = 0;
    WallTime since;
  };
  /// A read, signed by its query alone, with no header that a signature would have to cover.
  static bool fits(const wire::RequestHead& head) {
    if (head.method != "GET" && head.method != "HEAD") return false;
    if (head.target.size() > target_max || head.headers.count("host") != 1) return false;
    if (head.target.find("X-Amz-Signature=") == std::string::npos) return false;
    for (const auto& [name, value] : head.headers.fields()) {
      if (equals_ignore_case(name, "authorization")) return false;
      if (name.size() >= 6 && equals_ignore_case(std::string_view(name).substr(0, 6), "x-amz-"))
        return false;
    }
    return true;
  }
  /// None of the three parts can hold a line break.
  static std::string name_of(const wire::RequestHead& head) {
    std::string_view host = head.headers.value("host");
    std::string out;
    out.reserve(head.method.size() + head.target.size() + host.size() + 2);
    return out.append(head.method).append("\n").append(host).append("\n").append(head.target);
  }

  std::unordered_map<std::string, Entry> known_;
};

}  // namespace croft::farm
