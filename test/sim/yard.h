// The machines of a simulated farm, as far as they become hosts: on each an agent, which is the
// real one but for what it starts. A process of a workload is a record here; it outlives agents and
// farms and ends with its machine. Header-only, for test/sim.
#pragma once
#include <openssl/rand.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "agent/link.h"
#include "aio/sim/sim_world.h"
#include "base/text.h"
#include "sandbox/fake.h"

namespace croft::simtest {

/// OpenSSL draws from this seed from now on: a life with TLS in it replays exactly.
inline void seed_openssl(uint64_t seed) {
  static std::mt19937_64 draw;
  draw.seed(seed);
  static constexpr auto fill = [](unsigned char* into, int count) {
    for (int i = 0; i < count; ++i) into[i] = static_cast<unsigned char>(draw());
    return 1;
  };
  static const RAND_METHOD method{.seed = nullptr,
                                  .bytes = fill,
                                  .cleanup = nullptr,
                                  .add = nullptr,
                                  .pseudorand = fill,
                                  .status = [] { return 1; }};
#pragma clang diagnostic push
#pragma clang diagnostic ignored \
    "-Wdeprecated-declarations"  // what is in its place takes no function
  RAND_set_rand_method(&method);
#pragma clang diagnostic pop
}

/// A process of a workload.
struct Workload {
  std::string digest;
  std::vector<std::string> command;
  bool runs = false;
  int starts = 0, ended = 0;  ///< of this digest: by the agent, and by the trouble
  aio::Signal end;
};

struct Box {
  sandbox::MachineSpec spec;
  sandbox::Machine machine;
  bool runs = false;
  aio::SimDisk* disk = nullptr;
  aio::SimProcess* agent = nullptr;
  int agents = 0;
  bool refused = false;  ///< its agent ended for good
  std::map<std::string, Workload> workloads;
};

/// What the agent does with work: it notes that it runs.
class BoxItem final : public agent::Item {
 public:
  BoxItem(agent::Place& place, Box& box, model::HostWork work,
          std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)), box_(box) {}
  aio::Task<Result<>> keep() override {
    Workload& mine = box_.workloads[work_.name];
    for (;;) {
      if (!mine.runs || mine.digest != work_.digest) start(mine);
      say(Phase::ready);
      while (mine.runs) CO_TRY(co_await mine.end.wait());
      ++state_.restarts;
      say(Phase::starting, "it has ended");
    }
  }
  aio::Task<Result<>> end(const model::HostWork*) override {
    box_.workloads.erase(work_.name);
    co_return Result<>{};
  }

 private:
  void start(Workload& mine) {
    if (mine.digest != work_.digest) mine.starts = mine.ended = 0;
    mine.digest = work_.digest;
    if (const auto* process = std::get_if<model::ProcessWork>(&work_.what))
      mine.command = process->command;
    mine.runs = true;
    ++mine.starts;
  }
  Box& box_;
};

class Yard {
 public:
  explicit Yard(aio::SimWorld& sim) : sim_(sim) {}

  /// The machines as one life of the farm sees them.
  std::unique_ptr<sandbox::Machines> door(aio::World& world) {
    auto out = std::make_unique<sandbox::FakeMachines>(world);
    for (const auto& [id, box] : boxes_)
      if (box->runs) out->found(box->spec, box->machine);
    out->on_start = [this](const sandbox::MachineSpec& spec, const sandbox::Machine& machine) {
      start(spec, machine);
    };
    out->on_end = [this](const std::string& id) { end(id); };
    return out;
  }

  /// As the keeper on each machine does: an agent that died is started again. Those, by machine.
  std::vector<std::string> tend() {
    std::vector<std::string> out;
    for (auto& [id, box] : boxes_)
      if (box->runs && !box->refused && box->agent && box->agent->dead()) {
        out.push_back(id);
        start_agent(*box);
      }
    return out;
  }
  std::vector<Box*> running() {
    std::vector<Box*> out;
    for (auto& [id, box] : boxes_)
      if (box->runs) out.push_back(box.get());
    return out;
  }
  /// Null: no such machine runs (any more).
  Box* find(const std::string& id) {
    auto found = boxes_.find(id);
    return found == boxes_.end() || !found->second->runs ? nullptr : found->second.get();
  }
  /// One of its processes ends by itself; the name.
  std::string end_one(Box& box, uint64_t number) {
    std::vector<std::string> names;
    for (const auto& [name, workload] : box.workloads)
      if (workload.runs) names.push_back(name);
    if (names.empty()) return {};
    Workload& workload = box.workloads[names[number % names.size()]];
    workload.runs = false;
    ++workload.ended;
    workload.end.notify();
    return names[number % names.size()];
  }
  /// What was started without need: nothing restarts a process but its own end.
  std::string wrong() const {
    for (const auto& [id, box] : boxes_)
      for (const auto& [name, workload] : box->workloads)
        if (workload.starts > workload.ended + 1)
          return fmt::format("{} on {} was started {} times and ended {} times", name, id,
                             workload.starts, workload.ended);
    return {};
  }

