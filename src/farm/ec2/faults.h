// Failures on purpose, for tests of what deploys on the farm: refused and throttled calls, lagging
// answers, machines that are killed or stand still, links that are cut or slow, names that nobody
// answers for, a slow or stopped look-up of keys, full disks, spot instances taken away. Each ends
// by itself and can be undone before. None outlives the farm's process (a new one lets everything
// go on), but what was killed or taken stays so. Loop thread only.
// Limits: most faults at once, longest.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aio/sync.h"
#include "farm/api/context.h"
#include "farm/ec2/state.h"
#include "sandbox/sandbox.h"

namespace croft::farm::ec2 {

struct Fault {
  enum class Kind {
    refuse,
    throttle,
    lag,
    freeze,
    kill,
    link,
    dns,
    auth,
    disk,
    interrupt,
    spot_price,
  };
  static constexpr Duration longest = Duration::hours(1);

  std::string id;  ///< "fault-1"
  Kind kind = Kind::refuse;
  std::string where;         ///< an instance, host, rack or zone; empty: all (disk: the farm's own)
  std::string action = "*";  ///< refuse, throttle: pattern of action names
  std::string code = "InternalError";  ///< refuse
  int percent = 100;     ///< refuse: of the calls; link: of the packets; spot_price: of the usual
  double rate = 20;      ///< throttle: tokens a second
  double burst = 100;    ///< throttle: tokens of a full bucket
  Duration lag;          ///< lag: what happened is unknown for so long
  Duration time;         ///< auth: of one look-up; interrupt: between notice and end
  bool down = false;     ///< auth: it does not answer at all
  std::string to;        ///< link: the other side, also "gateway"; empty: everybody
  bool one_way = false;  ///< link: only from `where`
  int64_t bytes_per_second = 0;  ///< link: slow, not cut
  WallTime until;

  std::vector<std::string> instances;  ///< freeze, kill, disk, interrupt: those that met it
};
std::string_view name_of(Fault::Kind kind);

class Faults {
 public:
  static constexpr size_t most = 100;

  Faults(Context& context, State& state, sandbox::Machines& machines)
      : context_(context), state_(state), machines_(machines) {}

  /// Gives notice to a spot instance. Set by the owner; without it there are no spot instances.
  std::function<aio::Task<Result<>>(std::string instance, Duration notice)> interrupt;

  /// Until cancelled: ends what is over, and keeps links hindered for machines that come.
  aio::Task<Result<>> run();
  /// Machines came or went.
  void changed() {
    stale_links_ = true;
    begun_.notify();
  }
  /// The refusal that this call meets, if it meets one.
  Result<> meet(std::string_view action, std::string_view account = "");
  /// What happened after this moment is not to be seen yet.
  WallTime seen_until() const;
  /// Killed or standing still as a whole: nothing is placed there.
  bool is_down(std::string_view host) const;
  /// It stands still: its status checks fail.
  bool is_frozen(const Instance& instance) const;
  /// Names are not answered in this instance.
  bool dns_silent(std::string_view instance) const;
  /// Of the usual spot price.
  int spot_percent() const;

  /// Begins it; its id.
  aio::Task<Result<std::string>> begin(Fault fault, Duration length);
  /// Ends it before its time. Code::not_found.
  aio::Task<Result<>> undo(std::string id);
  std::vector<Fault> all();
  /// Admin routes: GET /faults, POST /faults, POST /faults/undo.
  void add_routes();

 private:
  struct Bucket {
    double tokens = 0;
    Moment at;
  };
  bool covers(std::string_view where, const Instance& instance) const;
  std::vector<std::string> addresses_of(std::string_view where) const;
  Result<> check_where(const std::string& where, bool gateway) const;
  Result<std::vector<std::string>> running_at(const Fault& fault) const;
  bool takes_token(const Fault& fault, std::string_view action, std::string_view account);
  aio::Task<Result<>> apply(const Fault& fault, bool on);
  aio::Task<Result<>> tell_links();
  aio::Task<Result<>> signal_all(std::vector<std::string> instances, int signal);
  aio::Task<Result<std::string>> post(std::string body);
  std::string list();

  Context& context_;
  State& state_;
  sandbox::Machines& machines_;
  std::vector<Fault> faults_;
  std::map<std::string, Bucket, std::less<>> buckets_;  ///< by fault, account and action
  int64_t last_ = 0;
  bool stale_links_ = false;
  aio::Signal begun_;
};

}  // namespace croft::farm::ec2
