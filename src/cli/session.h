// What most verbs need: a World, the controller of this home, and the embedded farm beside it.
// One object a command. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "aio/real/real_world.h"
#include "cli/command.h"
#include "cli/login.h"
#include "net/http_client.h"
#include "wire/json.h"

namespace croft::cli {

/// Nothing listens under this home.
bool is_no_controller(const Error& error);

/// Runs a verb's coroutine on a fresh World and turns an Error into an exit code.
template <class Verb>
int run_verb(Invocation& invocation, Verb verb) {
  auto real = aio::RealWorld::open();
  if (!real) return invocation.fail(real.error());
  Result<int> code = (*real)->run(verb((*real)->world(), invocation));
  if (code) return *code;
  return invocation.fail(
      code.error(), is_no_controller(code.error()) ? exit_code::no_controller : exit_code::failed);
}

/// The controller's API over its unix socket, or by TLS where the home is logged in elsewhere.
class ControllerClient {
 public:
  ControllerClient(aio::World& world, std::string home);
  ControllerClient(aio::World& world, Login login);

  /// The JSON answer of a 2xx; otherwise the Error that the controller sent. Code::unavailable with
  /// the fact "no_controller" when nothing listens.
  aio::Task<Result<wire::json::Object>> call(std::string method, std::string target,
                                             std::string body = "",
                                             Duration deadline = Duration::seconds(60));
  /// A body read piece by piece: the event stream.
  aio::Task<Result<std::unique_ptr<net::ResponseStream>>> open(std::string target);
  /// One of several is asked, and another may lead when that one is gone: it is looked for at the
  /// next call after look_again().
  bool several() const { return login_ && *login_ && !(*login_)->others.empty(); }
  void look_again() { found_ = false; }

 private:
  Result<net::ClientRequest> request(std::string method, std::string target);
  aio::Task<Result<net::Response>> send(net::ClientRequest message);
  /// Of several: the one that leads is asked from now on, by later commands of the home, too.
  aio::Task<Result<>> find_leader(bool stands_by = false);
  aio::World& world_;
  std::string home_, socket_;
  Result<std::optional<Login>> login_;
  bool found_ = false;  ///< which of several leads
  net::HttpClient http_;
};

/// Of several controllers the one that leads, its URL first in the login from now on; what cannot
/// be reached is waited for as long as another may take to lead.
/// What an answer to /v1/health says of the others of its store.
void learn_others(Login& login, const wire::json::Object& health);
aio::Task<Result<Login>> leading(aio::World& world, Login login, bool stands_by = false);

/// Whether a controller of that authority answers at its url, whatever it says.
aio::Task<Result<bool>> answers(aio::World& world, Login login);

/// The Error inside {"error": {...}}; `fallback` where there is none.
Error error_from_answer(const wire::json::Object& answer, std::string fallback);
/// "talk" from "examples/talk/talk.sf": letters, digits, '-' and '_' are kept.
std::string application_name(std::string_view file);
/// %-encodes a name for a path.
std::string path_segment(std::string_view name);

/// Splits a body into lines as it arrives.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<net::ResponseStream> stream) : stream_(std::move(stream)) {}
  /// nullopt at the end. A line above 1 MiB is an error.
  aio::Task<Result<std::optional<std::string>>> next();

 private:
  std::unique_ptr<net::ResponseStream> stream_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace croft::cli
