// EC2ClusterFarmer: roles as machines of EC2. What a customer gives back is kept for the next one
// (recycle) until the farm ends, and then ended (deleteInstancesOnTermination) or left, as told.
#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "components/aws/ec2_work.h"
#include "components/cloudfarmer/farmer.h"
#include "components/http_action.h"
#include "components/passwords/passwords.h"
#include "protocol/events.h"

namespace croft::components {

using cloud::InstanceState;
using engine::Context;
using model::Type;

namespace {

constexpr Duration slowest_look = Duration::seconds(2);
constexpr Duration lost_pause = Duration::seconds(1);
constexpr int looks_for_lost = 4;
constexpr const char* role_tag = "croft:role";
constexpr const char* run_intent = engine::rent_instances_intent;

bool is_gone(InstanceState state) {
  return state == InstanceState::terminated || state == InstanceState::shutting_down;
}

class EC2ClusterFarmer : public ClusterFarmer {
 public:
  aio::Task<Result<>> deploy(Context& own) override {
    auto roles = own.description()->component("roles");
    if (roles)
      for (const auto& attribute : roles->attributes())
        if (auto role = attribute.value.as_component();
            role && role->string("imageID").value_or("").empty())
          co_return fail(Code::invalid_argument,
                         fmt::format("no valid imageID for role {}", attribute.name), role->where);
    co_return co_await ClusterFarmer::deploy(own);
  }
  aio::Task<Result<>> start(Context& own) override {
    if (own.record().intent) CO_TRY(co_await finish_intent(own));
    co_return co_await take_kept(own);
  }
  /// Machines that are gone leave the list: their customers see it at their own next check.
  aio::Task<Result<>> ping(Context& own) override {
    auto nodes = nodes_of(own);
    if (nodes.empty()) co_return Result<>{};
    auto ec2 = CO_TRY(co_await client(own));
    auto alive = CO_TRY(co_await alive_of(ec2, open_ids(own)));
    std::vector<std::string> gone;
    for (const std::string& id : open_ids(own))
      if (!alive.contains(id)) gone.push_back(id);
    if (gone.empty()) co_return Result<>{};
    own.event(protocol::event::instances_gone, join(gone, ", "));
    forget(own, gone);
    co_return co_await own.settle({}, gone);
  }
  bool silence_ends() const override { return false; }
  bool must_end(const Context&) const override { return true; }
  aio::Task<Result<>> terminate(Context& own, const model::TerminationRecord&) override {
    if (own.record().intent) CO_TRY(co_await finish_intent(own));
    auto ids = open_ids(own);
    if (ids.empty()) co_return Result<>{};
    bool end_them = CO_TRY(own.boolean_or("deleteInstancesOnTermination", true));
    if (end_them || own.remove_kept()) co_return co_await end_instances(own, std::move(ids));
    auto ec2 = CO_TRY(co_await client(own));
    CO_TRY(co_await own.outside("CreateTags", ec2.create_tags(ids, {{cloud::tag_keep, "true"}})));
    co_return co_await own.keep(std::move(ids));
  }
  aio::Task<Result<std::optional<engine::Keys>>> account(Context& own) override {
    co_return std::optional(CO_TRY(co_await keys_of(own, "id", "key")));
  }
  aio::Task<Result<bool>> available(Context& own) override {
    auto ec2 = CO_TRY(co_await client(own));
    auto zones = co_await ec2.describe_zones();
    if (!zones && zones.error().code == Code::cancelled) co_return fail(zones.error());
    co_return zones.has_value();
  }

 protected:
  int64_t default_limit() const override { return 10; }
  int64_t beside(const Context& own) const override {
    return static_cast<int64_t>(own.kept("instance").size());
  }

