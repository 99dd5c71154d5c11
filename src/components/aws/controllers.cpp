#include "components/aws/controllers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "components/aws/host_machines.h"
#include "components/bounds.h"
#include "components/http_action.h"
#include "components/passwords/passwords.h"
#include "components/registry.h"
#include "engine/host.h"
#include "net/tls.h"
#include "protocol/events.h"
#include "wire/json.h"

namespace croft::components {

using engine::Context;
using model::Type;
namespace json = wire::json;

namespace {

constexpr const char* program = "/proc/self/exe";
constexpr Bytes program_limit = Bytes::mib(256);
constexpr const char* program_object = "croft";
constexpr const char* program_note = "program";
constexpr const char* formed_note = "formed";
constexpr const char* group_kind = "security group";
constexpr const char* group_intent = "CreateSecurityGroup";
constexpr const char* drop_group_intent = "DeleteSecurityGroup";
constexpr Duration url_lasts = Duration::hours(1);
constexpr Duration settle_within = Duration::minutes(10);
constexpr Duration look_again = Duration::seconds(1);
constexpr Duration every = Duration::seconds(5);
constexpr Duration patience = Duration::seconds(30);
constexpr Duration answer_within = Duration::seconds(3);
constexpr Duration group_in_use = Duration::minutes(2);
constexpr int etcd_clients = 2379, etcd_peers = 2380;
constexpr int32_t agents_port = 7071;
/// From where machines of one network call each other.
const std::vector<std::string> private_networks = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};

std::string settled_note(const std::string& id) {
  return "settled:" + id;
}

bool noted(const Context& context, const std::string& name) {
  return context.record().memory.contains(name);
}

std::string papers_object(std::string_view client_token) {
  return "papers-" + sha256_hex(client_token).substr(0, 24);
}

/// Clients come from outside, where it has an address there.
std::string reached_at(const cloud::Instance& machine) {
  return machine.public_address.empty() ? machine.private_address : machine.public_address;
}

const engine::Rented* open_group(const Context& context) {
  for (const auto& thing : context.record().rented)
    if (thing.kind == group_kind && thing.open()) return &thing;
  return nullptr;
}

bool group_intent_open(const Context& context) {
  return context.record().intent && context.record().intent->action == group_intent;
}

/// The same for one component and generation.
std::string group_name(const Context& context) {
  return "croft-controllers-" +
         sha256_hex(context.path() + " " + context.client_token()).substr(0, 24);
}

void check_members(const model::Component& component, std::vector<Error>& errors) {
  auto count = component.integer("minCount").value_or(1);
  if (count == 1 || count == 3 || count == 5) return;
  Where where = component.find("minCount")->where;
  where.path = "minCount";
  errors.push_back(Error(Code::invalid_argument,
                         fmt::format("{} controllers agree on nothing more than {} do", count,
                                     count < 3 ? 1 : count - 1),
                         where)
                       .hint("1, 3 or 5"));
}

}  // namespace

aio::Task<Result<>> Controllers::deploy(Context& context) {
  if (CO_TRY(context.string_or("ownerDigest", "")).size() != 64)
    co_return fail(Error(Code::invalid_argument, "ownerDigest is no SHA-256 of a token",
                         context.where("ownerDigest"))
                       .hint("croft controller rent makes the token, and this of it"));
  co_return co_await ImageInstance::deploy(context);
}

/// Who may reach them: operators, agents of the same network, each other.
aio::Task<Result<std::string>> Controllers::group(Context& context, cloud::Ec2 ec2) {
  if (!open_group(context)) {
    std::string name = group_name(context);
    if (!group_intent_open(context))
      CO_TRY(co_await context.intend(group_intent, {{"name", name}}));
    context.waits("the security group of the controllers is made");
    auto made = co_await context.outside(
        group_intent, ec2.create_security_group(name, "controllers of croft", context.tags()));
    std::string id = made ? *made : "";
    if (!made && made.error().code == Code::already_exists) {
      // By a call whose answer was lost: a name of ours is nobody else's.
      auto found = CO_TRY(co_await ec2.describe_security_groups({{"group-name", {name}}}));
      if (!found.empty()) id = found.front().id;
    }
    if (id.empty()) {
      Error error = made ? Error(Code::corrupt, "the farm made a security group without an id")
                         : std::move(made).error();
      if (!outcome_unknown(error)) CO_TRY(co_await context.settle({}, {}, error));
      co_return fail(std::move(error));
    }
    CO_TRY(co_await context.settle({context.rented(group_kind, id)}));
  }
  std::string id = open_group(context)->id;
  auto api = static_cast<int>(CO_TRY(context.integer_or("apiPort", controllers_api_port)));
  auto agents = static_cast<int>(CO_TRY(context.integer_or("agentsPort", agents_port)));
  std::vector<std::string> operators;
  for (const auto& each : CO_TRY(context.vector_or_empty("operators")))
    if (const auto* network = each.get<std::string>()) operators.push_back(*network);
  if (operators.empty()) operators = {"0.0.0.0/0"};
  std::vector<cloud::Ingress> rules = {{"tcp", api, api, operators},
                                       {"tcp", api, api, private_networks},
                                       {"tcp", agents, agents, private_networks},
                                       {"udp", agents, agents, private_networks},
                                       {"tcp", etcd_clients, etcd_peers, {}}};
  for (auto& rule : rules)
    CO_TRY(co_await context.outside("AuthorizeSecurityGroupIngress",
                                    ec2.authorize_ingress(id, std::move(rule))));
  co_return id;
}

