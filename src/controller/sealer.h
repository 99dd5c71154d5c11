// How descriptions travel and are kept: in clear over the unix socket, sealed in the store.
#pragma once
#include "protocol/json_model.h"
#include "trust/encryption.h"

namespace croft::controller {

/// Over the unix socket, which only this user can open: text as it is.
class PlainSealer : public protocol::SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override { return plain.reveal(); }
  Result<Secret> open(std::string_view sealed) const override {
    return Secret(std::string(sealed));
  }
};

/// In the store: AES-256-GCM in pieces that trust takes, as text.
class StoreSealer : public protocol::SecretSealer {
 public:
  explicit StoreSealer(const trust::Encryption& encryption) : encryption_(encryption) {}
  Result<std::string> seal(const Secret& plain) const override;
  Result<Secret> open(std::string_view sealed) const override;

 private:
  const trust::Encryption& encryption_;
};

}  // namespace croft::controller