  aio::Task<Result<>> make(Context& own, std::string owner, std::string role, int64_t least,
                           int64_t count) override {
    auto nodes = nodes_of(own);
    for (ClusterNode& node : nodes)
      if (count > 0 && node.owner.empty() && node.role == role) {
        node.owner = owner;
        --count;
        least = std::max<int64_t>(0, least - 1);
      }
    keep_nodes(own, nodes);
    if (count == 0) co_return Result<>{};
    // What is kept of other roles makes room before anything more is rented.
    int64_t most = CO_TRY(limit(own));
    if (most >= 0) most = std::max<int64_t>(0, most - beside(own));
    std::vector<std::string> idle;
    for (const ClusterNode& node : nodes)
      if (most >= 0 && node.owner.empty() &&
          static_cast<int64_t>(nodes.size() - idle.size()) + count > most)
        idle.push_back(node.id);
    if (!idle.empty()) CO_TRY(co_await end_instances(own, idle));
    int64_t free = own.free_instances();
    if (free < std::max<int64_t>(1, least))
      co_return fail(Code::resource_exhausted,
                     fmt::format("at least {} instances are needed, and the limits of the "
                                 "application leave {}",
                                 std::max<int64_t>(1, least), free),
                     own.where("clusterLimit"));
    co_return co_await rent(own, std::move(owner), std::move(role), std::max<int64_t>(1, least),
                            std::min(count, free));
  }
  aio::Task<Result<>> unmake(Context& own, std::vector<ClusterNode> gone) override {
    if (!CO_TRY(own.boolean_or("recycle", true))) {
      std::vector<std::string> ids;
      for (const ClusterNode& node : gone) ids.push_back(node.id);
      co_return co_await end_instances(own, std::move(ids));
    }
    auto nodes = nodes_of(own);
    for (ClusterNode& node : nodes)
      if (std::ranges::find(gone, node.id, &ClusterNode::id) != gone.end()) node.owner.clear();
    keep_nodes(own, nodes);
    co_return Result<>{};
  }

 private:
  aio::Task<Result<cloud::Ec2>> client(Context& own) {
    auto keys = CO_TRY(co_await keys_of(own, "id", "key"));
    co_return co_await own.ec2(keys.access_key, keys.secret_key);
  }
  static std::vector<std::string> open_ids(const Context& own) {
    std::vector<std::string> ids;
    for (const auto& thing : own.record().rented)
      if (thing.kind == "instance" && thing.open()) ids.push_back(thing.id);
    return ids;
  }
  static aio::Task<Result<std::map<std::string, cloud::Instance>>> alive_of(
      cloud::Ec2 ec2, std::vector<std::string> ids) {
    std::map<std::string, cloud::Instance> out;
    if (ids.empty()) co_return out;
    cloud::DescribeInstances question;
    question.filters = {{"instance-id", std::move(ids)}};
    for (auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(question))))
      if (!is_gone(instance.state)) out.emplace(instance.id, std::move(instance));
    co_return out;
  }
  /// Machines that an earlier life kept: those that are gone are forgotten, the others wait for
  /// customers again (recycle), or stay as they are and count.
  aio::Task<Result<>> take_kept(Context& own) {
    auto ids = own.kept("instance");
    if (ids.empty()) co_return Result<>{};
    auto ec2 = CO_TRY(co_await client(own));
    auto alive = CO_TRY(co_await alive_of(ec2, ids));
    std::vector<std::string> gone, here;
    for (const std::string& id : ids) (alive.contains(id) ? here : gone).push_back(id);
    if (!gone.empty()) CO_TRY(co_await own.settle({}, gone));
    if (here.empty() || !CO_TRY(own.boolean_or("recycle", true))) co_return Result<>{};
    CO_TRY(co_await own.outside("CreateTags", ec2.create_tags(here, own.tags())));
    CO_TRY(co_await own.outside("DeleteTags", ec2.delete_tags(here, {cloud::tag_keep})));
    auto nodes = nodes_of(own);
    for (const std::string& id : here) {
      const cloud::Instance& instance = alive.at(id);
      nodes.push_back({id, role_of_machine(own, instance), instance.private_address,
                       instance.public_address, ""});
    }
    keep_nodes(own, nodes);
    own.event(protocol::event::message, "machines kept before are used again: " + join(here, ", "));
    co_return co_await own.take_back(std::move(here));
  }
  /// As its tag says; without one, the role with its image.
  static std::string role_of_machine(const Context& own, const cloud::Instance& instance) {
    if (auto role = cloud::tag_value(instance.tags, role_tag); !role.empty()) return role;
    auto roles = own.description()->component("roles");
    if (roles)
      for (const auto& attribute : roles->attributes())
        if (auto role = attribute.value.as_component();
            role && role->string("imageID").value_or("") == instance.image_id)
          return attribute.name;
    return "";
  }
  static void forget(Context& own, const std::vector<std::string>& ids) {
    auto nodes = nodes_of(own);
    std::erase_if(nodes, [&](const ClusterNode& node) {
      return std::ranges::find(ids, node.id) != ids.end();
    });
    keep_nodes(own, nodes);
  }