aio::Task<Result<>> Controllers::equip(Context& context, cloud::RunInstances& wanted) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  // What a crash left open of the renting itself is asked again with what there is.
  bool asked =
      context.record().intent && context.record().intent->action == engine::rent_instances_intent;
  if (!asked) CO_TRY(co_await make_agent_bucket(context, s3, wanted.tags));
  std::string bucket = agent_bucket(context);
  std::string group_id = asked && open_group(context)
                             ? open_group(context)->id
                             : CO_TRY(co_await group(context, CO_TRY(co_await client(context))));
  context.waits("croft is put into the bucket");
  cloud::PutObject object;
  object.bucket = bucket;
  object.key = program_object;
  object.body = CO_TRY(co_await context.world().disk.read_file(program, program_limit));
  std::string digest = sha256_hex(object.body);
  if (!noted(context, program_note) || context.record().memory.at(program_note) != digest) {
    CO_TRY(co_await context.outside("PUT croft", s3.put_object(std::move(object))));
    context.remember(program_note, digest);
  }
  engine::RentedController machine;
  machine.client_token = wanted.client_token;
  machine.program_url = CO_TRY(s3.presign("GET", bucket, program_object, url_lasts));
  machine.program_sha256 = digest;
  machine.papers_url =
      CO_TRY(s3.presign("GET", bucket, papers_object(wanted.client_token), url_lasts));
  engine::Hosts* hosts = CO_TRY(context.hosts());
  wanted.user_data = CO_TRY(co_await hosts->controller_user_data(std::move(machine)));
  wanted.security_group_ids.push_back(std::move(group_id));
  co_return Result<>{};
}

aio::Task<Result<>> Controllers::hand_out_papers(
    Context& context, cloud::S3 s3, const std::map<std::string, cloud::Instance>& seen) {
  json::Array members;
  for (const std::string& id : open_ids(context)) {
    auto machine = seen.find(id);
    if (machine == seen.end()) continue;
    members.emplace_back(json::Object{{"instance", id},
                                      {"address", machine->second.private_address},
                                      {"reached", reached_at(machine->second)}});
  }
  std::string token = token_of(context);
  json::Object what{{"members", std::move(members)},
                    {"cluster", sha256_hex(context.client_token()).substr(0, 24)},
                    {"formed", noted(context, formed_note)},
                    {"etcd", CO_TRY(context.integer_or("minCount", 1)) > 1},
                    {"owner", CO_TRY(context.string("ownerDigest"))},
                    {"api", CO_TRY(context.integer_or("apiPort", controllers_api_port))},
                    {"agents", CO_TRY(context.integer_or("agentsPort", agents_port))}};
  engine::Hosts* hosts = CO_TRY(context.hosts());
  cloud::PutObject papers;
  papers.bucket = agent_bucket(context);
  papers.key = papers_object(token);
  papers.body = CO_TRY(co_await hosts->controller_papers(token, json::compact(what)));
  CO_TRY(co_await context.outside("PUT papers", s3.put_object(std::move(papers))));
  co_return Result<>{};
}

aio::Task<Result<>> Controllers::settle_in(Context& context,
                                           const std::map<std::string, cloud::Instance>& seen) {
  auto ids = open_ids(context);
  if (std::ranges::all_of(ids, [&](const auto& id) { return noted(context, settled_note(id)); }))
    co_return Result<>{};
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
  CO_TRY(co_await hand_out_papers(context, s3, seen));
  CO_TRY(co_await until_they_answer(context, seen));
  // Nobody needs them any more, and nobody is to find them.
  CO_TRY(co_await context.outside(
      "DELETE papers", s3.delete_object(agent_bucket(context), papers_object(token_of(context)))));
  CO_TRY(co_await CO_TRY(context.hosts())->leave(token_of(context)));
  for (const std::string& id : ids) context.remember(settled_note(id), "yes");
  context.remember(formed_note, "yes");
  co_return co_await context.make_durable();
}

