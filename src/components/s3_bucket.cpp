// S3Bucket: a bucket made, watched and removed by HTTP actions. One that existed before is adopted
// and never emptied or removed; one that croft made is emptied before it is removed, unless it is
// kept.
#include <fmt/format.h>

#include "components/registry.h"
#include "components/remote_resource.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr const char* put_intent = "PUT bucket";
constexpr const char* delete_intent = "DELETE bucket";

class S3Bucket : public RemoteResource {
 public:
  aio::Task<Result<>> deploy(Context& context) override;
  aio::Task<Result<>> start(Context& context) override;
  bool silence_ends() const override { return false; }
  aio::Task<Result<>> repair(Context& context, std::vector<engine::Drift> drifts) override;
  Result<std::vector<cloud::Tag>> wanted_tags(Context& context) override;
  std::string imports() const override { return "bucket"; }
  bool must_end(const Context&) const override { return true; }

 protected:
  aio::Task<Result<>> start_action(Context& context, HttpAction action) override;
  aio::Task<Result<>> end_action(Context& context, HttpAction action) override;
  aio::Task<Result<>> finish_intent(Context& context) override;
  aio::Task<Result<>> after_end(Context& context) override;

 private:
  /// Whether the bucket is there, and whose it is.
  enum class There { absent, ours, foreign };
  Result<std::string> name(Context& context) const { return context.string("bucket"); }
  aio::Task<Result<There>> look(Context& context, cloud::S3 client, std::string bucket);
  aio::Task<Result<>> make(Context& context, cloud::S3 client, std::string bucket);
  /// `made`: just now; else what others have tagged it with stays.
  aio::Task<Result<>> tag(Context& context, cloud::S3 client, std::string bucket,
                          bool made = false);
  aio::Task<Result<>> remove(Context& context, cloud::S3 client, std::string bucket);
  Result<bool> kept_on_purpose(Context& context) const;
  Result<bool> makes_it(Context& context) const;
};

Result<bool> S3Bucket::kept_on_purpose(Context& context) const {
  if (TRY(context.boolean_or("keep", false))) return true;
  for (const HttpAction& action : TRY(actions_of(context, "terminateActions")))
    if (action.verb == "DELETE") return false;
  return true;
}

Result<bool> S3Bucket::makes_it(Context& context) const {
  for (const HttpAction& action : TRY(actions_of(context, "startActions")))
    if (action.verb == "PUT") return true;
  return false;
}

aio::Task<Result<>> S3Bucket::deploy(Context& context) {
  CO_TRY(co_await RemoteResource::deploy(context));
  std::string bucket = CO_TRY(name(context));
  if (auto problem = cloud::bucket_name_problem(bucket))
    co_return fail(Code::invalid_argument,
                   fmt::format("'{}' cannot be a bucket's name: {}", bucket, *problem),
                   context.where("bucket"));
  co_return Result<>{};
}

aio::Task<Result<>> S3Bucket::start(Context& context) {
  // A bucket that was kept from an earlier life, or made by a process that died, is looked at
  // again.
  if (context.ran_before()) {
    std::string bucket = CO_TRY(name(context));
    if (context.record().intent) CO_TRY(co_await finish_intent(context));
    if (const auto* thing = context.find_rented(bucket); thing && !thing->adopted) {
      auto client = CO_TRY(co_await s3(context));
      CO_TRY(co_await context.take_back({bucket}));
      CO_TRY(co_await tag(context, client, bucket));
    }
  }
  co_return co_await RemoteResource::start(context);
}

aio::Task<Result<S3Bucket::There>> S3Bucket::look(Context& context, cloud::S3 client,
                                                  std::string bucket) {
  // The tags rather than a HEAD: their refusal has a body that says why.
  auto tags = co_await client.get_bucket_tags(bucket);
  if (tags) {
    bool ours = cloud::tag_value(*tags, engine::tag_incarnation) ==
                    cloud::tag_value(context.tags(), engine::tag_incarnation) &&
                cloud::tag_value(*tags, cloud::tag_component) == context.path();
    co_return ours ? There::ours : There::foreign;
  }
  if (tags.error().code == Code::not_found) co_return There::absent;
  if (tags.error().code == Code::unsupported) {
    auto head = co_await client.head_bucket(bucket);
    if (head) co_return There::foreign;
    if (head.error().code == Code::not_found) co_return There::absent;
    tags = fail(std::move(head).error());
  }
  Error error = std::move(tags).error();
  if (error.code == Code::permission_denied && error.fact("aws_code") == "AccessDenied")
    error.hint(
        "a bucket of this name may belong to somebody else: names are shared by all accounts");
  if (error.code == Code::unauthenticated) {
    error.where = context.where("password");
    error.hint(
        "username and password of this component are an access key and its secret; without them "
        "the usual AWS variables count");
  }
  co_return fail(std::move(error));
}

