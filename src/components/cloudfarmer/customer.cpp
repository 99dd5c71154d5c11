// FarmCustomer: asks a farmer for machines of a role, and gives them back at its end.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "components/cloudfarmer/farmer.h"
#include "components/workflow/workflow.h"
#include "lang/lang.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class FarmCustomer : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    if (has_to_deploy(context) && !link.farmer->pretends() && !CO_TRY(deployment_of(link)))
      co_return fail(
          Error(Code::unsupported,
                fmt::format("{} cannot put descriptions on its machines", link.own->path()),
                context.where("toDeploy")));
    std::string role = CO_TRY(context.string_or("role", ""));
    int64_t least = CO_TRY(context.integer_or("min", 1));
    int64_t most = CO_TRY(context.integer_or("max", least));
    context.waits(fmt::format("{} to {} machines of role {} are asked for", least, most, role));
    auto nodes = CO_TRY(co_await link.farmer->create(*link.own, context.path(), role, least, most));
    publish(context, nodes);
    int64_t expected = CO_TRY(context.integer_or("expected", -1));
    if (expected >= 0 && expected != static_cast<int64_t>(nodes.size()))
      co_return fail(Code::conflict,
                     fmt::format("{} machines, {} are expected", nodes.size(), expected),
                     context.where("expected"));
    co_return expected_names(context, nodes);
  }
  aio::Task<Result<>> work(Context& context) override {
    if (!has_to_deploy(context)) {
      co_return context.done(TerminationRecord::normal(context.path(), "it has its machines"),
                             false);
    }
    auto link = CO_TRY(farmer_of(context));
    std::string base = CO_TRY(context.string_or("toDeployName", "deployed"));
    if (auto deployment = CO_TRY(deployment_of(link)))
      co_return co_await put_all(context, mine(context, link), *deployment, base);
    for (const auto& node : mine(context, link)) {
      std::string name = fmt::format("{}_{}", base, node.id);
      Result<> up = co_await context.deploy_action(name, "toDeploy");
      if (up) up = co_await context.start_action(name);
      if (!up && up.error().code == Code::cancelled) co_return up;
      if (!up) {
        context.end(TerminationRecord::abnormal(
            context.path(), fmt::format("{} cannot be deployed", name), up.error().line()));
        co_return Result<>{};
      }
    }
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (!CO_TRY(context.boolean_or("pingChecksNodes", true))) co_return Result<>{};
    auto link = CO_TRY(farmer_of(context));
    std::set<std::string> there;
    for (const auto& node : mine(context, link))
      if (!there.insert(node.id).second)
        co_return fail(Code::conflict,
                       fmt::format("{} has the machine {} twice", link.own->path(), node.id));
    for (const auto& item : CO_TRY(context.vector_or_empty("clusternodes")))
      if (auto* id = item.get<std::string>(); id && !there.contains(*id))
        co_return fail(Code::not_found, fmt::format("the machine {} is gone", *id));
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("deleteOnTerminate", true))) co_return Result<>{};
    auto link = farmer_of(context);
    if (!link) co_return Result<>{};  // the farm is gone, and its machines with it
    auto nodes = mine(context, *link);
    CO_TRY(co_await take_all_back(context, nodes, *link));
    std::vector<std::string> ids;
    for (const auto& node : nodes) ids.push_back(node.id);
    co_return co_await link->farmer->release(*link->own, std::move(ids));
  }
  bool must_end(const Context&) const override { return true; }

 private:
  /// What runs on a machine is named after it; what is there already is remembered.
  static std::string key_of(const ClusterNode& node) { return "put on " + node.id; }
  static aio::Task<Result<>> put_all(Context& context, std::vector<ClusterNode> nodes,
                                     DeploymentLink deployment, std::string base) {
    auto what = context.description()->component("toDeploy");
    std::string text = fmt::format("sfConfig extends {{\n{}}}\n", lang::print(*what));
    for (const auto& node : nodes) {
      if (context.record().memory.contains(key_of(node))) continue;
      std::string name = fmt::format("{}-{}", base, node.id);
      context.waits(fmt::format("{} is put on {}", base, node.hostname));
      context.remember(key_of(node), name);
      auto put = co_await deployment.deployment->put(*deployment.own, node.hostname, name, text);
      if (!put && put.error().code == Code::cancelled) co_return put;
      if (!put) {
        context.end(TerminationRecord::abnormal(
            context.path(), fmt::format("{} cannot be put on {}", base, node.hostname),
            put.error().line()));
        co_return Result<>{};
      }
    }
    context.waits("");
    co_return Result<>{};
  }
  static aio::Task<Result<>> take_all_back(Context& context, std::vector<ClusterNode> nodes,
                                           FarmerLink link) {
    auto deployment = deployment_of(link);
    if (!deployment || !*deployment) co_return Result<>{};
    for (const auto& node : nodes) {
      auto put = context.record().memory.find(key_of(node));
      if (put == context.record().memory.end()) continue;
      auto gone = co_await (*deployment)
                      ->deployment->take_back(*(*deployment)->own, node.hostname, put->second);
      if (!gone && gone.error().code == Code::cancelled) co_return gone;
      // The machine is given back all the same.
      if (!gone) context.event(protocol::event::message, gone.error().line());
    }
    co_return Result<>{};
  }
  static bool has_to_deploy(const Context& context) {
    return context.description() && context.description()->component("toDeploy");
  }
  static std::vector<ClusterNode> mine(const Context& context, const FarmerLink& link) {
    auto out = link.farmer->list(*link.own);
    std::erase_if(out, [&](const ClusterNode& node) { return node.owner != context.path(); });
    return out;
  }
  static void publish(Context& context, const std::vector<ClusterNode>& nodes) {
    model::Vector ids, names;
    std::string prefix = context.string_or("hostPrefix", "host-").value_or("host-");
    for (size_t i = 0; i < nodes.size(); ++i) {
      ids.emplace_back(nodes[i].id);
      names.emplace_back(nodes[i].hostname);
      context.publish(fmt::format("{}{}", prefix, i), model::Value(nodes[i].hostname));
    }
    context.publish("clusternodes", model::Value(std::move(ids)));
    context.publish("hostnames", model::Value(std::move(names)));
    context.publish("deployed", model::Value(true));
  }
  static Result<> expected_names(Context& context, const std::vector<ClusterNode>& nodes) {
    for (const auto& item : TRY(context.vector_or_empty("expectedHostnames"))) {
      const auto* wanted = item.get<std::string>();
      bool there =
          wanted && std::ranges::find(nodes, *wanted, &ClusterNode::hostname) != nodes.end();
      if (!there)
        return fail(Code::conflict,
                    fmt::format("the machine {} is not among them", wanted ? *wanted : "?"),
                    context.where("expectedHostnames"));
    }
    return {};
  }
};

}  // namespace