aio::Task<Result<>> Controllers::until_they_answer(
    Context& context, const std::map<std::string, cloud::Instance>& seen) {
  aio::Clock& clock = context.world().clock;
  for (Moment until = clock.now() + settle_within;;) {
    std::vector<std::string> silent;
    for (const auto& [id, machine] : seen) {
      if (machine.state != cloud::InstanceState::running) continue;
      if (!CO_TRY(co_await answers(context, reached_at(machine))))
        silent.push_back(fmt::format("{} ({})", id, reached_at(machine)));
    }
    if (silent.empty()) co_return Result<>{};
    context.waits(fmt::format("{} do not answer yet", listed(silent)));
    if (clock.now() >= until)
      co_return fail(Error(Code::timeout, fmt::format("{} did not become controllers within {}",
                                                      listed(silent), settle_within.text()))
                         .hint("its console says why: aws ec2 get-console-output"));
    CO_TRY(co_await clock.sleep(look_again));
  }
}

/// A liveness check has its bound, and a member that is made up for takes longer: that is work().
aio::Task<Result<>> Controllers::ping(Context& context) {
  if (CO_TRY(replaces(context))) co_return Result<>{};
  co_return co_await ImageInstance::ping(context);
}

/// Told once. One that is lost cannot be made up for then.
Result<bool> Controllers::majority_is_gone(Context& context,
                                           const std::map<std::string, cloud::Instance>& seen) {
  int64_t wanted = TRY(context.integer_or("minCount", 1));
  if (wanted == 1 || !noted(context, formed_note)) return false;
  auto there = std::ranges::count_if(seen, [&](const auto& each) {
    return each.second.state == cloud::InstanceState::running &&
           noted(context, settled_note(each.first));
  });
  bool gone = there * 2 <= wanted;
  if (gone && !told_)
    context.event(
        protocol::event::attention,
        fmt::format("{} of {} controllers are left: without a majority nobody leads, and no "
                    "other can join; croft controller return --anyway, then rent, and croft "
                    "down --lost for what they had rented",
                    there, wanted));
  told_ = gone;
  return gone;
}

aio::Task<Result<net::HttpClient*>> Controllers::doors(Context& context) {
  if (!doors_) {
    net::ClientOptions options;
    options.tls =
        CO_TRY(net::TlsContext::client_of(CO_TRY(co_await CO_TRY(context.hosts())->pin())));
    doors_ = std::make_unique<net::HttpClient>(context.world(), std::move(options));
  }
  co_return doors_.get();
}

aio::Task<Result<bool>> Controllers::answers(Context& context, std::string address) {
  net::HttpClient* client = CO_TRY(co_await doors(context));
  net::ClientRequest request;
  auto port = CO_TRY(context.integer_or("apiPort", controllers_api_port));
  request.url = CO_TRY(net::Url::parse(fmt::format("https://{}:{}/v1/health", address, port)));
  request.deadline = request.connect_deadline = answer_within;
  // Without a token it is told nothing, and that is answer enough.
  auto answer = co_await client->send(std::move(request));
  if (!answer && answer.error().code == Code::cancelled) co_return fail(std::move(answer).error());
  co_return answer.has_value();
}

aio::Task<Result<>> Controllers::work(Context& context) {
  std::string before;
  for (;;) {
    CO_TRY(co_await context.world().clock.sleep(every));
    auto tended = co_await tend(context);
    std::string problem = tended ? "" : tended.error().line();
    if (!tended && tended.error().code == Code::cancelled) co_return tended;
    if (!problem.empty() && problem != before) context.event(protocol::event::attention, problem);
    before = std::move(problem);
    context.waits("");
  }
}

aio::Task<Result<>> Controllers::tend(Context& context) {
  auto ec2 = CO_TRY(co_await client(context));
  auto seen = CO_TRY(co_await look(ec2, open_ids(context)));
  if (CO_TRY(majority_is_gone(context, seen))) co_return Result<>{};
  CO_TRY(co_await fence_the_silent(context, seen));
  if (!CO_TRY(replaces(context))) co_return Result<>{};
  CO_TRY(co_await ImageInstance::ping(context));
  // One whose settling was cut off is taken up again.
  auto lock = CO_TRY(co_await tending_.lock());
  seen = CO_TRY(co_await look(ec2, open_ids(context)));
  bool all_run =
      seen.size() == open_ids(context).size() && std::ranges::all_of(seen, [](const auto& each) {
        return each.second.state == cloud::InstanceState::running;
      });
  if (!all_run) co_return Result<>{};
  co_return co_await settle_in(context, std::move(seen));
}

