// Where the controller of a home is, when it is on another machine: HOME/login.json, mode 0600.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "aio/world.h"
#include "base/secret.h"

namespace croft::cli {

struct Login {
  std::string url;                  ///< "https://10.0.0.7:7070"
  std::vector<std::string> others;  ///< of the same store: one of them all leads
  std::string fingerprint;          ///< of the controller's authority, lower-case hex
  Secret token;
  std::string farm;  ///< what --farm is without one; empty: as everywhere
};

class Invocation;
/// URL and --fingerprint of a command line, the token from the standard input.
Result<Login> login_from(const Invocation& invocation);
/// Nullopt: the controller is this machine's. Code::corrupt for a file that is no login,
/// Code::permission_denied for one that others may read.
Result<std::optional<Login>> login_of(const std::string& home);
/// The commands of the home go there from now on. Durable.
aio::Task<Result<>> keep_login(aio::World& world, std::string home, Login login);
/// Whether the home was logged in.
aio::Task<Result<bool>> drop_login(aio::World& world, std::string home);
/// The same without its reasons.
bool logged_in(const std::string& home);
/// What cannot be done from another machine is refused, with `what` in words.
Result<> check_here(const std::string& home, std::string what);

}  // namespace croft::cli
