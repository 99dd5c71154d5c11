#include "farm/ec2/fleet.h"

#include <unistd.h>

#include "base/log.h"
#include "farm/ec2/metering.h"

namespace croft::farm::ec2 {

namespace {

constexpr Duration first_pause = Duration::milliseconds(200);
constexpr Duration last_pause = Duration::seconds(30);
constexpr Duration destroy_deadline = Duration::seconds(60);
constexpr Duration forget_period = Duration::seconds(60);

}  // namespace

Fleet::~Fleet() {
  for (auto& [id, inside] : waiting_inside_)
    for (auto& [name, descriptor] : inside->sockets) ::close(descriptor);
}

std::string reason_time(WallTime at) {
  std::string iso = at.iso8601();  // 2008-04-07T10:00:00.000Z
  return iso.substr(0, 10) + " " + iso.substr(11, 8) + " GMT";
}

void Fleet::kick(const std::string& id) {
  queue_.push_back(id);
  work_.notify();
}

void Fleet::ask_reboot(const std::string& id) {
  reboots_.insert(id);
  kick(id);
}

void Fleet::set_state(Instance& instance, InstanceState state, StateReason reason,
                      std::string transition, std::vector<store::Change>& changes) {
  WallTime now = world_.clock.wall();
  instance.state_before = instance.state;
  instance.changed = now;
  instance.state = state;
  instance.reason = std::move(reason);
  instance.transition = std::move(transition);
  bool runs = state == InstanceState::running;
  if (runs != instance.metered) {
    instance.metered = runs;
    changes.push_back(meter::record({instance.account, thing_of(instance), runs, now}));
  }
  if (state == InstanceState::terminated) {
    instance.ended = now;
    state_.leave_address(instance);
  }
  changes.push_back(State::put(instance));
  if (options_.changed) options_.changed();
}

aio::Task<Result<>> Fleet::save(Instance& instance, std::string point,
                                std::vector<store::Change> changes) {
  if (changes.empty()) changes.push_back(State::put(instance));
  co_return co_await state_.commit(std::move(point), std::move(changes));
}

// ---- recovery
// -------------------------------------------------------------------------------------

aio::Task<Result<>> Fleet::recover() {
  std::map<std::string, std::vector<sandbox::InsideListener>> listeners;
  for (const auto& [id, instance] : state_.instances())
    if (is_live(instance.state)) listeners[id] = options_.listeners;
  auto found = CO_TRY(co_await machines_.find_running(std::move(listeners)));
  std::set<std::string> alive;
  for (sandbox::Machine& machine : found) {
    Instance* instance = state_.find_instance(machine.id);
    if (!instance || !is_live(instance->state)) {
      for (auto& [name, descriptor] : machine.sockets) ::close(descriptor);
      log::warn("ec2", "removing machine {}: no record says that it should run", machine.id);
      Result<> gone;
      if (instance && instance->state == InstanceState::stopped)
        gone = co_await machines_.stop(machine.id, Duration());
      else
        gone = co_await machines_.destroy(machine.id);
      if (!gone) log::warn("ec2", "{}", gone.error().line());
      continue;
    }
    alive.insert(machine.id);
    attach(machine.id, std::move(machine.sockets));
  }
  std::vector<store::Change> changes;
  for (const auto& [id, unused] : state_.instances()) {
    Instance& instance = *state_.find_instance(id);
    bool runs = alive.contains(id);
    if (instance.state == InstanceState::pending && runs) {
      instance.booted = true;
      set_state(instance, InstanceState::running, {}, "", changes);
    } else if (instance.state == InstanceState::running && !runs) {
      end_by_itself(instance,
                    {"Server.InternalError",
                     "Server.InternalError: the machine ended while the farm was down"},
                    changes);
    }
    // Also a launch that a crash cut short: its record was durable, so its client counts on it.
    if (instance.state == InstanceState::pending) half_made_.insert(id);
    if (is_live(instance.state) && instance.state != InstanceState::running) queue_.push_back(id);
  }
  if (!changes.empty()) CO_TRY(co_await state_.commit("recover", std::move(changes)));
  co_return Result<>{};
}

// ---- the loop
// -------------------------------------------------------------------------------------

aio::Task<Result<>> Fleet::run() {
  aio::Scope scope(co_await aio::here());
  scope_ = &scope;
  for (auto& [id, inside] : waiting_inside_) scope.spawn(serve(id, inside));
  waiting_inside_.clear();
  scope.spawn(watch_exits());
  scope.spawn(forget_old());
  scope.spawn(settle_all(scope));
  auto result = co_await scope.join();
  scope_ = nullptr;
  co_return result;
}

aio::Task<Result<>> Fleet::settle_all(aio::Scope& scope) {
  for (;;) {
    while (!queue_.empty()) {
      std::string id = std::move(queue_.front());
      queue_.pop_front();
      // A settling coroutine looks at the record again before it ends.
      if (settling_.insert(id).second) scope.spawn(settle(std::move(id)));
    }
    CO_TRY(co_await work_.wait());
  }
}

aio::Task<Result<>> Fleet::settle(std::string id) {
  Duration pause = first_pause;
  for (;;) {
    auto more = co_await step(id);
    if (more && !*more) break;
    if (more) {
      pause = first_pause;
      continue;
    }
    if (more.error().code == Code::cancelled) break;
    log::warn("ec2", "{}: {}; trying again in {}", id, more.error().line(), pause.text());
    if (!co_await world_.clock.sleep(pause)) break;
    pause = std::min(pause * 2, last_pause);
  }
  settling_.erase(id);
  co_return Result<>{};
}

aio::Task<Result<bool>> Fleet::step(std::string id) {
  Instance* instance = state_.find_instance(id);
  if (!instance) co_return false;
  switch (instance->state) {
    case InstanceState::pending:
      co_return co_await boot(id);
    case InstanceState::stopping:
      co_return co_await halt(id);
    case InstanceState::shutting_down:
      co_return co_await dispose(id);
    case InstanceState::running:
      co_return co_await reboot(id);
    case InstanceState::stopped:
    case InstanceState::terminated:
      reboots_.erase(id);
      restarts_.erase(id);
      co_return false;
  }
  co_return false;
}

// ---- moves
// ----------------------------------------------------------------------------------------

sandbox::MachineSpec Fleet::spec_of(const Instance& instance) {
  sandbox::MachineSpec spec;
  spec.id = instance.id;
  spec.hostname = instance.hostname();
  spec.image = instance.image_folder;
  spec.private_address = instance.private_address;
  spec.network = instance.vpc;
  spec.groups = instance.groups;
  if (const InstanceType* type = find_instance_type(instance.type)) {
    spec.memory = type->memory();
    spec.cpu_permille = type->cpu_permille;
    spec.pids = type->pids;
  }
  spec.disk = Bytes::gib(instance.disk_gib);
  spec.disk_source = instance.disk_source;
  if (options_.volumes) spec.volumes = options_.volumes(instance.id);
  spec.user_data = instance.user_data;
  if (KeyPair* key = state_.find_key(instance.account, instance.key_name))
    spec.authorized_key = key->public_key;
  spec.listeners = options_.listeners;
  spec.first_boot = !instance.booted;
  return spec;
}

aio::Task<Result<bool>> Fleet::boot(std::string id) {
  CO_TRY(co_await boots_.acquire());
  Instance* instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::pending) {
    boots_.release();
    co_return true;
  }
  if (half_made_.contains(id)) {
    Result<> cleaned;
    if (instance->booted)
      cleaned = co_await machines_.stop(id, Duration());
    else
      cleaned = co_await machines_.destroy(id);
    if (!cleaned) boots_.release();
    CO_TRY(std::move(cleaned));
    half_made_.erase(id);
    instance = state_.find_instance(id);
    if (!instance || instance->state != InstanceState::pending) {
      boots_.release();
      co_return true;
    }
  }
  early_exits_.erase(id);
  world_.crash.pass("ec2.boot.before");
  auto machine = co_await aio::deadline(world_.clock, options_.boot_deadline,
                                        machines_.start(spec_of(*instance)), "booting " + id);
  boots_.release();
  if (!machine) co_return co_await boot_failed(id, std::move(machine).error());
  world_.crash.pass("ec2.boot.after");
  co_return co_await booted(id, std::move(*machine));
}

