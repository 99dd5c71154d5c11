// A farm of machines by role. Who asks names itself, and gets the same machines when it asks again
// after a crash. What is given out is durable in the farmer's own record. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "aio/sync.h"
#include "components/cloudfarmer/allocation.h"
#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

struct ClusterNode {
  std::string id, role, hostname, external_hostname;
  std::string owner;  ///< path of the customer; empty: kept for the next one
};

class ClusterFarmer : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& own) override;

  aio::Task<Result<std::vector<ClusterNode>>> create(engine::Context& own, std::string owner,
                                                     std::string role, int64_t least, int64_t most);
  /// Those that are not there any more are passed over.
  aio::Task<Result<>> release(engine::Context& own, std::vector<std::string> ids);
  /// Given out now; `role` empty: of all roles.
  std::vector<ClusterNode> list(const engine::Context& own, const std::string& role = "") const;
  bool has_role(const engine::Context& own, const std::string& role) const;
  virtual aio::Task<Result<bool>> available(engine::Context& own);
  /// A description can be put on its machines: it is deployed in the controller, as if.
  virtual bool pretends() const { return false; }

 protected:
  /// `count` machines, at least `least`, for `owner`; they are in the record on return.
  virtual aio::Task<Result<>> make(engine::Context& own, std::string owner, std::string role,
                                   int64_t least, int64_t count) = 0;
  /// Default: they leave the list.
  virtual aio::Task<Result<>> unmake(engine::Context& own, std::vector<ClusterNode> gone);
  virtual int64_t default_limit() const { return 1000; }
  virtual Result<int64_t> limit(engine::Context& own) const;
  /// Machines that are nobody's and count against the limit all the same.
  virtual int64_t beside(const engine::Context&) const { return 0; }

  static std::vector<ClusterNode> nodes_of(const engine::Context& own);
  static void keep_nodes(engine::Context& own, const std::vector<ClusterNode>& nodes);
  model::ComponentPtr role_of(const engine::Context& own, const std::string& role) const;

 private:
  aio::Mutex one_at_a_time_;
};

/// How descriptions get onto the machines of a farmer: its `deploymentFactory`.
class NodeDeployment : public engine::Component {
 public:
  /// Whether it does so at all.
  virtual bool puts() const { return false; }
  /// `name`: the application there. Idempotent.
  virtual aio::Task<Result<>> put(engine::Context& own, std::string host, std::string name,
                                  std::string text);
  virtual aio::Task<Result<>> take_back(engine::Context& own, std::string host, std::string name);
};
struct DeploymentLink {
  std::shared_ptr<engine::Component> object;
  NodeDeployment* deployment = nullptr;
  engine::Context* own = nullptr;
};

/// The farmer that the attribute `farmer` of `context` links to, with its own context.
struct FarmerLink {
  std::shared_ptr<engine::Component> object;
  ClusterFarmer* farmer = nullptr;
  engine::Context* own = nullptr;
};
Result<FarmerLink> farmer_of(const engine::Context& context);
/// Its deploymentFactory, where that puts descriptions onto machines.
Result<std::optional<DeploymentLink>> deployment_of(const FarmerLink& farmer);

/// A farmer's type; its own attributes `more` follow those of all.
engine::ComponentType farmer_type(std::string name, std::string doc, int32_t limit,
                                  std::vector<model::AttributeSchema> more,
                                  std::function<std::unique_ptr<engine::Component>()> make);

}  // namespace croft::components