aio::Task<Result<>> S3Bucket::start_action(Context& context, HttpAction action) {
  std::string bucket = CO_TRY(name(context));
  if (action.verb == "DELETE") {
    if (action.most > 404) action.most = 404;  // 409: it is not empty, so it was not removed
    co_return co_await act_journaled(context, std::move(action));
  }
  if (action.verb != "PUT") co_return co_await act(context, std::move(action));
  auto client = CO_TRY(co_await s3(context));
  There there = CO_TRY(co_await look(context, client, bucket));
  const engine::Rented* known = context.find_rented(bucket);
  if (known && there == There::absent) {
    CO_TRY(co_await context.settle({}, {bucket}));
    known = nullptr;
  }
  if (known) {
    if (known->adopted) co_return Result<>{};
    CO_TRY(co_await context.take_back({bucket}));
    co_return co_await tag(context, client, bucket);
  }
  switch (there) {
    case There::absent:
      co_return co_await make(context, client, bucket);
    case There::ours:
      co_return co_await context.settle({context.rented("bucket", bucket)});
    case There::foreign:
      break;
  }
  engine::Rented adopted = context.rented("bucket", bucket);
  adopted.adopted = true;
  context.event(
      protocol::event::adopted,
      fmt::format("the bucket {} was there before: croft will neither empty nor remove it",
                  bucket));
  co_return co_await context.settle({adopted});
}

aio::Task<Result<>> S3Bucket::make(Context& context, cloud::S3 client, std::string bucket) {
  CO_TRY(co_await context.intend(put_intent, {{"bucket", bucket}}));
  auto made = co_await context.outside(put_intent, client.create_bucket(bucket));
  if (!made) {
    Error error = std::move(made).error();
    if (error.code == Code::already_exists)
      error.hint("bucket names are shared by all accounts: choose another");
    if (!outcome_unknown(error)) CO_TRY(co_await context.settle({}, {}, error));
    co_return fail(std::move(error));
  }
  CO_TRY(co_await context.settle({context.rented("bucket", bucket)}));
  co_return co_await tag(context, client, bucket, true);
}

aio::Task<Result<>> S3Bucket::tag(Context& context, cloud::S3 client, std::string bucket,
                                  bool made) {
  auto tags = context.tags();
  if (CO_TRY(kept_on_purpose(context))) tags.push_back({cloud::tag_keep, "true"});
  if (auto others = made ? std::vector<cloud::Tag>() : co_await client.get_bucket_tags(bucket);
      others)
    for (cloud::Tag& tag : *others)
      if (!tag.key.starts_with("croft:")) tags.push_back(std::move(tag));
  auto done =
      co_await context.outside("tag bucket", client.put_bucket_tags(bucket, std::move(tags)));
  if (!done && done.error().code == Code::unsupported) co_return Result<>{};
  co_return done;
}

Result<std::vector<cloud::Tag>> S3Bucket::wanted_tags(Context& context) {
  auto tags = TRY(RemoteResource::wanted_tags(context));
  if (TRY(kept_on_purpose(context))) tags.push_back({cloud::tag_keep, "true"});
  return tags;
}

aio::Task<Result<>> S3Bucket::repair(Context& context, std::vector<engine::Drift> drifts) {
  auto client = CO_TRY(co_await s3(context));
  for (const engine::Drift& drift : drifts) {
    switch (drift.kind) {
      case engine::Drift::Kind::gone:
        CO_TRY(co_await context.settle({}, {drift.id}));
        CO_TRY(co_await make(context, client, drift.id));
        break;
      case engine::Drift::Kind::extra:
        CO_TRY(co_await context.settle({context.rented("bucket", drift.id)}));
        CO_TRY(co_await remove(context, client, drift.id));
        break;
      case engine::Drift::Kind::stopped:
      case engine::Drift::Kind::tag:
        CO_TRY(co_await tag(context, client, drift.id));
        break;
    }
  }
  co_return Result<>{};
}