  Result<cloud::RunInstances> request(Context& own, const std::string& role) const {
    auto description = role_of(own, role);
    if (!description) return fail(Code::not_found, fmt::format("the role {} is gone", role));
    cloud::RunInstances out;
    auto text = [&](const char* name) { return description->string(name).value_or(""); };
    out.image_id = text("imageID");
    out.instance_type = text("instanceType");
    out.user_data = text("userData");
    out.key_name = text("keyName");
    out.zone = text("availabilityZone");
    if (const auto* groups = description->vector("securityGroup"))
      for (const auto& group : *groups)
        if (auto* name = group.get<std::string>()) out.security_groups.push_back(*name);
    out.tags = own.tags();
    out.tags.push_back({role_tag, role});
    return out;
  }

  aio::Task<Result<>> rent(Context& own, std::string owner, std::string role, int64_t least,
                           int64_t count) {
    auto wanted = CO_TRY(request(own, role));
    // One token a call: the number of things ever rented tells calls apart.
    std::string token = "croft-" + sha256_hex(fmt::format("{}/{}/{}", own.client_token(), owner,
                                                          own.record().rented.size()))
                                       .substr(0, 40);
    wanted.min_count = static_cast<int>(least);
    wanted.max_count = static_cast<int>(count);
    wanted.client_token = token;
    CO_TRY(co_await own.intend(run_intent, {{"minCount", fmt::format("{}", least)},
                                            {"maxCount", fmt::format("{}", count)},
                                            {"imageId", wanted.image_id},
                                            {"role", role},
                                            {"owner", owner},
                                            {"token", token}}));
    auto reservation = co_await own.outside(
        run_intent, CO_TRY(co_await client(own)).run_instances(std::move(wanted)));
    if (!reservation) {
      if (!outcome_unknown(reservation.error()))
        CO_TRY(co_await own.settle({}, {}, reservation.error()));
      co_return fail(std::move(reservation).error());
    }
    co_return co_await take_in(own, owner, role, std::move(reservation->instances));
  }

  aio::Task<Result<>> take_in(Context& own, std::string owner, std::string role,
                              std::vector<cloud::Instance> instances) {
    auto nodes = nodes_of(own);
    std::vector<engine::Rented> made;
    std::vector<std::string> ids;
    for (const auto& instance : instances) {
      made.push_back(own.rented("instance", instance.id));
      nodes.push_back({instance.id, role, "", "", owner});
      ids.push_back(instance.id);
    }
    keep_nodes(own, nodes);
    CO_TRY(co_await own.settle(std::move(made)));
    co_return co_await wait_for(own, std::move(ids));
  }

  /// Until they run; then their names are known.
  aio::Task<Result<>> wait_for(Context& own, std::vector<std::string> ids) {
    auto ec2 = CO_TRY(co_await client(own));
    for (Duration pause = first_look(own);; pause = std::min(pause * 2, slowest_look)) {
      auto alive = CO_TRY(co_await alive_of(ec2, ids));
      auto running = std::ranges::count_if(
          alive, [](const auto& item) { return item.second.state == InstanceState::running; });
      if (static_cast<size_t>(running) == ids.size()) {
        auto nodes = nodes_of(own);
        for (ClusterNode& node : nodes)
          if (auto found = alive.find(node.id); found != alive.end()) {
            node.hostname = found->second.private_address;
            node.external_hostname = found->second.public_address;
          }
        keep_nodes(own, nodes);
        own.waits("");
        co_return Result<>{};
      }
      own.waits(fmt::format("{} of {} instances run", running, ids.size()));
      CO_TRY(co_await own.world().clock.sleep(pause));
    }
  }

