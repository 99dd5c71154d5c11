// ListInstances and KillInstances: the instances of an account, by id, image and state.
#include <fmt/format.h>

#include "base/text.h"
#include "components/aws/ec2_work.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using cloud::InstanceState;
using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr Duration shortest_poll = Duration::milliseconds(100);

class ListInstances : public Ec2Work {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(limits(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    auto found = co_await find(context);
    if (!found) {
      if (found.error().code == Code::cancelled) co_return fail(std::move(found).error());
      context.end(TerminationRecord::abnormal(context.path(), "the instances cannot be listed",
                                              found.error().line()));
      co_return Result<>{};
    }
    model::Vector ids(found->begin(), found->end());
    context.publish("instanceList", model::Value(std::move(ids)));
    context.publish("instanceCount", model::Value(static_cast<int64_t>(found->size())));
    auto done = co_await act(context, *found);
    if (!done) {
      if (done.error().code == Code::cancelled) co_return done;
      context.end(TerminationRecord::abnormal(context.path(), "not all could be ended",
                                              done.error().line()));
      co_return Result<>{};
    }
    co_return context.done(
        TerminationRecord::normal(context.path(), fmt::format("{} instances", found->size())));
  }

 protected:
  virtual aio::Task<Result<>> act(Context&, std::vector<std::string>) { co_return Result<>{}; }

 private:
  struct Limits {
    int64_t least = -1, most = -1;
  };
  static Result<Limits> limits(Context& context) {
    Limits out{TRY(context.integer_or("minCount", -1)), TRY(context.integer_or("maxCount", -1))};
    if (out.most >= 0 && out.least > out.most)
      return fail(Code::invalid_argument,
                  fmt::format("maxCount is {}, below minCount {}", out.most, out.least),
                  context.where("maxCount"));
    return out;
  }

  aio::Task<Result<std::vector<std::string>>> once(Context& context, cloud::Ec2 ec2) {
    cloud::DescribeInstances question;
    question.ids = CO_TRY(strings_of(context, "instances"));
    std::string image = CO_TRY(context.string_or("imageID", ""));
    if (!image.empty()) question.filters.push_back({"image-id", {image}});
    std::string state = CO_TRY(context.string_or("state", ""));
    if (!state.empty()) question.filters.push_back({"instance-state-name", {state}});
    std::vector<std::string> out;
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(question))))
      out.push_back(instance.id);
    co_return out;
  }

  /// Until their number is in range, or the time is over.
  aio::Task<Result<std::vector<std::string>>> find(Context& context) {
    auto ec2 = CO_TRY(co_await client(context));
    Limits wanted = CO_TRY(limits(context));
    Duration timeout = CO_TRY(context.duration_or("timeout", "ms", Duration::seconds(30)));
    Duration poll = CO_TRY(context.duration_or("pollInterval", "ms", Duration::seconds(1)));
    for (;;) {
      auto found = CO_TRY(co_await once(context, ec2));
      auto count = static_cast<int64_t>(found.size());
      bool enough = wanted.least < 0 || count >= wanted.least;
      bool few = wanted.most < 0 || count <= wanted.most;
      if (enough && few) co_return found;
      Duration left = timeout >= Duration::forever() ? poll : time_left(context, "began", timeout);
      if (left <= Duration{})
        co_return fail(
            Code::conflict,
            enough ? fmt::format("{} instances, at most {} are wanted", count, wanted.most)
                   : fmt::format("{} instances, at least {} are wanted", count, wanted.least),
            context.where(enough ? "maxCount" : "minCount"));
      context.waits(fmt::format("{} instances; looks again, gives up in {}", count, left.text()));
      CO_TRY(co_await context.world().clock.sleep(std::min(left, std::max(poll, shortest_poll))));
    }
  }
};

class KillInstances : public ListInstances {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    bool named = !CO_TRY(strings_of(context, "instances")).empty() ||
                 !CO_TRY(context.string_or("imageID", "")).empty();
    // On croft's own farm no bill and nobody else's machine hangs on it.
    if (!named && context.farm().kind != cloud::FarmKind::embedded)
      co_return fail(
          Error(Code::invalid_argument,
                "neither `instances` nor `imageID` says which instances are meant",
                context.where("instances"))
              .hint("all instances of an account are ended at once on an embedded farm only"));
    co_return co_await ListInstances::deploy(context);
  }

 protected:
  aio::Task<Result<>> act(Context& context, std::vector<std::string> ids) override {
    auto ec2 = CO_TRY(co_await client(context));
    cloud::DescribeInstances question;
    question.ids = ids;
    std::vector<std::string> alive;
    if (!ids.empty())
      for (const auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(question))))
        if (instance.state != InstanceState::terminated &&
            instance.state != InstanceState::shutting_down)
          alive.push_back(instance.id);
    if (alive.empty()) co_return Result<>{};
    context.event(protocol::event::message, "ends " + join(alive, ", "));
    CO_TRY(co_await context.outside("TerminateInstances", ec2.terminate_instances(alive)));
    co_return Result<>{};
  }
};

engine::ComponentType list_type(std::string name, std::string doc,
                                std::function<std::unique_ptr<engine::Component>()> make) {
  engine::ComponentType type;
  type.works = type.calls_farm = true;
  type.schema.sf_class = "croft." + name;
  type.schema.type = std::move(name);
  type.schema.base = "croft.Prim";
  type.schema.doc = std::move(doc);
  auto list = attribute("instanceList", Type::vector, "ids of what was found");
  auto count = attribute("instanceCount", Type::integer, "how many were found");
  list.published = count.published = true;
  type.schema.attributes = ec2_attributes(
      {with_default("imageID", Type::string, "", "made of this image; empty: of any"),
       with_default("instances", Type::vector, model::Vector{}, "these ids; empty: any"),
       with_default("minCount", Type::integer, int32_t{-1}, "at least; negative: any number"),
       with_default("maxCount", Type::integer, int32_t{-1}, "at most; negative: any number"),
       or_for_ever(
           time_attribute("timeout", 30000, "how long it looks; 0: once; negative: for ever")),
       time_attribute("pollInterval", 1000, "between two looks"),
       with_default("state", Type::string, "", "in this state; empty: in any"), list, count});
  type.make = std::move(make);
  return type;
}

}  // namespace

engine::ComponentType list_instances_type() {
  return list_type("ListInstances",
                   "The instances of an account, by id, image and state; fails when they are too "
                   "few or too many.",
                   [] { return std::make_unique<ListInstances>(); });
}
engine::ComponentType kill_instances_type() {
  return list_type("KillInstances", "Ends the instances that ListInstances would find.",
                   [] { return std::make_unique<KillInstances>(); });
}

}  // namespace croft::components