aio::Task<Result<>> S3Bucket::finish_intent(Context& context) {
  std::string bucket = CO_TRY(name(context));
  if (context.record().intent->action != put_intent) co_return co_await context.settle({});
  auto client = CO_TRY(co_await s3(context));
  There there = CO_TRY(co_await look(context, client, bucket));
  // It was absent when the intent was written, and is the account's own now: the call arrived.
  if (there == There::absent) co_return co_await context.settle({});
  CO_TRY(co_await context.settle({context.rented("bucket", bucket)}));
  co_return co_await tag(context, client, bucket);
}

aio::Task<Result<>> S3Bucket::end_action(Context& context, HttpAction action) {
  if (action.verb != "DELETE")
    co_return co_await RemoteResource::end_action(context, std::move(action));
  std::string bucket = CO_TRY(name(context));
  const engine::Rented* known = context.find_rented(bucket);
  if (known && known->adopted) {
    context.event(protocol::event::kept, fmt::format("the bucket {} was there before", bucket));
    co_return Result<>{};
  }
  if (!known) {
    // Not made by this component's PUT: removing it is what it is for.
    if (CO_TRY(makes_it(context))) co_return Result<>{};
    if (!context.ran_before()) co_return Result<>{};
    co_return co_await start_action(context, std::move(action));
  }
  if (!known->open()) co_return Result<>{};
  if (CO_TRY(kept_on_purpose(context)) && !context.remove_kept()) co_return Result<>{};
  auto client = CO_TRY(co_await s3(context));
  co_return co_await remove(context, client, bucket);
}

aio::Task<Result<>> S3Bucket::remove(Context& context, cloud::S3 client, std::string bucket) {
  context.waits(fmt::format("bucket {} is emptied and removed", bucket));
  CO_TRY(co_await context.intend(delete_intent, {{"bucket", bucket}}));
  auto emptied = co_await context.outside("empty bucket", cloud::empty_bucket(client, bucket));
  if (!emptied && emptied.error().code != Code::not_found)
    co_return fail(std::move(emptied).error());
  auto gone = co_await context.outside(delete_intent, client.delete_bucket(bucket));
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  co_return co_await context.settle({}, {bucket});
}

aio::Task<Result<>> S3Bucket::after_end(Context& context) {
  std::string bucket = CO_TRY(name(context));
  const engine::Rented* known = context.find_rented(bucket);
  if (!known || !known->open()) co_return Result<>{};
  if (!context.remove_kept()) co_return co_await context.keep({bucket});
  auto client = CO_TRY(co_await s3(context));
  co_return co_await remove(context, client, bucket);
}

/// Known before anything is deployed, unless a link gives the name.
void check_name(const model::Component& component, std::vector<Error>& errors) {
  const auto* attribute = component.find("bucket");
  const auto* bucket = attribute ? attribute->value.get<std::string>() : nullptr;
  if (!bucket) return;
  if (auto problem = cloud::bucket_name_problem(*bucket))
    errors.emplace_back(Code::invalid_argument,
                        fmt::format("'{}' cannot be a bucket's name: {}", *bucket, *problem),
                        attribute->where);
}

}  // namespace

engine::ComponentType s3_bucket_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  auto& schema = type.schema;
  schema = remote_resource_schema();
  auto requests = schema.rule;
  schema.attributes.clear();
  schema.sf_class = "croft.S3Bucket";
  schema.type = "S3Bucket";
  schema.base = "croft.RemoteResource";
  schema.doc =
      "A bucket. Its PUT makes it, or adopts one that is there; its DELETE empties and removes "
      "what its PUT made.";
  schema.attributes = {required("bucket", Type::string, "the bucket's name")};
  schema.rule = [requests](const model::Component& component, std::vector<Error>& errors) {
    if (requests) requests(component, errors);
    check_name(component, errors);
  };
  type.make = [] { return std::make_unique<S3Bucket>(); };
  type.rents = [](const model::Component& component) -> Result<std::vector<plan::Rent>> {
    if (!starts_with_put(component)) return std::vector<plan::Rent>{};
    return std::vector<plan::Rent>{{"bucket", 1, 1, component.string("bucket").value_or("")}};
  };
  type.touches = [](const model::Component& component, plan::TypeFacts& facts) {
    auto bucket = component.string("bucket");
    if (bucket && starts_with_put(component)) facts.makes.push_back({"bucket", *bucket});
  };
  return type;
}

}  // namespace croft::components