engine::ComponentType farm_customer_type() {
  auto out = [](const char* name, Type kind, const char* doc) {
    auto schema = attribute(name, kind, doc);
    schema.published = true;
    return schema;
  };
  auto number = [](const char* name, int32_t value, const char* doc) {
    return with_default(name, Type::integer, value, doc);
  };
  return action_type(
      "FarmCustomer",
      "Asks `farmer` for min to max machines of `role`; gives them back at its end. `toDeploy` is "
      "deployed for each where the farm can do so.",
      {required("farmer", Type::any, "LAZY link to the farmer"),
       with_default("role", Type::string, "", "of the machines"),
       number("min", 1, "so many at least; the farmer refuses a negative number"),
       attribute("max", Type::integer,
                 "at most, and no less than min; default min; never negative"),
       number("expected", -1, "exactly so many must come; negative: any number"),
       with_default("expectedHostnames", Type::vector, model::Vector{}, "these must be among them"),
       with_default("deleteOnTerminate", Type::boolean, true, "give them back at the end"),
       with_default("pingChecksNodes", Type::boolean, true, "they must stay in the farmer's list"),
       attribute("toDeploy", Type::component, "what is deployed for each"),
       attribute("toDeployName", Type::string, "how its names begin"),
       attribute("target", Type::any, "kept for old descriptions"),
       with_default("hostPrefix", Type::string, "host-", "of the attributes with their names"),
       out("clusternodes", Type::vector, "their ids"),
       out("hostnames", Type::vector, "their names"),
       out("deployed", Type::boolean, "it has them")},
      [] { return std::make_unique<FarmCustomer>(); });
}

}  // namespace croft::components