aio::Task<Result<bool>> Fleet::booted(std::string id, sandbox::Machine machine) {
  attach(id, std::move(machine.sockets));
  Instance* instance = state_.find_instance(id);
  if (!instance) co_return true;
  instance->booted = true;
  if (!instance->public_address.empty())
    CO_TRY(co_await machines_.set_public(instance->public_address, instance->private_address));
  instance = state_.find_instance(id);
  if (!instance) co_return true;
  std::vector<store::Change> changes;
  if (instance->state == InstanceState::pending)
    set_state(*instance, InstanceState::running, {}, "", changes);
  auto saved = co_await save(*instance, "running", std::move(changes));
  if (!saved) log::error("ec2", "{}: {}", id, saved.error().line());
  if (auto early = early_exits_.extract(id)) CO_TRY(co_await ended(std::move(early.mapped())));
  co_return true;
}

aio::Task<Result<bool>> Fleet::boot_failed(std::string id, Error error) {
  if (error.code == Code::cancelled)
    co_return fail(std::move(error));  // the farm ends; the record stays pending
  log::warn("ec2", "{} did not boot: {}", id, error.line());
  Instance* instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::pending) co_return true;
  std::vector<store::Change> changes;
  StateReason reason{"Server.InternalError", "Server.InternalError: " + error.what};
  // A launch ends with its instance; a Start leaves the disk alone.
  set_state(*instance, instance->booted ? InstanceState::stopping : InstanceState::shutting_down,
            reason, "Server.InternalError", changes);
  CO_TRY(co_await save(*instance, "boot-failed", std::move(changes)));
  co_return true;
}

