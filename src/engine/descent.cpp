// How an application goes down: everything in reverse order, then the farm is asked what carries
// its tag, and the proof is written. What could not be given back is tried again, for ever slower.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "cloud/sweep.h"
#include "engine/application.h"
#include "protocol/events.h"

namespace croft::engine {

using protocol::ApplicationState;
using protocol::DownProof;
using protocol::Resource;

namespace {

constexpr Duration short_question = Duration::seconds(5);
constexpr Duration long_question = Duration::minutes(5);
constexpr Duration first_pause = Duration::seconds(5);
constexpr Duration longest_pause = Duration::seconds(60);

bool listed(const std::vector<Resource>& list, const cloud::Found& found) {
  return std::ranges::any_of(
      list, [&](const Resource& item) { return item.kind == found.kind && item.id == found.id; });
}

Resource resource_of(const cloud::Found& found, std::string why) {
  Resource out;
  out.kind = found.kind;
  out.id = found.id;
  out.component = found.component;
  out.why = std::move(why);
  return out;
}

/// Why an application is not down yet.
std::string what_holds(const DownProof& proof) {
  if (proof.left.empty()) return proof.notes.empty() ? "" : proof.notes.front();
  const Resource& first = proof.left.front();
  return fmt::format("{} left: {} {}{}", proof.left.size(), first.kind, first.id,
                     first.why.empty() ? "" : ", " + first.why);
}

}  // namespace

bool Application::stuck_inside(std::string_view path) const {
  return std::ranges::any_of(stuck_, [&](const std::string& stuck) {
    const Node* node = plan::inside(stuck, path) ? find(stuck) : nullptr;
    return node && !node->ended();  // another try may have ended it since
  });
}

aio::Task<Result<>> Application::until_shutdown() {
  while (!shutdown_) CO_TRY(co_await wake_.wait());
  co_return Result<>{};
}

aio::Task<Result<>> Application::go_down() {
  Duration pause = first_pause;
  for (;;) {
    auto winner = co_await aio::race(one_pass(), until_shutdown());
    if (winner.index() == 1) co_return std::get<1>(std::move(winner));
    DownProof proof = CO_TRY(std::get<0>(std::move(winner)));
    bool done = proof.left.empty() && proof.notes.empty();
    std::string why = what_holds(proof);
    if (done && proof_ && record_.why == what_holds(*proof_))  // of an earlier pass, and over
      why = record_.record ? record_.record->description : "";
    else if (done)
      why = record_.why;
    ledger_.put(proof);
    proof_ = std::move(proof);
    pass_over_ = true;
    if (done) {
      record_.remove_kept = false;
      set_state(ApplicationState::down, why);
      co_return co_await ledger_.flush();
    }
    set_state(ApplicationState::going_down, why);
    tell(name(), protocol::event::attention, why);
    CO_TRY(co_await ledger_.flush());
    // Asked again, it tries again at once.
    changed_wish_ = false;
    ended_.clear();
    auto waited = co_await aio::race(services_.world.clock.sleep(pause), until_interrupted());
    if (shutdown_) co_return Result<>{};
    if (waited.index() == 0) {
      CO_TRY(std::get<0>(std::move(waited)));
    } else {
      CO_TRY(std::get<1>(std::move(waited)));
      pass_over_ = false;
    }
    pause = std::min(pause * 2, longest_pause);
  }
}

aio::Task<Result<DownProof>> Application::one_pass() {
  stuck_.clear();
  co_await quiesce(name());
  StepWork work = [this](plan::Step step) { return run_step(std::move(step)); };
  StepAtOnce at_once = [this](const plan::Step& step) {
    Node* node = find(step.path);
    return !node || node->at_once(step.verb);
  };
  // Who ended by itself is over first, then the rest in order.
  if (record_.record && record_.record->culprit != name()) {
    Node* culprit = find(record_.record->culprit);
    if (culprit && !culprit->ended() && !culprit->at_once(plan::Verb::terminate))
      CO_TRY(co_await run_step({record_.record->culprit, plan::Verb::terminate}));
  }
  ExecuteOptions options;
  options.stop_on_error = false;
  auto holds_nothing = [this](const std::string& path) {
    const Node* node = find(path);
    return node && !node->ended() && std::ranges::none_of(node->record.rented, &Rented::open);
  };
  // What could not be reached on a machine has gone with the machine: the second look sees it.
  for (int look = 1; look <= 2; ++look) {
    plan::Graph graph = plan::removal(recorded());
    stuck_.clear();
    CO_TRY(co_await execute(graph, work, at_once, options));
    if (std::ranges::none_of(stuck_, holds_nothing)) break;
  }
  if (record_.remove_kept)
    for (auto& [path, node] : nodes_)
      if (node->record.state == model::State::terminated &&
          std::ranges::any_of(node->record.rented,
                              [](const Rented& thing) { return thing.kept && !thing.returned; }))
        CO_TRY(co_await node->remove_kept());
  DownProof proof;
  proof.application = name();
  proof.farm = record_.farm.text();
  list_recorded(proof);
  CO_TRY(co_await sweep(proof));
  co_return proof;
}

void Application::list_recorded(DownProof& proof) const {
  for (const auto& [path, node] : nodes_) {
    for (const Rented& thing : node->record.rented) {
      Resource line;
      line.kind = thing.kind;
      line.id = thing.id;
      line.component = path;
      line.made = thing.since;
      line.removed = thing.returned;
      if (thing.adopted) {
        line.why = thing.forgotten ? "croft forget gave it up"
                                   : "it was there before: croft neither empties nor removes it";
        proof.kept.push_back(std::move(line));
        continue;
      }
      proof.rented.push_back(line);
      if (thing.returned) {
        proof.returned.push_back(std::move(line));
      } else if (thing.kept) {
        line.why = "kept on purpose";
        proof.kept.push_back(std::move(line));
      } else {
        line.why = node->record.why;
        proof.left.push_back(std::move(line));
      }
    }
    // A removal under way speaks of things that are listed already.
    if (!node->record.intent || std::ranges::any_of(node->record.rented, &Rented::open)) continue;
    Resource open;
    open.kind = "unfinished call";
    open.id = node->record.intent->action;
    open.component = path;
    open.why = node->record.why;
    proof.left.push_back(std::move(open));
  }
}

namespace {
/// Whether somebody else has removed it. Tags may be gone while the thing is there: it is asked for
/// by its id.
aio::Task<Result<bool>> is_gone(cloud::Ec2 ec2, cloud::S3 s3, Resource thing) {
  if (thing.kind == "bucket") {
    auto head = co_await s3.head_bucket(thing.id);
    if (head || head.error().code == Code::permission_denied) co_return false;
    if (head.error().code == Code::not_found) co_return true;
    co_return fail(std::move(head).error());
  }
  if (thing.kind == "image" || thing.kind == "snapshot") {
    std::vector<cloud::Filter> which = {{thing.kind + "-id", {thing.id}}};
    if (thing.kind == "image")
      co_return CO_TRY(co_await ec2.describe_images({}, which, {"self"})).empty();
    co_return CO_TRY(co_await ec2.describe_snapshots(which)).empty();
  }
  if (thing.kind == "security group")
    co_return CO_TRY(co_await ec2.describe_security_groups({{"group-id", {thing.id}}})).empty();
  auto instances = co_await ec2.describe_instances({.ids = {thing.id}});
  if (!instances) {
    if (instances.error().code == Code::not_found) co_return true;
    co_return fail(std::move(instances).error());
  }
  co_return std::ranges::all_of(*instances, [](const cloud::Instance& instance) {
    return instance.state == cloud::InstanceState::terminated ||
           instance.state == cloud::InstanceState::shutting_down;
  });
}
}  // namespace

/// What was kept on purpose and somebody removed since is not kept any more.
aio::Task<Result<>> Application::give_up_removed(Node& node, cloud::Ec2 ec2, cloud::S3 s3,
                                                 const cloud::Swept& swept, DownProof& proof) {
  for (Rented& thing : node.record.rented) {
    bool asked =
        thing.kind == "bucket" ? record_.farm.s3.has_value() : record_.farm.ec2.has_value();
    if (!asked || !thing.kept || thing.returned || thing.adopted) continue;
    auto line = std::ranges::find_if(proof.kept, [&](const Resource& item) {
      return item.kind == thing.kind && item.id == thing.id;
    });
    bool found = std::ranges::any_of(swept.found, [&](const cloud::Found& item) {
      return item.kind == thing.kind && item.id == thing.id;
    });
    if (line == proof.kept.end() || found || !CO_TRY(co_await is_gone(ec2, s3, *line))) continue;
    CO_TRY(co_await node.context.settle({}, {thing.id}));
    line->removed = thing.returned;
    line->why = "it was kept on purpose, and somebody removed it";
    proof.returned.push_back(std::move(*line));
    proof.kept.erase(line);
  }
  co_return Result<>{};
}

aio::Task<Result<>> Application::sweep(DownProof& proof) {
  struct Account {
    Keys keys;
    std::vector<std::shared_ptr<Node>> nodes;  ///< what uses it
  };
  std::vector<Account> accounts;
  std::vector<std::shared_ptr<Node>> nodes;
  for (const auto& [path, node] : nodes_) nodes.push_back(node);
  for (const auto& node : nodes) {
    // A component that was never started has made nothing.
    if (!node->object || node->record.state == model::State::described) continue;
    auto keys = co_await node->object->account(node->context);
    if (!keys) {
      // Whose account cannot even be read has never called a farm.
      if (node->record.rented.empty() && !node->record.intent) continue;
      proof.notes.push_back(fmt::format("{}: {}", node->record.path, keys.error().line()));
      continue;
    }
    if (!*keys) continue;
    auto known = std::ranges::find(accounts, (*keys)->access_key,
                                   [](const Account& account) { return account.keys.access_key; });
    if (known == accounts.end()) known = accounts.insert(known, {**keys, {}});
    known->nodes.push_back(node);
  }
  for (const Account& account : accounts) {
    // Where nothing was ever made there is little to prove: the farm's silence holds nobody up.
    bool nothing = proof.rented.empty() && proof.left.empty() && proof.kept.empty();
    auto swept = co_await aio::deadline(
        services_.world.clock, nothing ? short_question : long_question,
        sweep_account(account.keys, account.nodes, proof), "asking the farm what is left");
    if (swept) continue;
    if (swept.error().code == Code::cancelled) co_return swept;
    if (nothing)
      proof.unasked =
          fmt::format("nothing was made, and the farm does not answer: {}", swept.error().line());
    else
      proof.notes.push_back(fmt::format("the farm could not be asked: {}", swept.error().line()));
  }
  co_return Result<>{};
}

aio::Task<Result<>> Application::sweep_account(Keys keys, std::vector<std::shared_ptr<Node>> nodes,
                                               DownProof& proof) {
  Node& node = *nodes.front();
  cloud::SweepRequest request;
  request.application = name();
  request.instances = record_.farm.ec2.has_value();
  request.buckets = record_.farm.s3.has_value();
  if (request.instances) request.everything_of_ec2();
  for (const Resource& thing : proof.rented)
    if (thing.kind == "bucket" && !thing.removed) request.known_buckets.push_back(thing.id);
  cloud::Farm farm = record_.farm;
  if (!request.instances && !request.buckets) co_return Result<>{};
  cloud::Ec2 ec2 =
      CO_TRY(co_await (request.instances ? node.context.ec2(keys.access_key, keys.secret_key)
                                         : node.context.ec2_at(*farm.s3, keys)));
  cloud::S3 s3 =
      CO_TRY(co_await (request.buckets ? node.context.s3(keys.access_key, keys.secret_key)
                                       : node.context.s3_at(*farm.ec2, keys)));
  auto swept = co_await cloud::sweep(ec2, s3, request);
  node.waits.clear();
  if (!swept) co_return fail(std::move(swept).error());
  for (auto& note : swept->notes) proof.notes.push_back(std::move(note));
  for (const auto& each : nodes) CO_TRY(co_await give_up_removed(*each, ec2, s3, *swept, proof));
  size_t others = 0;
  for (const cloud::Found& found : swept->found) {
    if (listed(proof.left, found) || listed(proof.kept, found)) continue;
    std::string life = cloud::tag_value(found.tags, tag_incarnation);
    bool ours = life == record_.uid;
    if (!life.empty() && !ours) {
      log::info("engine", "{}: {} {} belongs to another application of this name", name(),
                found.kind, found.id);
      ++others;
      continue;
    }
    if (found.keep && !record_.remove_kept) {
      proof.kept.push_back(resource_of(found, "carries the tag croft:keep"));
      continue;
    }
    if (!ours) {
      proof.left.push_back(
          resource_of(found, "carries this application's tag, but croft did not make it"));
      continue;
    }
    auto gone = co_await cloud::remove_found(ec2, s3, found);
    if (!gone && gone.error().code == Code::cancelled) co_return gone;
    Resource line = resource_of(found, "found by its tag");
    if (gone) {
      line.removed = services_.world.clock.wall();
      protocol::Event told;
      told.component = found.component;
      told.event = protocol::event::returned;
      told.why = fmt::format("{}, found by its tag", found.id);
      ledger_.event(std::move(told));
      if (!listed(proof.rented, found)) proof.rented.push_back(line);
      if (!listed(proof.returned, found)) proof.returned.push_back(line);
    } else {
      line.why = gone.error().line();
      proof.left.push_back(std::move(line));
    }
  }
  if (others > 0)
    proof.others += fmt::format(
        "{}{} more carry the name {} and are of another life of it, or of another controller's: "
        "croft audit lists them",
        proof.others.empty() ? "" : "; ", others, name());
  co_return Result<>{};
}

}  // namespace croft::engine
