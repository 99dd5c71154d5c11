// InstanceGroup: machines that are hosts, with the same parts on every one. What stands under
// `each` is deployed on each member; a member that comes later gets it, one that is lost loses it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "aio/scope.h"
#include "components/image_instance.h"
#include "components/registry.h"
#include "engine/host.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr const char* part = "each";

class InstanceGroup : public ImageInstance {
 public:
  aio::Task<Result<>> start(Context& context) override;
  aio::Task<Result<>> ping(Context& context) override;
  aio::Task<Result<>> work(Context& context) override;

 private:
  bool holds_hosts(const Context&) const override { return true; }
  void machines_changed() override { changed_.notify(); }
  /// Every member has its parts, nobody else has.
  aio::Task<Result<>> tend(Context& context);
  aio::Task<Result<>> bring_up(Context& context, std::string member);
  aio::Task<Result<>> watch(Context& context, std::string member);
  aio::Task<Result<>> watch_machines(Context& context);
  bool has_parts(const Context& context) const { return context.has_action(part); }

  aio::Signal changed_;
  std::set<std::string> watched_;
  std::optional<TerminationRecord> end_;
};

aio::Task<Result<>> InstanceGroup::bring_up(Context& context, std::string member) {
  CO_TRY(co_await context.deploy_action(member, part));
  co_return co_await context.start_action(member);
}

aio::Task<Result<>> InstanceGroup::tend(Context& context) {
  if (!has_parts(context)) co_return Result<>{};
  std::vector<std::string> members = open_ids(context);
  for (const std::string& name : context.children()) {
    if (std::ranges::find(members, name) != members.end() || !context.knows_action(name)) continue;
    CO_TRY(co_await context.end_action(
        name, TerminationRecord::normal(context.path(), "its machine is gone")));
    context.forget_action(name);
  }
  aio::Scope scope(co_await aio::here());
  for (std::string& member : members) scope.spawn(bring_up(context, std::move(member)));
  co_return co_await scope.join();
}

aio::Task<Result<>> InstanceGroup::start(Context& context) {
  CO_TRY(co_await ImageInstance::start(context));
  co_return co_await tend(context);
}

aio::Task<Result<>> InstanceGroup::ping(Context& context) {
  auto before = open_ids(context);
  auto done = co_await ImageInstance::ping(context);
  if (open_ids(context) != before) changed_.notify();
  co_return done;
}

/// The end of a member's parts is the group's end, unless its machine went.
aio::Task<Result<>> InstanceGroup::watch(Context& context, std::string member) {
  auto record = co_await context.end_of(member);
  watched_.erase(member);
  if (!record)
    co_return record.error().code == Code::cancelled ? Result<>{} : fail(std::move(record).error());
  auto members = open_ids(context);
  if (std::ranges::find(members, member) != members.end() && !end_) end_ = *std::move(record);
  changed_.notify();
  co_return Result<>{};
}

/// A machine that is not made up for ends the group.
aio::Task<Result<>> InstanceGroup::watch_machines(Context& context) {
  auto done = co_await ImageInstance::work(context);
  if (done || done.error().code == Code::cancelled) co_return done;
  if (!end_)
    end_ = TerminationRecord::abnormal(context.path(), "machines are lost", done.error().line());
  changed_.notify();
  co_return Result<>{};
}

aio::Task<Result<>> InstanceGroup::work(Context& context) {
  end_.reset();
  watched_.clear();
  aio::Scope scope(co_await aio::here());
  scope.spawn(watch_machines(context));
  Result<> done;
  while (done && !end_) {
    for (const std::string& member : open_ids(context))
      if (has_parts(context) && context.knows_action(member) && watched_.insert(member).second)
        scope.spawn(watch(context, member));
    done = co_await changed_.wait();
    if (done && !end_) done = co_await tend(context);
  }
  scope.cancel();
  auto joined = co_await scope.join();
  if (end_) {
    context.end(*std::move(end_));
    co_return Result<>{};
  }
  co_return done ? joined : done;
}

}  // namespace

engine::ComponentType instance_group_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.compound = true;
  type.coded = true;
  type.actions = true;
  type.works = true;
  type.schema = image_instance_schema();
  type.schema.sf_class = "croft.InstanceGroup";
  type.schema.type = "InstanceGroup";
  type.schema.doc =
      "Machines that are hosts, minCount to maxCount of them, with the same parts on every one: "
      "`each` is deployed on each member, on those that replace lost ones too.";
  type.schema.attributes.push_back(
      attribute(part, Type::component, "what runs on every member; its parts are placed there"));
  type.make = [] { return std::make_unique<InstanceGroup>(); };
  type.rents = image_instance_rents;
  return type;
}

}  // namespace croft::components