aio::Task<Result<bool>> Fleet::halt(std::string id) {
  Duration grace = forced_.erase(id) > 0 ? Duration() : options_.stop_grace;
  CO_TRY(co_await detach(id));
  world_.crash.pass("ec2.stop.before");
  CO_TRY(co_await aio::deadline(world_.clock, grace + destroy_deadline, machines_.stop(id, grace),
                                "stopping " + id));
  world_.crash.pass("ec2.stop.after");
  Instance* instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::stopping) co_return true;
  CO_TRY(co_await withdraw(instance->public_address));
  instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::stopping) co_return true;
  std::vector<store::Change> changes;
  // The next start gives another one.
  if (!instance->public_address.empty()) {
    state_.free_address(instance->public_address);
    instance->public_address.clear();
  }
  set_state(*instance, InstanceState::stopped, instance->reason, instance->transition, changes);
  CO_TRY(co_await save(*instance, "stopped", std::move(changes)));
  co_return true;
}

aio::Task<Result<bool>> Fleet::dispose(std::string id) {
  CO_TRY(co_await detach(id));
  world_.crash.pass("ec2.destroy.before");
  CO_TRY(co_await aio::deadline(world_.clock, destroy_deadline, machines_.destroy(id),
                                "removing " + id));
  world_.crash.pass("ec2.destroy.after");
  Instance* instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::shutting_down) co_return true;
  CO_TRY(co_await withdraw(instance->public_address));
  std::vector<store::Change> changes;
  std::vector<std::string> elastic;
  for (auto& [allocation, address] : state_.addresses.all()) {
    if (address.instance != id) continue;
    address.instance.clear();
    address.association.clear();
    changes.push_back(state_.addresses.put(address));
    changes.push_back(metered(address, true, world_.clock.wall()));
    elastic.push_back(address.address);
  }
  for (std::string& address : elastic) CO_TRY(co_await withdraw(std::move(address)));
  std::vector<std::string> gone;
  for (auto& [volume_id, volume] : state_.volumes.all()) {
    if (volume.instance != id) continue;
    // Its record goes whole: a commit names each key once.
    if (volume.delete_on_termination) {
      gone.push_back(volume_id);
      continue;
    }
    volume.instance.clear();
    volume.device.clear();
    changes.push_back(state_.volumes.put(volume));
  }
  for (const std::string& volume : gone) {
    changes.push_back(state_.volumes.remove(volume));
    changes.push_back(metered(*state_.volumes.find(volume), false, world_.clock.wall()));
    state_.volumes.erase(volume);
    if (options_.disk_file) CO_TRY(co_await machines_.remove_disk(options_.disk_file(volume)));
  }
  instance = state_.find_instance(id);
  if (!instance || instance->state != InstanceState::shutting_down) co_return true;
  set_state(*instance, InstanceState::terminated, instance->reason, instance->transition, changes);
  CO_TRY(co_await save(*instance, "terminated", std::move(changes)));
  co_return true;
}

aio::Task<Result<>> Fleet::withdraw(std::string public_address) {
  if (public_address.empty()) co_return Result<>{};
  co_return co_await machines_.set_public(std::move(public_address), "");
}

aio::Task<Result<bool>> Fleet::reboot(std::string id) {
  bool by_guest = restarts_.erase(id) > 0;
  bool asked = reboots_.erase(id) > 0;
  if (!by_guest && !asked) co_return false;
  if (!by_guest) {
    CO_TRY(co_await aio::deadline(world_.clock, options_.stop_grace + destroy_deadline,
                                  machines_.reboot(id), "rebooting " + id));
    co_return true;
  }
  CO_TRY(co_await detach(id));
  Instance* instance = state_.find_instance(id);
  if (!instance) co_return true;
  auto machine = co_await aio::deadline(world_.clock, options_.boot_deadline,
                                        machines_.start(spec_of(*instance)), "rebooting " + id);
  if (machine) {
    attach(id, std::move(machine->sockets));
    co_return true;
  }
  instance = state_.find_instance(id);
  if (machine.error().code == Code::cancelled || !instance ||
      instance->state != InstanceState::running)
    co_return fail(std::move(machine).error());
  std::vector<store::Change> changes;
  end_by_itself(*instance,
                {"Server.InternalError", "Server.InternalError: " + machine.error().what}, changes);
  CO_TRY(co_await save(*instance, "reboot-failed", std::move(changes)));
  co_return true;
}

// ---- machines that end by themselves
// --------------------------------------------------------------

