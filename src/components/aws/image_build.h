// MachineImage: an image that is built of a description: a machine of the image `imageID` is
// rented, `contents` is deployed on it, an image is made of it, and the machine is given back.
// Where the contents change another one is built beside it, and who is made of it follows. Loop
// thread only.
#pragma once
#include <string>
#include <vector>

#include "aio/sync.h"
#include "components/image_instance.h"

namespace croft::components {

inline constexpr const char* machine_image_part = "contents";

class MachineImage : public ImageInstance {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  aio::Task<Result<>> prepare_update(engine::Context& context, model::ComponentPtr wanted) override;
  std::string imports() const override { return ""; }
  aio::Task<Result<>> repair(engine::Context& context, std::vector<engine::Drift> drifts) override;
  void asked_again(engine::Context& context) override;
  bool changing(const engine::Context& context) const override {
    return wants_another(context) || unfinished(context);
  }
  std::string setback(const engine::Context& context) const override;

 private:
  using Ids = std::vector<std::string>;
  bool holds_hosts(const engine::Context&) const override { return true; }
  // image_build.cpp: how one is made.
  static bool wants_another(const engine::Context& context);
  static bool unfinished(const engine::Context& context);
  static std::string digest_of(const engine::Context& context);
  static std::string current_image(const engine::Context& context);
  static std::string current_digest(const engine::Context& context);
  static Ids open_things(const engine::Context& context, std::string_view kind);
  aio::Task<Result<>> follow(engine::Context& context);
  aio::Task<Result<>> finish(engine::Context& context);
  aio::Task<Result<>> build(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> fill(engine::Context& context, std::string machine);
  aio::Task<Result<>> until_lost(engine::Context& context, std::string machine);
  aio::Task<Result<>> seal(engine::Context& context, std::string machine);
  aio::Task<Result<>> create(engine::Context& context, cloud::Ec2 ec2, std::string machine);
  aio::Task<Result<>> finish_intent(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> take(engine::Context& context, cloud::Ec2 ec2, std::string image);
  aio::Task<Result<>> tidy(engine::Context& context);
  // image_keep.cpp: those that there are.
  aio::Task<Result<>> remove(engine::Context& context, cloud::Ec2 ec2, Ids images);
  /// What an earlier life has kept is this one's.
  aio::Task<Result<>> take_kept(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> drop_old(engine::Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> drop_snapshots(engine::Context& context, cloud::Ec2 ec2);
  /// They are not there any more: another is to be built.
  aio::Task<Result<>> count_out_images(engine::Context& context, Ids gone);

  aio::Signal changed_;
};

}  // namespace croft::components
