#include "components/aws/host_machines.h"

#include <fmt/format.h>

#include "aio/cancel.h"
#include "aio/scope.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "components/http_action.h"
#include "engine/host.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr const char* bucket_intent = "PUT agent bucket";
constexpr const char* remove_intent = "DELETE agent bucket";
const std::string bucket_prefix = "croft-agents-";
constexpr const char* agent_object = "croft-agent";
constexpr const char* rendezvous_object = "rendezvous.json";
constexpr Duration agent_url_lasts = Duration::hours(24);
constexpr Duration rendezvous_url_lasts = Duration::hours(7 * 24);  // SigV4 allows no more
constexpr Duration rendezvous_again = Duration::hours(24);
constexpr Duration rendezvous_retry = Duration::minutes(1);
constexpr Duration join_within = Duration::minutes(5);
constexpr size_t name_digits = 24;
constexpr const char* rendezvous_note = "rendezvous";

}  // namespace

/// The same for one component and generation, and nobody else's; one that has moved keeps its own.
std::string agent_bucket(const Context& context) {
  for (const engine::Rented& thing : context.record().rented)
    if (thing.kind == "bucket" && thing.open() && thing.id.starts_with(bucket_prefix))
      return thing.id;
  return bucket_prefix +
         sha256_hex(context.path() + " " + context.client_token()).substr(0, name_digits);
}

namespace {
const engine::Rented* bucket_rented(const Context& context) {
  const engine::Rented* found = context.find_rented(agent_bucket(context));
  return found && found->open() ? found : nullptr;
}

}  // namespace

aio::Task<Result<>> make_agent_bucket(Context& context, cloud::S3 s3,
                                      std::vector<cloud::Tag> tags) {
  if (bucket_rented(context)) co_return Result<>{};
  std::string bucket = agent_bucket(context);
  if (!host_intent_open(context))
    CO_TRY(co_await context.intend(bucket_intent, {{"bucket", bucket}}));
  context.waits("the bucket that brings the agent is made");
  auto made = co_await context.outside(bucket_intent, s3.create_bucket(bucket));
  if (!made) {
    Error error = std::move(made).error();
    if (!outcome_unknown(error)) CO_TRY(co_await context.settle({}, {}, error));
    co_return fail(std::move(error));
  }
  // Before it is in the record: whoever is cut off here makes it again, and tags it.
  auto tagged =
      co_await context.outside("tag agent bucket", s3.put_bucket_tags(bucket, std::move(tags)));
  if (!tagged && tagged.error().code != Code::unsupported) co_return tagged;
  co_return co_await context.settle({context.rented("bucket", bucket)});
}

namespace {

/// `always`: the bucket may be a new one.
aio::Task<Result<>> put_rendezvous(Context& context, cloud::S3 s3, bool always) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  auto now = CO_TRY(co_await hosts->rendezvous(context.farm_admin()));
  auto before = context.record().memory.find(rendezvous_note);
  bool same = before != context.record().memory.end() && before->second == now.says;
  if (same && !always) co_return Result<>{};
  cloud::PutObject rendezvous;
  rendezvous.bucket = agent_bucket(context);
  rendezvous.key = rendezvous_object;
  rendezvous.content_type = "application/json";
  rendezvous.body = std::move(now.object);
  CO_TRY(co_await context.outside("PUT rendezvous", s3.put_object(std::move(rendezvous))));
  context.remember(rendezvous_note, now.says);
  co_return Result<>{};
}

aio::Task<Result<>> tell_rendezvous_now(Context& context, engine::Keys keys) {
  if (!bucket_rented(context)) co_return Result<>{};
  engine::Hosts* hosts = CO_TRY(context.hosts());
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  CO_TRY(co_await put_rendezvous(context, s3, false));
  co_return co_await hosts->rendezvous_is_at(
      context.application(), context.path(),
      CO_TRY(s3.presign("GET", agent_bucket(context), rendezvous_object, rendezvous_url_lasts)));
}

}  // namespace

aio::Task<Result<Duration>> tell_rendezvous(Context& context, engine::Keys keys) {
  auto told = co_await tell_rendezvous_now(context, std::move(keys));
  if (told) co_return rendezvous_again;
  if (told.error().code == Code::cancelled) co_return fail(std::move(told).error());
  // Agents that know where we are need it not.
  log::warn("hosts", "{}: the rendezvous is not written: {}", context.path(), told.error().line());
  co_return rendezvous_retry;
}

bool host_intent_open(const Context& context) {
  return context.record().intent && context.record().intent->action == bucket_intent;
}

namespace {

aio::Task<Result<>> equip_agent_bucket(Context& context, cloud::S3 s3,
                                       std::vector<cloud::Tag> tags) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  CO_TRY(co_await make_agent_bucket(context, s3, std::move(tags)));
  engine::AgentProgram program = hosts->agent_program();
  context.waits("the agent is put into the bucket");
  cloud::PutObject agent;
  agent.bucket = agent_bucket(context);
  agent.key = agent_object;
  agent.body = program.bytes;
  CO_TRY(co_await context.outside("PUT agent", s3.put_object(std::move(agent))));
  co_return co_await put_rendezvous(context, s3, true);
}

aio::Task<Result<>> remove_bucket(Context& context, cloud::S3 s3, std::string bucket) {
  context.waits("the bucket that brought the agent is removed");
  CO_TRY(co_await context.intend(remove_intent, {{"bucket", bucket}}));
  auto emptied = co_await context.outside("empty agent bucket", cloud::empty_bucket(s3, bucket));
  if (!emptied && emptied.error().code != Code::not_found)
    co_return fail(std::move(emptied).error());
  auto gone = co_await context.outside(remove_intent, s3.delete_bucket(bucket));
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  co_return co_await context.settle({}, {bucket});
}

}  // namespace

