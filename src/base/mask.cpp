#include "base/mask.h"

#include "base/text.h"

namespace croft {
namespace {

constexpr std::string_view mask_text = "***";
constexpr size_t shortest_line = 8;

}  // namespace

void mask(std::string& text, const std::set<std::string>& secrets) {
  // The longest first: one may begin as another does.
  std::vector<const std::string*> order;
  for (const std::string& secret : secrets)
    if (secret.size() >= shortest_masked) order.push_back(&secret);
  std::ranges::stable_sort(order, std::greater(), [](const auto* each) { return each->size(); });
  for (const std::string* secret : order)
    for (size_t at = text.find(*secret); at != std::string::npos;
         at = text.find(*secret, at + mask_text.size()))
      text.replace(at, secret->size(), mask_text);
}

void add_masked(std::set<std::string>& secrets, const std::string& secret) {
  std::string_view whole = trim(secret);
  if (whole.size() < shortest_masked) return;
  secrets.emplace(whole);
  if (whole.find('\n') == std::string_view::npos) return;
  for (const std::string& line : split(whole, '\n'))
    if (trim(line).size() >= shortest_line) secrets.emplace(trim(line));
}

}  // namespace croft
