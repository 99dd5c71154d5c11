// What a machine is given to read at its first boot so that it becomes a host: a shell script that
// fetches the agent, checks it, and starts it. Needs a shell, sha256sum, and curl or wget. Pure.
#pragma once
#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace croft::controller {

struct UserData {
  std::string agent_url;
  std::string agent_sha256;
  std::string controller;  ///< "169.254.1.1:40000", several with commas
  std::string pin;         ///< of the authority
  std::string rendezvous_url;
  Secret token;
  std::string script;  ///< the description's own: run beside the agent, as cloud-init would
};

/// The same for a machine that becomes a controller: it fetches croft, checks it, and keeps
/// `croft controller settle` running.
struct ControllerUserData {
  std::string program_url;
  std::string program_sha256;
  std::string papers_url;
  Secret papers_key;  ///< 32 bytes
};
Result<std::string> text_of(const ControllerUserData& data);

/// Code::invalid_argument where a value cannot stand in a shell script.
Result<std::string> text_of(const UserData& data);

}  // namespace croft::controller
