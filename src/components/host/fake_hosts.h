// Hosts for tests of the component types that run on them: what was applied is kept, and is as the
// test says. Outlives the controller's process, as real hosts do. Header-only; for *_test.cpp.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "components/test_rig.h"
#include "engine/host.h"
#include "protocol/agent.h"

namespace croft::components::test {

using Phase = model::WorkState::Phase;

/// Of the controller's process that runs now.
using FakeClock = std::function<aio::Clock&()>;

class FakeHost : public engine::Host {
 public:
  FakeHost(FakeClock clock, std::string name) : clock_(std::move(clock)), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  std::string address() const override { return "10.0.0." + name_.substr(name_.rfind('-') + 1); }
  bool connected() const override { return connected_; }
  std::optional<std::string> lost() const override { return given_up; }
  aio::Task<Result<model::WorkState>> apply(model::HostWork work) override {
    CO_TRY(co_await clock_().sleep(Duration::milliseconds(2)));
    if (!connected_) co_return away();
    work.digest = protocol::digest_of(work, Secret("key"));
    auto old = items.find(work.name);
    if (old != items.end() && old->second.digest == work.digest &&
        !states.at(work.name).digest.empty())
      co_return states.at(work.name);
    log.push_back((old == items.end() ? "new " : "change ") + work.name);
    model::WorkState state;
    state.name = work.name;
    state.digest = work.digest;
    state.phase = Phase::ready;
    state.pid = 100 + static_cast<int64_t>(log.size());
    if (begins) begins(work, state);
    std::string name = work.name;
    items.insert_or_assign(name, std::move(work));
    states.insert_or_assign(name, state);
    changed_.notify();
    co_return state;
  }
  aio::Task<Result<>> remove(std::string name) override {
    CO_TRY(co_await clock_().sleep(Duration::milliseconds(2)));
    if (!connected_) co_return fail(away().error());
    if (items.erase(name) > 0) log.push_back("remove " + name);
    states.erase(name);
    changed_.notify();
    co_return Result<>{};
  }
  std::optional<model::WorkState> state(const std::string& name) const override {
    auto found = states.find(name);
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  aio::Task<Result<>> ask(model::Probe probe) override {
    CO_TRY(co_await clock_().sleep(Duration::milliseconds(2)));
    if (!connected_) co_return fail(away().error());
    asked.push_back(probe);
    if (answers) co_return answers(probe);
    co_return Result<>{};
  }
  aio::Signal& changed() override { return changed_; }

  void become(const std::string& name, Phase phase, std::string why = "",
              std::optional<int> exit_code = std::nullopt) {
    auto& state = states.at(name);
    state.phase = phase;
    state.why = std::move(why);
    state.exit_code = exit_code;
    changed_.notify();
  }
  void connect(bool now) {
    connected_ = now;
    changed_.notify();
  }
  /// Its memory is gone, and the secrets with it.
  void start_anew() {
    for (auto& [name, state] : states) {
      state.digest.clear();
      state.phase = Phase::waiting;
    }
    changed_.notify();
  }
  template <class Work>
  const Work& work(const std::string& name) const {
    return std::get<Work>(items.at(name).what);
  }

  std::map<std::string, model::HostWork> items;
  std::map<std::string, model::WorkState> states;
  std::vector<std::string> log;  ///< "new app:a", "change app:a", "remove app:a"
  std::vector<model::Probe> asked;
  /// How an item is at once; default: ready.
  std::function<void(const model::HostWork&, model::WorkState&)> begins;
  std::function<Result<>(const model::Probe&)> answers;
  std::optional<std::string> given_up;  ///< why it is held to be dead

 private:
  std::unexpected<Error> away() const { return fail(Code::unavailable, "no agent"); }
  FakeClock clock_;
  std::string name_;
  bool connected_ = true;
  aio::Signal changed_;
};

class FakeHosts : public engine::Hosts {
 public:
  explicit FakeHosts(FakeClock clock) : clock_(std::move(clock)) {}

