// Machines of one image, rented together, watched and given back: ImageInstance, and the base of
// InstanceGroup. Loop thread only.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "aio/sync.h"
#include "cloud/ec2.h"
#include "engine/component.h"

namespace croft::components {

/// The first few of them, for people.
std::string listed(const std::vector<std::string>& ids);

class ImageInstance : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  aio::Task<Result<std::optional<engine::Keys>>> account(engine::Context& context) override;
  bool silence_ends() const override { return false; }
  aio::Task<Result<>> repair(engine::Context& context, std::vector<engine::Drift> drifts) override;
  Result<std::vector<cloud::Tag>> wanted_tags(engine::Context& context) override;
  std::string imports() const override { return "instance"; }
  bool must_end(const engine::Context&) const override { return true; }
  aio::Task<Result<>> work(engine::Context& context) override;

 protected:
  aio::Task<Result<>> start_machines(engine::Context& context);
  /// Ids of what it rents now.
  static std::vector<std::string> open_ids(const engine::Context& context);
  /// What the farm says of them, by filter, so that an id it has forgotten is simply missing.
  static aio::Task<Result<std::map<std::string, cloud::Instance>>> look(
      cloud::Ec2 ec2, std::vector<std::string> ids);
  /// It rents others than before.
  virtual void machines_changed() {}
  /// Before they are asked for, also where they were and the answer was lost: what they are given
  /// to begin with. Without hosts nothing.
  virtual aio::Task<Result<>> equip(engine::Context& context, cloud::RunInstances& wanted);
  /// All of them run: until they are what they were rented to be.
  virtual aio::Task<Result<>> settle_in(engine::Context& context,
                                        const std::map<std::string, cloud::Instance>& seen);
  /// Ends machines that are held to be dead, so that none can come back, and makes up for them.
  aio::Task<Result<>> fence(engine::Context& context, std::vector<std::string> lost);
  aio::Task<Result<>> fence_these(engine::Context& context, cloud::Ec2 ec2,
                                  std::vector<std::string> lost);
  /// What is lost comes back as others: onLoss.
  static Result<bool> replaces(const engine::Context& context);
  /// Of the call that is made or was made last.
  static std::string token_of(const engine::Context& context);
  aio::Task<Result<cloud::Ec2>> client(engine::Context& context);
  /// Of a call whose answer was lost (its intent is open): what it has rented.
  aio::Task<Result<>> find_lost(engine::Context& context, cloud::Ec2 ec2);
  /// With its machines what made them hosts goes, too.
  static aio::Task<Result<>> leave(engine::Context& context);
  /// So many further machines, running and, where they are hosts, joined.
  aio::Task<Result<>> rent_more(engine::Context& context, int64_t count);
  /// These are given back.
  aio::Task<Result<>> give_up(engine::Context& context, std::vector<std::string> ids);

  std::map<std::string, int> starts_;  // of what was stopped, since it last ran
  aio::Mutex tending_;                 // ping() and work() both make up for what is gone

 private:
  Result<cloud::RunInstances> request(engine::Context& context);
  Result<std::vector<cloud::Tag>> own_tags(engine::Context& context) const;
  aio::Task<Result<>> check_image(engine::Context& context, cloud::Ec2 ec2, std::string image);
  aio::Task<Result<>> check_digest(engine::Context& context, const cloud::Image& image);
  /// Some component is to run on its machines.
  virtual bool holds_hosts(const engine::Context& context) const;
  aio::Task<Result<>> make_joining(engine::Context& context, cloud::RunInstances& wanted);
  aio::Task<Result<>> rent(engine::Context& context, cloud::Ec2 ec2, int missing = 0);
  /// One call, or the same again where its answer was lost; how many it gave.
  aio::Task<Result<int>> ask_for(engine::Context& context, cloud::Ec2 ec2,
                                 cloud::RunInstances wanted);
  Result<> within_limits(engine::Context& context, cloud::RunInstances& wanted);
  // image_zones.cpp: machines dealt over zones, by one call each.
  static bool is_renting(const engine::Context& context);
  static void next_round(engine::Context& context);
  static bool all_given_back(const engine::Context& context);
  /// Machines that are gone, told of and given back.
  static aio::Task<Result<>> count_out(engine::Context& context, std::vector<std::string> gone);
  static aio::Task<Result<>> settle_gone(engine::Context& context, std::vector<std::string> gone);
  static Result<bool> is_spread(const engine::Context& context);
  aio::Task<Result<std::vector<std::string>>> zones_of(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> deal(engine::Context& context, cloud::Ec2 ec2, cloud::RunInstances wanted);
  aio::Task<Result<>> replace_lost(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> wait_until_running(engine::Context& context, cloud::Ec2 ec2);
  Result<> judge(engine::Context& context, const std::map<std::string, cloud::Instance>& seen,
                 std::vector<std::string>& gone);
  void publish(engine::Context& context, const std::map<std::string, cloud::Instance>& seen);
  aio::Task<Result<>> look_after(engine::Context& context, cloud::Ec2 ec2, bool changed = false);
  aio::Task<Result<>> spare_stopped(engine::Context& context, cloud::Ec2 ec2,
                                    std::vector<std::string>& lost);
  aio::Task<Result<bool>> start_stopped(engine::Context& context, cloud::Ec2 ec2,
                                        std::map<std::string, cloud::Instance>& seen);
  aio::Task<Result<>> give_back(engine::Context& context, cloud::Ec2 ec2,
                                std::vector<std::string> ids);
};

/// Of both: what renting machines of one image takes and publishes.
model::ComponentSchema image_instance_schema();
/// For a type that is an ImageInstance but for these attributes.
model::ComponentSchema without(model::ComponentSchema schema,
                               std::initializer_list<std::string_view> attributes);
Result<std::vector<plan::Rent>> image_instance_rents(const model::Component& component);

/// What the signature of an image is over.
std::string image_statement(const std::string& id, const std::string& digest);

/// Which attribute a refusal of RunInstances speaks of: its code says so, or it names the value.
/// Empty: none that is known.
std::string_view refused_attribute(const Error& error, const std::string& zone,
                                   const std::string& profile, const std::string& type);

}  // namespace croft::components