aio::Task<Result<>> mend_agent_bucket(Context& context, engine::Keys keys, engine::Drift drift,
                                      std::vector<cloud::Tag> tags) {
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  switch (drift.kind) {
    case engine::Drift::Kind::gone:
      CO_TRY(co_await context.settle({}, {drift.id}));
      co_return co_await equip_agent_bucket(context, s3, std::move(tags));
    case engine::Drift::Kind::extra:
      CO_TRY(co_await context.settle({context.rented("bucket", drift.id)}));
      co_return co_await remove_bucket(context, s3, drift.id);
    case engine::Drift::Kind::stopped:
    case engine::Drift::Kind::tag:
      break;
  }
  std::vector<cloud::Tag> all = context.tags();
  for (cloud::Tag& tag : tags)
    if (cloud::tag_value(all, tag.key).empty()) all.push_back(std::move(tag));
  // S3 sets all of them at once: what others have added stays.
  if (auto there = co_await s3.get_bucket_tags(drift.id))
    for (cloud::Tag& tag : *there)
      if (cloud::tag_value(all, tag.key).empty() && !tag.key.starts_with("croft:"))
        all.push_back(std::move(tag));
  co_return co_await context.outside("tag agent bucket",
                                     s3.put_bucket_tags(drift.id, std::move(all)));
}

aio::Task<Result<std::string>> host_user_data(Context& context, engine::Keys keys,
                                              std::string client_token, std::string script,
                                              std::vector<cloud::Tag> tags) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  CO_TRY(co_await equip_agent_bucket(context, s3, std::move(tags)));
  std::string bucket = agent_bucket(context);
  engine::Joining joining;
  joining.application = context.application();
  joining.component = context.path();
  joining.client_token = std::move(client_token);
  joining.farm_admin = context.farm_admin();
  joining.agent_url = CO_TRY(s3.presign("GET", bucket, agent_object, agent_url_lasts));
  joining.rendezvous_url =
      CO_TRY(s3.presign("GET", bucket, rendezvous_object, rendezvous_url_lasts));
  joining.script = std::move(script);
  co_return co_await hosts->user_data(std::move(joining));
}

aio::Task<Result<>> expect_hosts(Context& context, std::string client_token,
                                 const std::map<std::string, cloud::Instance>& running) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  for (const auto& [id, instance] : running) {
    if (instance.private_address.empty()) continue;
    CO_TRY(co_await hosts->expect({.application = context.application(),
                                   .component = context.path(),
                                   .client_token = client_token,
                                   .farm_admin = context.farm_admin(),
                                   .instance = id,
                                   .address = instance.private_address}));
  }
  co_return Result<>{};
}

aio::Task<Result<std::vector<std::string>>> wait_for_hosts(Context& context,
                                                           std::string client_token,
                                                           std::vector<std::string> instances) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  Moment until = context.world().clock.now() + join_within;
  for (;;) {
    std::vector<std::string> missing, lost;
    for (const std::string& id : instances) {
      auto host = hosts->find(context.application(), id);
      if (!host || !host->connected()) missing.push_back(id);
      // What has joined before is known to those who judge.
      if (host && !host->connected()) until = context.world().clock.now() + join_within;
      if (host && host->lost()) lost.push_back(id);
    }
    if (!lost.empty() || missing.empty()) context.waits("");
    if (!lost.empty()) co_return lost;
    // All of the call are known and in: the call will not be repeated.
    if (missing.empty()) {
      CO_TRY(co_await hosts->leave(std::move(client_token)));
      co_return lost;
    }
    context.waits(fmt::format("{} of {} machines have joined", instances.size() - missing.size(),
                              instances.size()));
    Duration left = until - context.world().clock.now();
    auto told = left <= Duration()
                    ? fail(Code::timeout, "")
                    : co_await aio::deadline(context.world().clock, left, hosts->changed().wait(),
                                             "waiting for agents");
    if (told) continue;
    if (told.error().code != Code::timeout) co_return fail(std::move(told).error());
    co_return fail(
        Error(Code::timeout,
              fmt::format("{} did not join within {}", join(missing, ", "), join_within.text()))
            .hint("its console says what its user data did: aws ec2 get-console-output"));
  }
}

aio::Task<Result<>> forget_hosts(Context& context, std::vector<std::string> instances) {
  auto hosts = context.hosts();
  if (!hosts) co_return Result<>{};
  for (std::string& id : instances)
    CO_TRY(co_await (*hosts)->forget(context.application(), std::move(id)));
  co_return Result<>{};
}

aio::Task<Result<>> leave_hosts(Context& context, engine::Keys keys, std::string client_token) {
  if (auto hosts = context.hosts()) CO_TRY(co_await (*hosts)->leave(std::move(client_token)));
  std::string bucket = agent_bucket(context);
  if (!bucket_rented(context) && !host_intent_open(context)) co_return Result<>{};
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  if (host_intent_open(context)) {
    // The call may have arrived. A bucket of that name can only be ours.
    auto there = co_await s3.head_bucket(bucket);
    if (!there && there.error().code != Code::not_found) co_return there;
    std::vector<engine::Rented> made;
    if (there) made.push_back(context.rented("bucket", bucket));
    CO_TRY(co_await context.settle(std::move(made)));
    if (!there) co_return Result<>{};
  }
  co_return co_await remove_bucket(context, s3, std::move(bucket));
}

}  // namespace croft::components