aio::Task<Result<>> Controllers::fence_the_silent(
    Context& context, const std::map<std::string, cloud::Instance>& seen) {
  aio::Clock& clock = context.world().clock;
  std::vector<std::string> lost;
  size_t heard = 0;
  for (const auto& [id, machine] : seen) {
    if (machine.state != cloud::InstanceState::running || !noted(context, settled_note(id)))
      continue;
    if (CO_TRY(co_await answers(context, reached_at(machine)))) {
      ++heard;
      silent_.erase(id);
      continue;
    }
    auto since = silent_.try_emplace(id, clock.now()).first->second;
    if (clock.now() - since >= patience) lost.push_back(id);
  }
  // Where most are silent it is rather this machine that is cut off.
  if (lost.empty() || heard * 2 <= seen.size()) co_return Result<>{};
  for (const std::string& id : lost) {
    context.event(protocol::event::instances_gone,
                  fmt::format("{} has not answered for {}", id, patience.text()));
    silent_.erase(id);
  }
  co_return co_await fence(context, std::move(lost));
}

aio::Task<Result<>> Controllers::repair(Context& context, std::vector<engine::Drift> drifts) {
  std::erase_if(drifts, [](const auto& drift) { return drift.thing != "instance"; });
  co_return co_await ImageInstance::repair(context, std::move(drifts));
}

aio::Task<Result<>> Controllers::terminate(Context& context,
                                           const model::TerminationRecord& record) {
  bool any = open_group(context) || group_intent_open(context);
  auto ec2 = CO_TRY(co_await client(context));
  if (group_intent_open(context)) {
    auto found =
        CO_TRY(co_await ec2.describe_security_groups({{"group-name", {group_name(context)}}}));
    std::vector<engine::Rented> made;
    for (const auto& each : found) made.push_back(context.rented(group_kind, each.id));
    CO_TRY(co_await context.settle(std::move(made)));
  }
  CO_TRY(co_await ImageInstance::terminate(context, record));
  if (any && open_ids(context).empty()) CO_TRY(co_await drop_group(context, ec2));
  co_return Result<>{};
}

aio::Task<Result<>> Controllers::drop_group(Context& context, cloud::Ec2 ec2) {
  const auto* group = open_group(context);
  if (!group) co_return Result<>{};
  std::string id = group->id;
  context.waits("the security group of the controllers is removed");
  CO_TRY(co_await context.intend(drop_group_intent, {{"group", id}}));
  aio::Clock& clock = context.world().clock;
  for (Moment until = clock.now() + group_in_use;;) {
    auto gone = co_await context.outside(drop_group_intent, ec2.delete_security_group(id));
    if (gone) co_return co_await context.settle({}, {id});
    // Machines in it are gone a moment before the farm lets go of it.
    if (gone.error().code != Code::conflict || clock.now() >= until) co_return gone;
    CO_TRY(co_await clock.sleep(look_again));
  }
}

engine::ComponentType controllers_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.works = true;
  type.timeouts.start = Duration::minutes(30);
  type.schema =
      without(image_instance_schema(), {"maxCount", "userData", "shutdown", "spread", "zones"});
  type.schema.sf_class = "croft.Controllers";
  type.schema.type = "Controllers";
  type.schema.doc =
      "One, three or five machines that are controllers: croft runs on them, with its store on "
      "etcd "
      "where they are several. `croft controller rent` deploys it.";
  auto& attributes = type.schema.attributes;
  attributes.push_back(required("ownerDigest", Type::string,
                                "SHA-256, in hex, of the token of the operator `owner`"));
  attributes.push_back(between(1, 65535,
                               with_default("apiPort", Type::integer, controllers_api_port,
                                            "where they answer operators, by TLS")));
  attributes.push_back(between(
      1, 65535, with_default("agentsPort", Type::integer, agents_port, "where agents reach them")));
  attributes.push_back(
      attribute("operators", Type::strings,
                "networks from which operators may call: [\"192.0.2.0/24\"]; default: any"));
  type.schema.rule = check_members;
  type.make = [] { return std::make_unique<Controllers>(); };
  type.rents = image_instance_rents;
  return type;
}

}  // namespace croft::components
