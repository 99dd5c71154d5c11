// Hosts as the engine sees them: machines with an agent, on which components are placed. The
// controller has the real ones (controller/hosts/); tests have fakes. Loop thread only.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/sync.h"
#include "aio/task.h"
#include "base/units.h"
#include "model/host_work.h"
#include "protocol/events.h"

namespace croft::engine {

class Host {
 public:
  virtual ~Host() = default;
  virtual const std::string& name() const = 0;  ///< the farm's id of the machine
  virtual std::string address() const = 0;      ///< its private address
  virtual bool connected() const = 0;
  /// So long nothing has been heard of its agent; zero while it is connected.
  virtual Duration away_for() const { return Duration(); }
  /// Why it is held to be dead: whoever rents it fences and replaces it. Nullopt: it is not.
  virtual std::optional<std::string> lost() const { return std::nullopt; }
  /// Its agent said that it was told to end, and has not come back: its machine may be starting
  /// anew.
  virtual bool leaving() const { return false; }
  /// Makes the item be so there (its digest is filled in); returns once the agent has taken it
  /// (durably). The same item again changes nothing. Code::unavailable while the agent is away.
  virtual aio::Task<Result<model::WorkState>> apply(model::HostWork work) = 0;
  /// Ends it and what it left; returns when it is gone. Idempotent.
  virtual aio::Task<Result<>> remove(std::string name) = 0;
  /// As last told; nullopt: the host has no such item.
  virtual std::optional<model::WorkState> state(const std::string& name) const = 0;
  /// What it uses and tells of itself, as last told (every ten seconds or so, and on no change()).
  virtual std::optional<model::WorkUsage> usage(const std::string& name) const {
    static_cast<void>(name);
    return std::nullopt;
  }
  /// Asks one question from there, now.
  virtual aio::Task<Result<>> ask(model::Probe probe) = 0;
  /// Notified at every change of state, of an item or of the connection.
  virtual aio::Signal& changed() = 0;
};

/// The program that machines fetch and run.
struct AgentProgram {
  std::string_view bytes;
  std::string sha256;  ///< lower-case hex
};

/// What a machine needs to join.
struct Joining {
  std::string application, component;
  std::string client_token;    ///< of the call that rents it
  std::string farm_admin;      ///< admin socket of the embedded farm; empty: another farm
  std::string agent_url;       ///< where the program is, to be fetched by anybody who has the URL
  std::string rendezvous_url;  ///< where the controller's addresses are kept; may be empty
  std::string script;          ///< the description's own user data
};

/// What makes a rented machine a controller of the same authority as this one.
struct RentedController {
  std::string client_token;  ///< of the call that rents it
  std::string program_url;   ///< where croft is, to be fetched by anybody who has the URL
  std::string program_sha256;
  std::string papers_url;  ///< where controller_papers() will be
};

/// A machine that was rented to join.
struct Machine {
  std::string application, component, client_token;
  std::string farm_admin;
  std::string instance, address;
};

/// Those of one controller.
class Hosts {
 public:
  virtual ~Hosts() = default;
  virtual AgentProgram agent_program() const = 0;
  /// User data that makes a machine join. The same for the same client token, also after a restart:
  /// a repeated call must not differ. Code::unsupported where machines of that farm cannot reach
  /// this controller.
  virtual aio::Task<Result<std::string>> user_data(Joining joining) = 0;
  /// The farm has it and says so: it may join from now on, for a while. Durable. Idempotent.
  virtual aio::Task<Result<>> expect(Machine machine) = 0;
  /// It is gone, or given back: its certificate and token are worth nothing any more. Durable.
  virtual aio::Task<Result<>> forget(std::string application, std::string instance) = 0;
  /// No machine is rented under this client token (any more): what was made for it goes. Durable.
  virtual aio::Task<Result<>> leave(std::string client_token) = 0;
  /// The host of that instance of the application, once it has joined; else null.
  virtual std::shared_ptr<Host> find(std::string_view application, std::string_view instance) = 0;
  /// What the agents of that farm are told of where the controller is: the rendezvous object.
  struct Rendezvous {
    std::string object;
    std::string says;  ///< what is signed in it: the same while controllers are where they were
  };
  virtual aio::Task<Result<Rendezvous>> rendezvous(std::string farm_admin) = 0;
  /// The machines of that component read it there from now on.
  virtual aio::Task<Result<>> rendezvous_is_at(std::string application, std::string component,
                                               std::string url) = 0;
  /// It is held to be dead from now on (Host::lost).
  virtual void give_up(const std::string& application, const std::string& instance,
                       std::string why) = 0;
  /// It is not dead: the farm knows why it is silent. It has `within` to be heard again.
  virtual void spare(const std::string& application, const std::string& instance,
                     Duration within) = 0;
  /// A statement signed by this controller's authority: base64.
  virtual aio::Task<Result<std::string>> sign(std::string text) {
    static_cast<void>(text);
    co_return fail(Code::unsupported, "nothing is signed here");
  }
  /// Whether the holder of that certificate (PEM; empty: this controller's own) signed the text.
  virtual aio::Task<Result<>> check_signed(std::string text, std::string signature,
                                           std::string signer) {
    static_cast<void>(text), static_cast<void>(signature), static_cast<void>(signer);
    co_return fail(Code::unsupported, "no signature can be checked here");
  }
  /// User data that makes a machine a controller: the same for the same client token, as
  /// user_data().
  virtual aio::Task<Result<std::string>> controller_user_data(RentedController machine) {
    static_cast<void>(machine);
    co_return fail(Code::unsupported, "no controller is rented from here");
  }
  /// What such a machine has to know (JSON, beside the keys of this one), sealed so that machines
  /// of that call alone can read it.
  virtual aio::Task<Result<std::string>> controller_papers(std::string client_token,
                                                           std::string what) {
    static_cast<void>(client_token), static_cast<void>(what);
    co_return fail(Code::unsupported, "no controller is rented from here");
  }
  /// By what clients know this one's authority: SHA-256 of its certificate.
  virtual aio::Task<Result<std::string>> pin() {
    co_return fail(Code::unsupported, "there is no authority here");
  }
  /// Notified when a host joins or leaves.
  virtual aio::Signal& changed() = 0;
};

}  // namespace croft::engine
