// Failures on purpose, for tests of what deploys on the farm: refused and throttled calls, lagging
// answers, machines that are killed or stand still. Each ends by itself and can be undone before.
// None outlives the farm's process (a new one lets all machines go on), but what was killed stays
// dead. Loop thread only.
// Limits: most faults at once, longest.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "aio/sync.h"
#include "farm/api/context.h"
#include "farm/ec2/state.h"
#include "sandbox/sandbox.h"

namespace croft::farm::ec2 {

struct Fault {
  enum class Kind { refuse, lag, freeze, kill };
  static constexpr Duration longest = Duration::hours(1);

  std::string id;  ///< "fault-1"
  Kind kind = Kind::refuse;
  std::string action = "*";            ///< refuse: pattern of action names
  std::string code = "InternalError";  ///< refuse
  int percent = 100;                   ///< refuse: of the calls
  Duration lag;                        ///< lag: new instances are unknown for so long
  std::vector<std::string> instances;  ///< freeze, kill
  WallTime until;
};
std::string_view name_of(Fault::Kind kind);

class Faults {
 public:
  static constexpr size_t most = 100;

  Faults(Context& context, State& state, sandbox::Machines& machines)
      : context_(context), state_(state), machines_(machines) {}

  /// Until cancelled: ends what stands still when its time is over.
  aio::Task<Result<>> run();
  /// The refusal that this call meets, if it meets one.
  Result<> meet(std::string_view action);
  /// Instances made after this moment are not to be seen yet.
  WallTime seen_until() const;

  /// Begins it; its id.
  aio::Task<Result<std::string>> begin(Fault fault, Duration length);
  /// Ends it before its time. Code::not_found.
  aio::Task<Result<>> undo(std::string id);
  std::vector<Fault> all();
  /// Admin routes: GET /faults, POST /faults, POST /faults/undo.
  void add_routes();

 private:
  aio::Task<Result<>> signal_all(std::vector<std::string> instances, int signal);
  Result<std::vector<std::string>> targets(const std::string& instance,
                                           const std::string& zone) const;
  aio::Task<Result<std::string>> post(std::string body);
  std::string list();

  Context& context_;
  State& state_;
  sandbox::Machines& machines_;
  std::vector<Fault> faults_;
  int64_t last_ = 0;
  aio::Signal begun_;
};

}  // namespace croft::farm::ec2
