// Whether an image is there, and is the one that is meant: its digest, signed.
#include <fmt/format.h>

#include "components/image_instance.h"
#include "engine/host.h"

namespace croft::components {

using engine::Context;

/// Before anything is promised: does the farm answer, is the key right, is there such an image?
aio::Task<Result<>> ImageInstance::check_image(Context& context, cloud::Ec2 ec2,
                                               std::string image) {
  context.waits(fmt::format("the farm is asked for image {}", image));
  auto images = co_await ec2.describe_images({image});
  if (images && !images->empty()) co_return co_await check_digest(context, images->front());
  Error error = images ? Error(Code::not_found, fmt::format("there is no image {}", image))
                       : std::move(images).error();
  if (error.code == Code::not_found || error.code == Code::invalid_argument) {
    error.where = context.where("imageID");
    error.hint(context.farm().kind == cloud::FarmKind::embedded
                   ? fmt::format("let it stand for the built-in image: `farm extends EmbeddedFarm "
                                 "{{ images extends {{ any \"{}\"; }} }}`",
                                 image)
                   : "image ids differ from region to region");
  } else if (error.code == Code::unauthenticated || error.code == Code::permission_denied) {
    error.where = context.where("key");
    error.hint(
        "id and key of this component are an access key and its secret; without them the usual AWS "
        "variables count");
  }
  co_return fail(std::move(error));
}

/// Tags can be changed by whoever may write to the account: the signature is over the image's id.
aio::Task<Result<>> ImageInstance::check_digest(Context& context, const cloud::Image& image) {
  std::string wanted = CO_TRY(context.string_or("imageDigest", ""));
  std::string signer = CO_TRY(context.string_or("imageSigner", ""));
  if (wanted.empty() && signer.empty()) co_return Result<>{};
  std::string carried = cloud::tag_value(image.tags, cloud::tag_digest);
  const char* attribute = wanted.empty() ? "imageSigner" : "imageDigest";
  if (carried.empty() || (!wanted.empty() && carried != wanted))
    co_return fail(
        Error(Code::permission_denied,
              carried.empty() ? fmt::format("image {} carries no digest", image.id)
                              : fmt::format("image {} has the digest {}", image.id, carried),
              context.where(attribute))
            .hint(wanted.empty() ? "a MachineImage or `croft image build` makes images that do"
                                 : fmt::format("{} is wanted here", wanted)));
  engine::Hosts* hosts = CO_TRY(context.hosts());
  auto good = co_await hosts->check_signed(image_statement(image.id, carried),
                                           cloud::tag_value(image.tags, cloud::tag_signature),
                                           std::move(signer));
  if (good || good.error().code == Code::cancelled) co_return good;
  co_return fail(Error(Code::permission_denied,
                       fmt::format("image {} is not signed by who is to have signed it: {}",
                                   image.id, good.error().line()),
                       context.where(attribute)));
}

std::string image_statement(const std::string& id, const std::string& digest) {
  return fmt::format("croft image 1\n{}\n{}\n", id, digest);
}

}  // namespace croft::components
