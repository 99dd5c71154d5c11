// Controllers: machines that are controllers themselves, so that applications on a farm elsewhere
// have one that their agents can reach. Each fetches croft from a bucket of the component's own,
// gets keys and place from a sealed object beside it, and answers operators by TLS. Three or five
// have their store on etcd, one its own. Loop thread only.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "components/image_instance.h"
#include "net/http_client.h"

namespace croft::components {

/// Where they answer operators, unless they are told otherwise.
inline constexpr int32_t controllers_api_port = 7070;

class Controllers : public ImageInstance {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  /// Holds the doors of all: one that is silent while most are not is fenced and replaced.
  aio::Task<Result<>> work(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  aio::Task<Result<>> repair(engine::Context& context, std::vector<engine::Drift> drifts) override;
  std::string imports() const override { return ""; }

 private:
  Result<bool> majority_is_gone(engine::Context& context,
                                const std::map<std::string, cloud::Instance>& seen);
  /// One round of work(): where the majority is gone nothing is rented, which could not help.
  aio::Task<Result<>> tend(engine::Context& context);
  aio::Task<Result<>> fence_the_silent(engine::Context& context,
                                       const std::map<std::string, cloud::Instance>& seen);
  aio::Task<Result<>> equip(engine::Context& context, cloud::RunInstances& wanted) override;
  aio::Task<Result<>> settle_in(engine::Context& context,
                                const std::map<std::string, cloud::Instance>& seen) override;
  aio::Task<Result<std::string>> group(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> drop_group(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> hand_out_papers(engine::Context& context, cloud::S3 s3,
                                      const std::map<std::string, cloud::Instance>& seen);
  aio::Task<Result<>> until_they_answer(engine::Context& context,
                                        const std::map<std::string, cloud::Instance>& seen);
  /// Whether a controller of our authority answers operators there.
  aio::Task<Result<bool>> answers(engine::Context& context, std::string address);
  aio::Task<Result<net::HttpClient*>> doors(engine::Context& context);

  std::unique_ptr<net::HttpClient> doors_;
  bool told_ = false;                     ///< that the majority is gone
  std::map<std::string, Moment> silent_;  // instance -> since when
};

}  // namespace croft::components