 private:
  void start(const sandbox::MachineSpec& spec, const sandbox::Machine& machine) {
    auto& box = boxes_[spec.id];
    if (!box) {
      box = std::make_unique<Box>();
      box->disk = &sim_.add_disk();
    }
    box->spec = spec;
    box->machine = {machine.id, machine.pid, machine.start_time, {}};
    box->runs = true;
    if (spec.user_data.find("croft-agent") != std::string::npos) start_agent(*box);
  }
  void end(const std::string& id) {
    auto found = boxes_.find(id);
    if (found == boxes_.end() || !std::exchange(found->second->runs, false)) return;
    Box& box = *found->second;
    if (box.agent && !box.agent->dead()) box.agent->kill("its machine is gone");
  }
  void start_agent(Box& box) {
    box.agent = &sim_.start_process("agent of " + box.spec.id, box.disk, box.spec.private_address);
    ++box.agents;
    sim_.spawn(*box.agent, serve(box.agent->world(), box, *box.agent));
  }
  static aio::Task<Result<>> serve(aio::World& world, Box& box, aio::SimProcess& process) {
    auto served = co_await run_agent(world, box);
    if (process.dead()) co_return served;
    // As the keeper: who is refused does not ask again.
    box.refused = !served && (served.error().code == Code::unauthenticated ||
                              served.error().code == Code::permission_denied);
    process.kill(served ? "it has ended" : served.error().line());
    co_return served;
  }
  /// What stands in single quotes behind `mark`.
  static std::string quoted_after(const std::string& text, std::string_view mark) {
    size_t at = text.find(mark);
    if (at == std::string::npos) return {};
    at += mark.size();
    return text.substr(at, text.find('\'', at) - at);
  }
  /// What user data tell of how the agent is started.
  static agent::Identity identity_of(const sandbox::MachineSpec& spec) {
    agent::Identity out;
    out.controllers = {quoted_after(spec.user_data, "--controller '")};
    out.pin = quoted_after(spec.user_data, "--pin '");
    size_t end = spec.user_data.find("' > rendezvous");
    size_t begin = spec.user_data.rfind('\'', end - 1) + 1;
    out.rendezvous = spec.user_data.substr(begin, end - begin);
    out.instance = spec.id;
    out.address = spec.private_address;
    return out;
  }
  static std::string token_of(const sandbox::MachineSpec& spec) {
    size_t end = spec.user_data.find("' > token");
    size_t begin = spec.user_data.rfind('\'', end - 1) + 1;
    return spec.user_data.substr(begin, end - begin);
  }
  static aio::Task<Result<>> run_agent(aio::World& world, Box& box) {
    agent::Folder folder(world, "/agent", agent::Ground{"/memory", "boot of " + box.spec.id});
    CO_TRY(co_await folder.open());
    auto kept = co_await folder.load();
    if (!kept && kept.error().code != Code::not_found) co_return fail(std::move(kept).error());
    agent::Identity identity = kept ? *kept : identity_of(box.spec);
    if (!kept) CO_TRY(co_await folder.save(identity));
    agent::Cgroups none;
    agent::Launcher launcher(world, "/nowhere", none);
    agent::Supervisor supervisor(world, folder, launcher,
                                 [&box](agent::Place& place, model::HostWork work,
                                        std::function<void(const model::WorkState&)> changed) {
                                   return std::make_unique<BoxItem>(place, box, std::move(work),
                                                                    std::move(changed));
                                 });
    agent::Link link(world, folder, supervisor, launcher, std::move(identity));
    supervisor.on_change = [&link](const model::WorkState& state) { link.changed(state); };
    CO_TRY(co_await supervisor.start());
    // What an agent left that died while it ended them.
    std::set<std::string> known;
    for (const auto& state : supervisor.states()) known.insert(state.name);
    std::erase_if(box.workloads, [&](const auto& item) { return !known.contains(item.first); });
    auto linked = co_await live(link, token_of(box.spec));
    auto finished = co_await supervisor.finish();
    co_return linked ? finished : linked;
  }
  static aio::Task<Result<>> live(agent::Link& link, std::string token) {
    CO_TRY(co_await link.join(Secret(std::move(token)), [] {}));
    co_return co_await link.run();
  }

  aio::SimWorld& sim_;
  std::map<std::string, std::unique_ptr<Box>> boxes_;
};

}  // namespace croft::simtest
