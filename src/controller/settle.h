// A machine that was rented to be a controller becomes one, and stays one. Loop thread only.
//
// Its papers are a sealed object behind a URL (engine::Hosts::controller_papers): the keys that it
// has in common with who rented it, which machines are controllers beside it, its ports, and the
// digest of the owner's token. They are read once; what has to last is in HOME/rented.json, which
// holds no secret. Where there are several, a member of etcd runs on each, which is this one's
// child.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::controller {

/// What the papers are the secret of: trust/encryption.h.
inline constexpr const char* papers_place = "papers of a controller";

struct SettleOptions {
  std::string home;
  std::string papers_file;        ///< holds the URL; removed once the papers are read
  std::string key_file;           ///< holds their key, in base64; removed likewise
  std::string instance, address;  ///< of this machine: its id, its private address
};

/// Waits for papers that name this machine, then serves until cancelled or stopped. Errors: those
/// of Controller::open, Code::corrupt for papers that are none, Code::not_found without etcd.
aio::Task<Result<>> settle(aio::World& world, SettleOptions options);

}  // namespace croft::controller
