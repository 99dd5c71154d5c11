// MockClusterFarmer, a farm that only pretends, and ManualClusterFarmer, machines that are there
// already.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "components/cloudfarmer/farmer.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class MockClusterFarmer : public ClusterFarmer {
 public:
  bool pretends() const override { return true; }

 protected:
  aio::Task<Result<>> make(Context& own, std::string owner, std::string role, int64_t,
                           int64_t count) override {
    CO_TRY(co_await own.world().clock.sleep(CO_TRY(
        own.duration_or("nodeStartupDelayMilliseconds", "ms", Duration::milliseconds(100)))));
    std::string inside = CO_TRY(own.string_or("domain", "internal"));
    std::string outside = CO_TRY(own.string_or("externalDomain", "external"));
    auto nodes = nodes_of(own);
    std::set<std::string> taken;
    for (const ClusterNode& node : nodes) taken.insert(node.id);
    for (int64_t number = 0; count > 0; ++number) {
      std::string id = fmt::format("host{}", number);
      if (taken.contains(id)) continue;
      nodes.push_back({id, role, id + "." + inside, id + "." + outside, owner});
      --count;
    }
    keep_nodes(own, nodes);
    co_return Result<>{};
  }
};

class ManualClusterFarmer : public ClusterFarmer {
 public:
  aio::Task<Result<>> deploy(Context& own) override {
    CO_TRY(hosts(own));
    co_return co_await ClusterFarmer::deploy(own);
  }

 protected:
  Result<int64_t> limit(Context& own) const override {
    return static_cast<int64_t>(TRY(hosts(own)).size());
  }
  aio::Task<Result<>> make(Context& own, std::string owner, std::string role, int64_t,
                           int64_t count) override {
    auto nodes = nodes_of(own);
    for (const std::string& host : CO_TRY(hosts(own))) {
      if (count == 0) break;
      if (std::ranges::find(nodes, host, &ClusterNode::id) != nodes.end()) continue;
      nodes.push_back({host, role, host, host, owner});
      --count;
    }
    keep_nodes(own, nodes);
    co_return Result<>{};
  }

 private:
  static Result<std::vector<std::string>> hosts(const Context& own) {
    std::vector<std::string> out;
    auto list = own.description() ? own.description()->component("hosts") : nullptr;
    if (!list) return out;
    for (const auto& attribute : list->attributes()) {
      auto host = attribute.value.as_component();
      if (!host) continue;
      std::string name = host->string("hostname").value_or("");
      if (name.empty())
        return fail(Code::invalid_argument,
                    fmt::format("the host '{}' has no hostname", attribute.name), host->where);
      if (std::ranges::find(out, name) != out.end())
        return fail(Code::invalid_argument, fmt::format("the host {} is there twice", name),
                    host->where);
      out.push_back(std::move(name));
    }
    return out;
  }
};

}  // namespace

engine::ComponentType mock_cluster_farmer_type() {
  return farmer_type(
      "MockClusterFarmer", "A farm that only pretends.", 1000,
      {with_default("domain", Type::string, "internal", "of the names of its machines"),
       with_default("externalDomain", Type::string, "external", "of their names outside"),
       time_attribute("nodeStartupDelayMilliseconds", 100, "how long a machine takes to start"),
       with_default("available", Type::boolean, true, "whether it gives out machines")},
      [] { return std::make_unique<MockClusterFarmer>(); });
}
engine::ComponentType manual_cluster_farmer_type() {
  return farmer_type("ManualClusterFarmer", "Machines that are there already; as many as `hosts`.",
                     1000,
                     {attribute("hosts", Type::component, "ManualHosts, each under any name")},
                     [] { return std::make_unique<ManualClusterFarmer>(); });
}
engine::ComponentType manual_host_type() {
  engine::ComponentType type;
  type.schema.sf_class = "croft.ManualHost";
  type.schema.type = "ManualHost";
  type.schema.base = "croft.Prim";
  type.schema.doc = "A machine that is there already.";
  type.schema.attributes = {required("hostname", Type::string, "its name or address"),
                            with_default("description", Type::string, "", "for people")};
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

}  // namespace croft::components
