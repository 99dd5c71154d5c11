// croft image ...: images built of descriptions, and who signs them.
#include <fmt/format.h>

#include "cli/application.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"
#include "trust/authority.h"

namespace croft::cli {
namespace {

namespace json = wire::json;

/// What MachineImage components of the tree have made.
Result<> collect(const json::Object& part, json::Array& images) {
  const auto* published = TRY(json::object_if(part, "published"));
  if (published && published->contains("image") && published->contains("digest"))
    images.emplace_back(json::Object{{"component", text_member(part, "path")},
                                     {"image", text_member(*published, "image")},
                                     {"digest", text_member(*published, "digest")},
                                     {"signature", text_member(*published, "signature")}});
  const auto* children = TRY(json::array_if(part, "children"));
  for (const auto& child : children ? *children : json::Array{})
    TRY(collect(child.as_object(), images));
  return {};
}

aio::Task<Result<int>> build(aio::World& world, Invocation& invocation) {
  co_return co_await bring_up(
      world, invocation, [&invocation](const json::Object& application) -> Result<> {
        json::Array images;
        const auto* root = TRY(json::object_if(application, "root"));
        if (root) TRY(collect(*root, images));
        if (images.empty())
          return fail(Error(Code::invalid_argument,
                            fmt::format("{} describes no image", invocation.positional(0)))
                          .hint("it needs a MachineImage: sfConfig extends MachineImage { imageID "
                                "\"ami-0c40f700000000001\"; contents extends Compound { ... } }"));
        if (invocation.json) {
          invocation.terminal.print(json::pretty(json::Object{
              {"application", text_member(application, "name")}, {"images", std::move(images)}}));
          return {};
        }
        for (const auto& each : images) {
          const auto& image = each.as_object();
          invocation.terminal.print(fmt::format("{}  {}  {}", text_member(image, "image"),
                                                text_member(image, "digest"),
                                                text_member(image, "component")));
        }
        return {};
      });
}

aio::Task<Result<int>> signer(aio::World& world, Invocation& invocation) {
  auto authority = CO_TRY(co_await trust::Authority::open(world, invocation.home + "/controller"));
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{
        {"certificate", authority.certificate_pem()}, {"fingerprint", authority.pin()}}));
  else
    invocation.terminal.print(authority.certificate_pem());
  co_return exit_code::done;
}

int run_build(Invocation& invocation) {
  return run_verb(invocation, build);
}
int run_signer(Invocation& invocation) {
  return run_verb(invocation, signer);
}

}  // namespace

Command image_build_command() {
  return {.path = "image build",
          .summary = "build the images that a description describes",
          .details =
              "Brings up FILE, whose MachineImage components say what their images hold: packages, "
              "files, scripts over the image they begin with. A machine is rented, the contents "
              "are deployed on it, an image is made, the machine is given back. Prints each "
              "image's id and digest. The same contents again are the same image; `croft down` "
              "of the application removes its images.",
          .example = "croft image build examples/image/image.sf",
          .positionals = {{"FILE", "the description: a file, a folder, or s3://BUCKET/KEY"}},
          .options = up_options(),
          .run = run_build};
}

Command image_signer_command() {
  return {.path = "image signer",
          .summary = "the certificate that the images of this controller are signed with",
          .details =
              "What `imageSigner` of an ImageInstance elsewhere holds, so that it rents nothing "
              "that is not of here.",
          .example = "croft image signer > images.pem",
          .run = run_signer};
}

}  // namespace croft::cli
