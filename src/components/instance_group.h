// Machines that are hosts, with the same parts on every one. One loop decides what is done next,
// one thing at a time: members without parts get them, then the count is made right, then one batch
// of a rollout; so that what scales and what updates never work against each other. Loop thread
// only.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/scope.h"
#include "components/image_instance.h"
#include "model/record.h"

namespace croft::components {

/// How a change comes to the members: the attribute `update`.
struct Rollout {
  int64_t batch = 1;  ///< members at once
  int64_t surge = 0;  ///< further machines while it lasts
  Duration pause;     ///< after each batch, of a canary after the first
  bool canary = false;
  bool blue_green = false;
  bool reverts = true;        ///< what fails: back to the last good one, else as it is
  int64_t least_serving = 0;  ///< so many members serve at any time of it
};

class InstanceGroup : public ImageInstance {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;
  aio::Task<Result<>> prepare_update(engine::Context& context, model::ComponentPtr wanted) override;
  aio::Task<Result<>> abandon_update(engine::Context& context) override;
  /// "scale 5": so many members, whatever a metric says until its next cool-down is over.
  aio::Task<Result<>> receive(engine::Context& context, std::string event) override;
  void asked_again(engine::Context& context) override;
  bool changing(const engine::Context& context) const override;
  std::string setback(const engine::Context& context) const override;

 private:
  using Ids = std::vector<std::string>;
  bool holds_hosts(const engine::Context&) const override { return true; }
  void machines_changed() override { changed_.notify(); }
  bool has_parts(const engine::Context& context) const { return context.has_action("each"); }

  // instance_group.cpp: members and their parts.
  aio::Task<Result<>> tend(engine::Context& context);
  aio::Task<Result<>> bring_up(engine::Context& context, std::string member);
  aio::Task<Result<>> take_down(engine::Context& context, std::string member, std::string why);
  aio::Task<Result<>> take_down_all(engine::Context& context, Ids members, std::string why);
  /// Out of `serving` first, so that nobody sends anything there any more.
  aio::Task<Result<>> drain(engine::Context& context, Ids members);
  aio::Task<Result<>> retire(engine::Context& context, Ids members, std::string why);
  aio::Task<Result<>> watch(engine::Context& context, std::string member);
  aio::Task<Result<>> watch_machines(engine::Context& context);
  void publish_serving(engine::Context& context);
  aio::Task<Result<>> go_on(engine::Context& context, aio::Scope& scope);
  /// The next thing to do; false: there is none.
  aio::Task<Result<bool>> step(engine::Context& context);

  std::optional<std::string> restarted_again(const engine::Context& context) const;

  // group_rollout.cpp: members come to what the description says now.
  static Result<Rollout> rollout_of(const engine::Context& context);
  /// Of the `update` of a description whose group has at most `members`.
  static Result<Rollout> rollout_in(const engine::Context& context, model::ComponentPtr update,
                                    int64_t members);
  std::string wanted_key(const engine::Context& context) const;
  std::string machine_wanted(const engine::Context& context) const;
  std::string parts_wanted(const engine::Context& context) const;
  /// What members are made from: "each", or what was good before where that has failed.
  std::string pattern(const engine::Context& context) const;
  Ids outdated(const engine::Context& context) const;
  bool has_given_up(const engine::Context& context) const;
  aio::Task<Result<bool>> roll(engine::Context& context);
  aio::Task<Result<>> replace(engine::Context& context, const Rollout& how, Ids old);
  aio::Task<Result<>> change_in_place(engine::Context& context, Ids batch);
  aio::Task<Result<>> settle_rollout(engine::Context& context);
  /// True: it goes back; false: there is nothing to go back to.
  bool fail_rollout(engine::Context& context, const std::string& why);
  void keep_way_back(engine::Context& context);
  bool needs_other_machines(const engine::Context& context, const Ids& members) const;
  void begin_rollout(engine::Context& context, size_t members, const Rollout& how);
  int64_t within_budget(engine::Context& context, const Rollout& how, const Ids& old,
                        int64_t wanted);

  // group_scale.cpp: how many there are to be.
  std::optional<int64_t> target(const engine::Context& context) const;
  void set_target(engine::Context& context, int64_t count, const std::string& why);
  /// Without the further ones of a rollout; nullopt: what there is is right, within the bounds.
  std::optional<int64_t> wanted_members(const engine::Context& context) const;
  Result<int64_t> surge(const engine::Context& context) const;
  aio::Task<Result<>> have_fewer(engine::Context& context, int64_t extra);
  aio::Task<Result<bool>> have_more(engine::Context& context, int64_t missing);
  aio::Task<Result<bool>> make_count_right(engine::Context& context);
  /// Of `scale`.
  static Result<Duration> cooldown_of(const engine::Context& context);
  aio::Task<Result<>> follow_metric(engine::Context& context);
  Result<std::optional<int64_t>> asked_by_metric(engine::Context& context);
  Result<std::optional<double>> number_of(engine::Context& context, const model::Component& scale);
  /// Of the members' own processes: "CPU", or a name of Process:metrics; the average over members.
  std::optional<double> figure(engine::Context& context, const std::string& name);
  std::optional<double> processor_share(engine::Context& context, const std::string& member,
                                        Duration used);

  /// When a report of its processor time came, and what it said: the last few of a member.
  struct Spent {
    Moment at;
    Duration cpu;
  };

  aio::Signal changed_;
  std::map<std::string, std::vector<Spent>> spent_;
  std::set<std::string> watched_;
  std::map<std::string, uint64_t> lives_;  ///< of a member: how often its parts were taken down
  std::set<std::string> serving_;          ///< their parts run
  std::set<std::string> draining_;         ///< they are about to go, or to be made anew
  std::set<std::string> hidden_;  ///< of a blue-green change: not shown before all are there
  std::optional<model::TerminationRecord> end_;
  std::optional<Moment> watch_until_;   ///< the batch that came last is new until then
  std::optional<std::string> failure_;  ///< of a member that is part of a rollout
  std::string waits_for_;               ///< what the budget of a rollout waits for, told once
  bool updating_ = false;
  bool rolling_ = false;
  bool first_batch_ = false;
  int64_t base_ = 0;                  ///< members when the rollout began
  std::optional<Moment> retry_;       ///< the farm had no room: not before then
  std::optional<Moment> scaled_;      ///< when the size changed last
  std::optional<Moment> less_since_;  ///< the metric has asked for fewer since then
};

/// A note of the group: "parts:i-1".
std::string note_of(const engine::Context& context, const std::string& name);

}  // namespace croft::components
