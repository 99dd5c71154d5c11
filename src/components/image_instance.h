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

class ImageInstance : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  aio::Task<Result<std::optional<engine::Keys>>> account(engine::Context& context) override;
  bool silence_ends() const override { return false; }
  aio::Task<Result<>> work(engine::Context& context) override;

 protected:
  /// Ids of what it rents now.
  static std::vector<std::string> open_ids(const engine::Context& context);
  /// It rents others than before.
  virtual void machines_changed() {}

 private:
  aio::Task<Result<cloud::Ec2>> client(engine::Context& context);
  Result<cloud::RunInstances> request(engine::Context& context);
  aio::Task<Result<>> check_image(engine::Context& context, cloud::Ec2 ec2, std::string image);
  /// Some component is to run on its machines.
  virtual bool holds_hosts(const engine::Context& context) const;
  aio::Task<Result<>> make_joining(engine::Context& context, cloud::RunInstances& wanted);
  aio::Task<Result<>> rent(engine::Context& context, cloud::Ec2 ec2, int missing = 0);
  aio::Task<Result<>> replace_lost(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> wait_until_running(engine::Context& context, cloud::Ec2 ec2);
  Result<> judge(engine::Context& context, const std::map<std::string, cloud::Instance>& seen,
                 std::vector<std::string>& gone);
  void publish(engine::Context& context, const std::map<std::string, cloud::Instance>& seen);
  /// Ends machines that are held to be dead, so that none can come back, and makes up for them.
  aio::Task<Result<>> fence(engine::Context& context, std::vector<std::string> lost);
  aio::Task<Result<>> look_after(engine::Context& context, cloud::Ec2 ec2, bool changed = false);
  aio::Task<Result<>> find_lost(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> give_back(engine::Context& context, cloud::Ec2 ec2,
                                std::vector<std::string> ids);

  aio::Mutex tending_;  // ping() and work() both make up for what is gone
};

/// Of both: what renting machines of one image takes and publishes.
model::ComponentSchema image_instance_schema();
Result<std::vector<plan::Rent>> image_instance_rents(const model::Component& component);

}  // namespace croft::components
