#include "controller/sealer.h"

#include "base/text.h"

namespace croft::controller {
namespace {
constexpr std::string_view place = "controller/application";
constexpr size_t piece = 512 << 10;
}  // namespace

Result<std::string> StoreSealer::seal(const Secret& plain) const {
  std::string out;
  std::string_view rest = plain.reveal();
  do {
    auto part = rest.substr(0, piece);
    rest.remove_prefix(part.size());
    if (!out.empty()) out += '.';
    out += base64(TRY(encryption_.seal(Secret(std::string(part)), place)));
  } while (!rest.empty());
  return out;
}

Result<Secret> StoreSealer::open(std::string_view sealed) const {
  std::string out;
  for (const std::string& part : split(sealed, '.')) {
    auto bytes = unbase64(part);
    if (!bytes) return fail(Code::corrupt, "a sealed text of the store is damaged");
    out += TRY(encryption_.unseal(*bytes, place)).reveal();
  }
  return Secret(std::move(out));
}

}  // namespace croft::controller