  aio::Task<Result<>> end_instances(Context& own, std::vector<std::string> ids) {
    auto ec2 = CO_TRY(co_await client(own));
    CO_TRY(co_await own.intend("TerminateInstances", {{"instances", join(ids, " ")}}));
    auto alive = CO_TRY(co_await alive_of(ec2, ids));
    std::vector<std::string> asked;
    for (const auto& [id, instance] : alive) asked.push_back(id);
    if (!asked.empty())
      CO_TRY(co_await own.outside("TerminateInstances", ec2.terminate_instances(asked)));
    for (Duration pause = first_look(own); !alive.empty();
         pause = std::min(pause * 2, slowest_look)) {
      alive = CO_TRY(co_await alive_of(ec2, ids));
      if (!alive.empty()) CO_TRY(co_await own.world().clock.sleep(pause));
    }
    forget(own, ids);
    co_return co_await own.settle({}, ids);
  }

  /// An intent of an earlier process: what it rented is found by its token, what it ended is ended.
  aio::Task<Result<>> finish_intent(Context& own) {
    auto intent = *own.record().intent;
    if (intent.action != run_intent) co_return co_await own.settle({});
    auto ec2 = CO_TRY(co_await client(own));
    std::vector<cloud::Instance> made;
    for (int i = 0; i < looks_for_lost && made.empty(); ++i) {
      if (i > 0) CO_TRY(co_await own.world().clock.sleep(lost_pause));
      cloud::DescribeInstances question;
      question.filters = {{"client-token", {intent.facts["token"]}}};
      for (auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(question))))
        if (!is_gone(instance.state)) made.push_back(std::move(instance));
    }
    co_return co_await take_in(own, intent.facts["owner"], intent.facts["role"], std::move(made));
  }
};

}  // namespace

engine::ComponentType ec2_cluster_farmer_type() {
  auto own =
      ec2_attributes({with_default("recycle", Type::boolean, true,
                                   "what is given back is kept for the next customer"),
                      with_default("deleteInstancesOnTermination", Type::boolean, true,
                                   "end all its machines when it ends; else they are kept")});
  std::erase_if(own, [](const auto& each) { return each.name == "sfShouldTerminate"; });
  auto type =
      farmer_type("EC2ClusterFarmer", "Machines of EC2 by role, never more than clusterLimit.", 10,
                  std::move(own), [] { return std::make_unique<EC2ClusterFarmer>(); });
  type.calls_farm = true;
  type.rents = [](const model::Component& component) -> Result<std::vector<plan::Rent>> {
    int64_t most = component.integer("clusterLimit").value_or(10);
    return std::vector<plan::Rent>{{"instance", 0, most < 0 ? plan::default_instance_limit : most}};
  };
  return type;
}

engine::ComponentType ec2_cluster_role_type() {
  auto type = cluster_role_type();
  type.schema.sf_class = "croft.EC2ClusterRole";
  type.schema.type = "EC2ClusterRole";
  type.schema.base = "croft.ClusterRole";
  type.schema.doc = "A role whose machines are made of one image.";
  auto text = [](const char* name, const char* doc) { return attribute(name, Type::string, doc); };
  type.schema.attributes = {required("imageID", Type::string, "the image: ami-..."),
                            text("instanceType", "size: m1.small"),
                            text("userData", "given to each machine; run at first boot"),
                            text("keyName", "key pair for logins"),
                            text("availabilityZone", "empty: any"),
                            attribute("securityGroup", Type::strings, "names of security groups")};
  return type;
}

}  // namespace croft::components
