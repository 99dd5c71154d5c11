// What runs on a host: its attributes become a model::HostWork, which is applied at start, waited
// for, judged while it runs, and removed at the end. Where the host's agent is away nothing can be
// said, and nothing is done: it goes on by itself there. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "components/host/fields.h"
#include "components/registry.h"
#include "engine/component.h"
#include "engine/host.h"
#include "model/host_work.h"

namespace croft::components {

class HostComponent : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  bool silence_ends() const override { return false; }
  bool must_end(const engine::Context&) const override { return true; }

 protected:
  using What = decltype(model::HostWork::what);
  /// From the attributes alone. Code::unresolved where a link leads nowhere yet.
  virtual Result<What> describe(engine::Context& context) = 0;
  /// What has to be fetched for it: secrets, a signed address.
  virtual aio::Task<Result<>> complete(engine::Context& context, What& what);
  /// It is so on the host: what others may want to know.
  virtual void is_ready(engine::Context& context, const engine::Host& host,
                        const model::WorkState& state);
  /// While it runs, at liveness checks and when its host says something new.
  virtual aio::Task<Result<>> look_after(engine::Context& context,
                                         std::shared_ptr<engine::Host> host,
                                         model::WorkState state);
  /// It is ended or failing there: how its component ends; nullopt: it stays.
  virtual Result<std::optional<model::TerminationRecord>> end_of(engine::Context& context,
                                                                 const engine::Host& host,
                                                                 const model::WorkState& state);
  /// As far as start() waits for it.
  virtual bool has_begun(const model::WorkState& state) const;
  /// What it would apply differs each time without being anything else: what the host has stays
  /// while its description is the same.
  virtual bool is_fleeting(engine::Context& context) const;
  /// Its host starts it again when it ends, and each time is told.
  virtual bool is_kept_running() const { return false; }
  /// A digest of its description, as it was applied last.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  using HostPtr = std::shared_ptr<engine::Host>;
  aio::Task<Result<>> leave_old_host(engine::Context& context, std::string now);
  aio::Task<Result<>> begin_anew(engine::Context& context);
  void tell_restarts(engine::Context& context, const engine::Host& host,
                     const model::WorkState& state);
  aio::Task<Result<>> apply(engine::Context& context, HostPtr host);
  bool stays(engine::Context& context, const engine::Host& host, const std::string& fingerprint);
  Result<model::HostWork> described(engine::Context& context);
  aio::Task<Result<bool>> until_ready(engine::Context& context, HostPtr host);
  aio::Task<Result<>> bring(engine::Context& context);
  aio::Task<Result<>> watch(engine::Context& context);
  aio::Task<Result<>> remove_from(engine::Context& context, std::string id);

  // Of what this process applied last.
  std::string digest_;       // as the host tells it
  std::string fingerprint_;  // of its description
  bool ending_ = false;      // what a liveness check began must not be brought there again
  int64_t restarts_ = 0;     // by its host, as far as they were told
};

/// A type of this family. Its template says sfUpdatable: what changes is applied in place.
engine::ComponentType host_type_of(std::string name, std::string doc,
                                   std::vector<model::AttributeSchema> attributes,
                                   std::function<std::unique_ptr<engine::Component>()> make);

/// A duration; a bare number counts seconds.
model::AttributeSchema seconds(std::string name, std::string fallback, std::string doc);
/// A string that croft sets while it runs.
model::AttributeSchema published(std::string name, std::string doc);
/// Publishes it where it is not what it was.
void publish_once(engine::Context& context, const std::string& name, const std::string& text);
/// user, group, directory, environment and secrets of a program that runs on a host.
std::vector<model::AttributeSchema> with_program(std::vector<model::AttributeSchema> attributes);

/// The type, where sfProcessHost names a host with the objects that `there` makes.
engine::ComponentType on_hosts_too(engine::ComponentType type,
                                   std::function<std::unique_ptr<engine::Component>()> there);

/// "on i-1: exit status 1: the last line that it wrote".
std::string told(const model::WorkState& state, const engine::Host& host);

/// sfProcessHost names a host for it, whether or not that has joined.
Result<bool> is_placed_away(const engine::Context& context);
/// Code::unsupported for a component that is placed on a host, of a type that works only on the
/// controller's machine.
Result<> must_be_here(const engine::Context& context);

/// The host that it asks, at once or later: Code::unsupported where it is placed nowhere,
/// Code::unavailable where the host's agent is away.
aio::Task<Result<std::shared_ptr<engine::Host>>> asked_host(engine::Context& context);

}  // namespace croft::components
