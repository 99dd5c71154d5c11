#include "farm/api/file_sealer.h"

#include "trust/encryption.h"

namespace croft::farm {
namespace {

class FileSealer final : public Sealer {
 public:
  explicit FileSealer(trust::Encryption encryption) : encryption_(std::move(encryption)) {}
  Result<std::string> seal(const Secret& secret, std::string_view context) override {
    return encryption_.seal(secret, context);
  }
  Result<Secret> unseal(std::string_view sealed, std::string_view context) override {
    return encryption_.unseal(sealed, context);
  }

 private:
  trust::Encryption encryption_;
};

}  // namespace

aio::Task<Result<std::unique_ptr<Sealer>>> open_file_sealer(aio::World& world,
                                                            std::string key_file) {
  trust::Encryption encryption =
      CO_TRY(co_await trust::Encryption::open(world, std::move(key_file)));
  co_return std::make_unique<FileSealer>(std::move(encryption));
}

}  // namespace croft::farm
