#include "sandbox/traffic_meter.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace croft::sandbox {

namespace {

constexpr const char* table_name = "croft_traffic";

struct Set {
  const char* name;
  int64_t Counted::* what;
};
constexpr std::array sets{Set{"received", &Counted::in}, Set{"sent", &Counted::out},
                          Set{"public_received", &Counted::public_in},
                          Set{"public_sent", &Counted::public_out}};

}  // namespace

std::string traffic_table() {
  std::string out = fmt::format("add table ip {}", table_name);
  for (const Set& set : sets)
    out += fmt::format("; add set ip {} {} {{ type ipv4_addr; counter; }}", table_name, set.name);
  // After the filter, which has dropped what may not pass; before addresses are replaced.
  out += fmt::format(
      "; add chain ip {0} passed {{ type filter hook postrouting priority filter; policy accept; }}"
      "; flush chain ip {0} passed"
      "; add rule ip {0} passed ip saddr 169.254.169.252/30 accept"
      "; add rule ip {0} passed ip saddr @sent"
      "; add rule ip {0} passed ip daddr @received"
      "; add rule ip {0} passed ct status dnat ip saddr @public_sent"
      "; add rule ip {0} passed ct status dnat ip daddr @public_received"
      // What ends here: the controller's sockets at the gateway's address; not metadata and names.
      "; add chain ip {0} arrived {{ type filter hook input priority security; policy accept; }}"
      "; flush chain ip {0} arrived"
      "; add rule ip {0} arrived ip daddr 169.254.169.252/30 accept"
      "; add rule ip {0} arrived ip saddr @sent",
      table_name);
  return out;
}

std::vector<nft::Element> traffic_elements(const std::string& address) {
  auto key = ipv4(address);
  if (!key) return {};
  std::vector<nft::Element> out;
  for (const Set& set : sets) out.push_back({set.name, nft::bytes(*key), {}, {}, table_name});
  return out;
}

namespace {

/// Machines come and go while it is read: once more, and then what there is of it.
Result<std::map<std::string, int64_t>> counted_in(Netlink& filter, const char* set) {
  constexpr int most_attempts = 5;
  std::map<std::string, int64_t> out;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    auto listed = TRY(filter.dump(nft::list_elements(table_name, set)));
    for (const std::string& message : listed.messages) nft::add_counted(message, out);
    if (listed.whole) break;
  }
  return out;
}

}  // namespace

Result<std::map<std::string, Counted>> read_counters(Netlink& filter) {
  std::map<std::string, Counted> out;
  for (const Set& set : sets) {
    for (const auto& [key, bytes] : TRY(counted_in(filter, set.name))) {
      uint32_t address = 0;
      if (key.size() != sizeof address) continue;
      memcpy(&address, key.data(), sizeof address);
      out[ipv4_text(address)].*set.what = bytes;
    }
  }
  return out;
}

std::string traffic_folder(const FarmLayout& layout) {
  return layout.folder + "/.traffic";
}

}  // namespace croft::sandbox