  engine::AgentProgram agent_program() const override { return {"an agent", "0"}; }
  aio::Task<Result<std::string>> user_data(engine::Joining joining) override {
    co_return "#!/bin/sh\n# join with " + joining.client_token + "\n" + joining.script;
  }
  aio::Task<Result<>> expect(engine::Machine machine) override {
    join(machine.instance);
    co_return Result<>{};
  }
  aio::Task<Result<>> leave(std::string) override { co_return Result<>{}; }
  aio::Task<Result<Rendezvous>> rendezvous(std::string) override {
    co_return Rendezvous{"{\"at\": \"" + controller_at + "\"}", controller_at};
  }
  aio::Task<Result<>> rendezvous_is_at(std::string, std::string, std::string url) override {
    rendezvous_urls.push_back(std::move(url));
    co_return Result<>{};
  }
  std::string controller_at = "10.0.0.1:7117";
  std::vector<std::string> rendezvous_urls;
  std::shared_ptr<engine::Host> find(std::string_view, std::string_view instance) override {
    auto found = all.find(std::string(instance));
    return found == all.end() ? nullptr : found->second;
  }
  aio::Task<Result<>> forget(std::string, std::string instance) override {
    all.erase(instance);
    changed_.notify();
    co_return Result<>{};
  }
  void spare(const std::string&, const std::string& instance, Duration) override {
    if (auto found = all.find(instance); found != all.end()) found->second->given_up.reset();
  }
  void give_up(const std::string&, const std::string& instance, std::string why) override {
    if (auto found = all.find(instance); found != all.end()) {
      found->second->given_up = std::move(why);
      found->second->changed().notify();
    }
    changed_.notify();
  }
  aio::Signal& changed() override { return changed_; }

  FakeHost& join(const std::string& instance) {
    auto& host = all[instance];
    if (!host) host = std::make_shared<FakeHost>(clock_, instance);
    changed_.notify();
    return *host;
  }
  FakeHost& at(const std::string& instance) { return *all.at(instance); }

  std::map<std::string, std::shared_ptr<FakeHost>> all;

 private:
  FakeClock clock_;
  aio::Signal changed_;
};

/// One application on hosts that outlive the controller.
class OnHosts : public testing::Test {
 protected:
  OnHosts() { log::set_level(log::Level::off); }

  static std::string described(const std::string& components) {
    return "#include \"/croft/hosts.sf\"\n" + std::string(library) +
           "sfConfig extends Compound { sfProcessHost \"i-1\"; sfLivenessDelay 5; " + components +
           " }";
  }
  static Result<engine::Wanted> wanted(const std::string& components, bool allow_shell = false) {
    auto out = TRY(wanted_of(described(components)));
    out.options.allow_shell = allow_shell;
    return out;
  }
  /// One life of a controller.
  Result<> live_once(const std::string& includes, const std::string& components, Script script) {
    return sim_.run(live(sim_.world(), TRY(wanted_of(includes + described(components))),
                         std::move(script), seen_, &hosts_));
  }
  Result<> live_once(const std::string& components, Script script, bool allow_shell = false) {
    return sim_.run(live(sim_.world(), TRY(wanted(components, allow_shell)), std::move(script),
                         seen_, &hosts_));
  }
  aio::Task<Result<>> pause(Duration time) { return sim_.world().clock.sleep(time); }
  const engine::ComponentRecord& record(const std::string& path) {
    return seen_.components.at(path);
  }
  bool told(std::string_view text) const {
    return std::ranges::any_of(
        seen_.told, [&](const auto& line) { return line.find(text) != std::string::npos; });
  }

  aio::SimWorld sim_{1};
  FakeHosts hosts_{[this]() -> aio::Clock& { return sim_.world().clock; }};
  FakeHost& host_ = hosts_.join("i-1");
  Seen seen_;
};

}  // namespace croft::components::test
