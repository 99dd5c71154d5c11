// S3File: an object in a bucket, put, checked, got or deleted by HTTP actions. An object that its
// PUT made new and its terminateActions delete is rented; others are the user's.
#include <fmt/format.h>

#include "components/registry.h"
#include "components/remote_resource.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class S3File : public RemoteResource {
 protected:
  aio::Task<Result<>> start_action(Context& context, HttpAction action) override {
    CO_TRY(co_await act_journaled_or_plain(context, action));
    auto actions = CO_TRY(actions_of(context, "terminateActions"));
    bool temporary =
        std::ranges::any_of(actions, [](const HttpAction& end) { return end.verb == "DELETE"; });
    if (action.verb != "PUT" || !temporary) co_return Result<>{};
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    co_return co_await context.settle({context.rented("object", bucket + "/" + key)});
  }
  aio::Task<Result<>> end_action(Context& context, HttpAction action) override {
    if (!context.ran_before() && !context.record().memory.contains("acted")) co_return Result<>{};
    CO_TRY(co_await act_journaled_or_plain(context, action));
    if (action.verb != "DELETE") co_return Result<>{};
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    co_return co_await context.settle({}, {bucket + "/" + key});
  }
  aio::Task<Result<>> finish_intent(Context& context) override {
    // A PUT or DELETE of an object can be repeated: it is done again where it is wanted.
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    bool put = context.record().intent->action.starts_with("PUT");
    auto actions = CO_TRY(actions_of(context, "terminateActions"));
    bool temporary =
        std::ranges::any_of(actions, [](const HttpAction& end) { return end.verb == "DELETE"; });
    if (!put || !temporary) co_return co_await context.settle({});
    co_return co_await context.settle({context.rented("object", bucket + "/" + key)});
  }

 private:
  aio::Task<Result<>> act_journaled_or_plain(Context& context, HttpAction action) {
    if (action.verb == "GET" || action.verb == "HEAD" || action.verb == "OPTIONS")
      co_return co_await act(context, std::move(action));
    co_return co_await act_journaled(context, std::move(action));
  }
};

}  // namespace

engine::ComponentType s3_file_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  auto& schema = type.schema;
  schema.sf_class = "croft.S3File";
  schema.type = "S3File";
  schema.base = "croft.RemoteResource";
  schema.doc = "An object in a bucket.";
  schema.attributes = {
      required("bucket", Type::string, "the bucket that holds it"),
      required("name", Type::string, "its key"),
  };
  schema.rule = remote_resource_schema().rule;
  type.make = [] { return std::make_unique<S3File>(); };
  return type;
}

}  // namespace croft::components
