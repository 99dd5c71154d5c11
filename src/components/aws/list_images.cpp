// ListEC2Images and ValidateEC2Settings: questions to EC2 that change nothing.
#include <fmt/format.h>

#include "components/aws/ec2_work.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class ListImages : public Ec2Work {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto listed = co_await list(context);
    if (!listed && listed.error().code == Code::cancelled) co_return fail(listed.error());
    if (!listed) {
      context.end(TerminationRecord::abnormal(context.path(), "the images cannot be listed",
                                              listed.error().line()));
      co_return Result<>{};
    }
    co_return context.done(
        TerminationRecord::normal(context.path(), fmt::format("{} images", *listed)));
  }

 private:
  aio::Task<Result<size_t>> list(Context& context) {
    auto ec2 = CO_TRY(co_await client(context));
    std::vector<cloud::Filter> filters;
    std::string state = CO_TRY(context.string_or("state", "available"));
    if (!state.empty()) filters.push_back({"state", {state}});
    std::string manifest = CO_TRY(context.string_or("manifest", ""));
    if (!manifest.empty()) filters.push_back({"manifest-location", {manifest}});
    if (!CO_TRY(context.boolean_or("includePublic", true)))
      filters.push_back({"is-public", {"false"}});
    auto images = CO_TRY(co_await ec2.describe_images(
        CO_TRY(strings_of(context, "images")), filters, CO_TRY(strings_of(context, "owners"))));
    model::Vector ids;
    for (const auto& image : images) ids.emplace_back(image.id);
    std::string path = context.path();
    if (auto target = CO_TRY(context.component_or_null("target")))
      path = CO_TRY(context.path_of(target));
    std::string first = CO_TRY(context.string_or("targetAttribute", "imageID"));
    if (!ids.empty() && !first.empty()) CO_TRY(context.set_of_other(path, first, ids.front()));
    std::string all = CO_TRY(context.string_or("targetList", "imageList"));
    if (!all.empty()) CO_TRY(context.set_of_other(path, all, model::Value(std::move(ids))));
    co_return images.size();
  }
};

class ValidateEC2Settings : public Ec2Work {
 public:
  aio::Task<Result<>> work(Context& context) override {
    CO_TRY(co_await sleep_durably(context, "began",
                                  CO_TRY(context.duration_or("delay", "ms", Duration{}))));
    if (CO_TRY(context.boolean_or("simulateFailure", false))) {
      context.end(TerminationRecord::abnormal(context.path(), "a failure was asked for"));
      co_return Result<>{};
    }
    auto ec2 = CO_TRY(co_await client(context));
    auto zones = co_await ec2.describe_zones();
    if (zones)
      co_return context.done(TerminationRecord::normal(context.path(), "the farm lets it in"));
    if (zones.error().code == Code::cancelled) co_return fail(zones.error());
    context.end(TerminationRecord::abnormal(context.path(), "the farm does not let it in",
                                            zones.error().line()));
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType list_images_type() {
  engine::ComponentType type;
  type.works = type.calls_farm = true;
  type.schema.sf_class = "croft.ListImages";
  type.schema.type = "ListEC2Images";
  type.schema.base = "croft.Prim";
  type.schema.doc = "The images of an account; writes the list and the first into `target`.";
  type.schema.attributes = ec2_attributes(
      {with_default("images", Type::vector, model::Vector{}, "these ids; empty: any"),
       with_default("owners", Type::vector, model::Vector{}, "owned by these; empty: by anybody"),
       attribute("users", Type::vector, "kept for old descriptions"),
       with_default("state", Type::string, "available", "in this state; empty: in any"),
       with_default("manifest", Type::string, "", "with this manifest; empty: with any"),
       with_default("includePublic", Type::boolean, true, "public ones, too"),
       attribute("target", Type::any, "LAZY link to who gets the answer; default: itself"),
       with_default("targetList", Type::string, "imageList", "its attribute for all ids"),
       with_default("targetAttribute", Type::string, "imageID", "its attribute for the first id")});
  for (const char* name : {"imageList", "imageID"}) {
    auto out = attribute(name, Type::any, "the answer, where it is written to itself");
    out.published = true;
    type.schema.attributes.push_back(out);
  }
  type.make = [] { return std::make_unique<ListImages>(); };
  return type;
}

engine::ComponentType validate_ec2_settings_type() {
  engine::ComponentType type;
  type.works = type.calls_farm = true;
  type.schema.sf_class = "croft.ValidateEC2Settings";
  type.schema.type = "ValidateEC2Settings";
  type.schema.base = "croft.Prim";
  type.schema.doc = "Logs in and ends.";
  type.schema.attributes = ec2_attributes(
      {time_attribute("delay", 0, "waits first"),
       with_default("simulateFailure", Type::boolean, false, "fail without asking")});
  type.make = [] { return std::make_unique<ValidateEC2Settings>(); };
  return type;
}

}  // namespace croft::components