void Fleet::end_by_itself(Instance& instance, StateReason reason,
                          std::vector<store::Change>& changes) {
  bool terminate = instance.shutdown_behavior == "terminate";
  std::string transition = fmt::format("{} ({})", reason.code, reason_time(world_.clock.wall()));
  set_state(instance, terminate ? InstanceState::shutting_down : InstanceState::stopping,
            std::move(reason), std::move(transition), changes);
}

aio::Task<Result<>> Fleet::watch_exits() {
  for (;;) {
    auto exit = co_await machines_.next_exit();
    if (!exit) {
      if (exit.error().code == Code::cancelled) co_return fail(std::move(exit).error());
      log::error("ec2", "watching machines: {}", exit.error().line());
      CO_TRY(co_await world_.clock.sleep(Duration::seconds(1)));
      continue;
    }
    if (auto done = co_await ended(std::move(*exit)); !done) {
      if (done.error().code == Code::cancelled) co_return done;
      log::error("ec2", "{}", done.error().line());
    }
  }
}

aio::Task<Result<>> Fleet::ended(sandbox::MachineExit exit) {
  Instance* instance = state_.find_instance(exit.id);
  if (!instance) co_return Result<>{};
  if (instance->state == InstanceState::pending) {
    early_exits_[exit.id] = std::move(exit);
    co_return Result<>{};
  }
  if (instance->state != InstanceState::running) co_return Result<>{};
  if (exit.by_guest && exit.reason == "reboot") {
    restarts_.insert(exit.id);
    kick(exit.id);
    co_return Result<>{};
  }
  StateReason reason{"Client.InstanceInitiatedShutdown",
                     "Client.InstanceInitiatedShutdown: Instance initiated shutdown"};
  if (!exit.by_guest) reason = {"Server.InternalError", "Server.InternalError: " + exit.reason};
  log::info("ec2", "{} ended by itself: {}", exit.id, exit.reason);
  std::vector<store::Change> changes;
  end_by_itself(*instance, std::move(reason), changes);
  kick(exit.id);
  co_return co_await save(*instance, "ended", std::move(changes));
}

// ---- what terminated instances leave
// ----------------------------------------------------------------

aio::Task<Result<>> Fleet::forget_old() {
  for (;;) {
    CO_TRY(co_await world_.clock.sleep(forget_period));
    if (auto done = co_await forget_once(); !done) log::warn("ec2", "{}", done.error().line());
  }
}

aio::Task<Result<>> Fleet::forget_once() {
  WallTime now = world_.clock.wall();
  std::vector<std::string> old;
  for (const auto& [id, instance] : state_.instances())
    if (instance.state == InstanceState::terminated &&
        now - instance.ended > options_.keep_terminated)
      old.push_back(id);
  if (old.empty()) co_return Result<>{};
  std::vector<store::Change> changes;
  for (const std::string& id : old) {
    changes.push_back(State::remove(*state_.find_instance(id)));
    state_.erase_instance(id);
  }
  WallTime before{now.ns - options_.keep_terminated.ns()};
  for (const TokenRecord& token : state_.stale_tokens(before)) {
    changes.push_back(State::remove(token));
    state_.erase_token(token);
  }
  co_return co_await state_.commit("forget", std::move(changes));
}

aio::Task<Result<>> Fleet::until_none_lives() {
  for (;;) {
    bool any = !settling_.empty();
    for (const auto& [id, instance] : state_.instances()) any = any || is_live(instance.state);
    if (!any) co_return Result<>{};
    CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(5)));
  }
}

aio::Task<Result<>> Fleet::settle_here(std::string id) {
  for (bool more = true; more;) more = CO_TRY(co_await step(id));
  co_return Result<>{};
}

aio::Task<Result<>> Fleet::destroy_all() {
  std::vector<store::Change> changes;
  std::vector<std::string> ids;
  for (const auto& [id, unused] : state_.instances()) {
    Instance& instance = *state_.find_instance(id);
    if (instance.state == InstanceState::terminated) continue;
    ids.push_back(id);
    if (instance.state != InstanceState::shutting_down)
      set_state(instance, InstanceState::shutting_down,
                {"Client.UserInitiatedShutdown", "The farm was destroyed"},
                fmt::format("User initiated ({})", reason_time(world_.clock.wall())), changes);
  }
  if (!changes.empty()) CO_TRY(co_await state_.commit("destroy-all", std::move(changes)));
  if (scope_) {
    for (const std::string& id : ids) kick(id);
    co_return co_await aio::deadline(world_.clock, destroy_deadline, until_none_lives(),
                                     "ending all machines");
  }
  aio::Scope scope(co_await aio::here());
  for (const std::string& id : ids) scope.spawn(settle_here(id));
  co_return co_await scope.join();
}

}  // namespace croft::farm::ec2
