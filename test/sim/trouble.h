// One life of an application in a simulated world full of trouble, all of it drawn from one seed:
// the controller is killed, loses power, stands still, has its clock set and its disk full; the
// farm is killed, cut off, silent, slow and refuses; machines vanish. What must hold, whatever
// comes: at the end of the trouble what is described exists, once, and nothing else; after `down`
// nothing is left, and all that the farm ever gave is accounted for. For test/sim.
#pragma once
#include <fmt/format.h>

#include <random>
#include <set>

#include "form.h"
#include "kinds.h"

namespace croft::simtest {

class Trouble {
 public:
  /// Every fifth life has two controllers, one of which leads; in every third machines become
  /// hosts.
  explicit Trouble(uint64_t seed)
      : dice_(seed), rig_(seed, {}, seed % 5 == 0 ? 2 : 1, seed % 6 == 3) {
    seed_openssl(seed);
    rig_.sim.network().options.datagram_loss = rig_.sim.network().options.datagram_twice = 0.05;
  }

  /// An error: what did not hold; story() tells what was done before.
  Result<> live() {
    if (rig_.with_hosts) TRY(prepare_farm());
    Form form = a_form();
    TRY(reach(form, "up"));
    if (dice_.one_in(2)) {
      form = a_form();
      TRY(reach(form, "a change"));
    }
    if (dice_.one_in(2)) {
      TRY(lose_one());
      TRY(settle(form, loss));
    }
    return end();
  }
  const std::vector<std::string>& story() const { return story_; }
  std::function<void(const std::string&)> on_tell;  ///< hears the story as it goes
  uint64_t hash() const { return rig_.sim.hash(); }

 private:
  static constexpr const char* id = life_id;
  static constexpr const char* key = life_key;
  static constexpr const char* farm_url = "http://10.0.0.9:7480";
  static constexpr Duration slice = Duration::milliseconds(50);
  static constexpr const char *loss = "a loss", *removal = "down";
  static constexpr size_t events_told = 40;
  static constexpr Duration bound = Duration::minutes(20);  ///< of virtual time, after the trouble

  void tell(std::string what) {
    story_.push_back(fmt::format(
        "{:9.3f} s  {}", static_cast<double>((rig_.sim.now() - Moment{}).ns()) / 1e9, what));
    if (on_tell) on_tell(story_.back());
  }
  Form a_form() {
    Form out;
    out.bucket = dice_.one_in(2);
    out.renamed = dice_.one_in(3);
    if (rig_.with_hosts) {
      out.service = 0;
      out.workers = static_cast<int>(dice_.up_to(3));
      out.front = dice_.one_in(2);
      out.version = static_cast<int>(dice_.up_to(2));
      return out;
    }
    out.service = static_cast<int>(dice_.up_to(3));
    out.other = static_cast<int>(dice_.draw() % 3);
    return out;
  }

  /// Its controllers know no more than its URL.
  Result<> prepare_farm() {
    json::Object account{{"name", "sim"}, {"accessKey", id}, {"secretKey", key}};
    account["quotas"] = json::Object{{"instances", 9}};
    json::Object image{{"id", "ami-26b6534f"}, {"name", "any"}};
    for (auto [path, body] : {std::pair{"/accounts", account}, std::pair{"/images", image}})
      TRY(ask<json::Object>([path, body](Client& client) {
        return client.admin("POST", path, json::compact(body));
      }));
    return {};
  }

  // ---- trouble ----

  void begin(const Event& event) {
    aio::Address farm_door = aio::Address::parse("10.0.0.9:7480").value();
    Seat& seat = seat_of(event);
    Box* box = event.kind >= Kind::agent_crash ? hit(event) : nullptr;
    std::string whom = box ? box->spec.id + ": " : rig_.shared ? seat.name + ": " : "";
    tell(fmt::format("{}{}, {}", whom, text_of(event.kind), event.lasts.text()));
    switch (event.kind) {
      case Kind::crash:
        seat.process->crash_at(1 + event.number % 40);
        return;
      case Kind::kill:
        seat.process->kill("trouble");
        return;
      case Kind::power:
        seat.process->kill("no power");
        power_cut_.insert(&seat);
        return;
      case Kind::pause:
        seat.process->pause(event.lasts);
        return;
      case Kind::clock:
        seat.process->step_wall(Duration::seconds(static_cast<int64_t>(event.number % 1200) - 600));
        return;
      case Kind::full:
      case Kind::broken:
        seat.process->disk().fail_at(
            event.kind == Kind::full ? aio::SimDisk::Fault::full : aio::SimDisk::Fault::broken,
            1 + event.number % 8, event.lasts);
        return;
      case Kind::farm:
        rig_.farm->kill("trouble");
        return;
      case Kind::cut:
        rig_.sim.network().cut(farm_door);
        return;
      case Kind::silence:
        rig_.sim.network().silence(farm_door);
        return;
      case Kind::slow:
        rig_.sim.network().options.delay_max =
            Duration::milliseconds(static_cast<int64_t>(10 + event.number % 900));
        return;
      case Kind::refuse:
        refuse(event);
        return;
      case Kind::store_cut:
        seat.line.cut = true;
        return;
      case Kind::store_lossy:
        seat.line.loss = 0.4;
        return;
      case Kind::store_slow:
        seat.line.delay_max =
            Duration::milliseconds(static_cast<int64_t>(10 + event.number % 3000));
        return;
      case Kind::hand_over:
        stop(seat);
        return;
      case Kind::door_silence:
        rig_.sim.network().silence(door_of(seat));
        return;
      case Kind::agent_crash:
      case Kind::agent_kill:
      case Kind::agent_pause:
      case Kind::agent_full:
      case Kind::machine_cut:
      case Kind::process_end:
        if (box) begin_at(*box, event);
        return;
    }
  }
  /// Which machine it meets: nobody's before one becomes a host.
  Box* hit(const Event& event) {
    std::vector<Box*> boxes = rig_.yard.running();
    std::erase_if(boxes, [](const Box* box) { return !box->agent; });
    if (boxes.empty() || event.kind == Kind::door_silence) return nullptr;
    Box* box = boxes[event.number / 3 % boxes.size()];
    hit_[event.number] = {box->spec.id, box->spec.private_address};
    return box;
  }
  void begin_at(Box& box, const Event& event) {
    if (event.kind == Kind::machine_cut)
      return rig_.sim.network().isolate(box.spec.private_address);
    if (event.kind == Kind::process_end) {
      std::string name = rig_.yard.end_one(box, event.number);
      return tell(name.empty() ? "of which there is none" : name);
    }
    if (box.agent->dead()) return;
    if (event.kind == Kind::agent_crash) box.agent->crash_at(1 + event.number % 12);
    if (event.kind == Kind::agent_kill) box.agent->kill("trouble");
    if (event.kind == Kind::agent_pause) box.agent->pause(event.lasts);
    if (event.kind == Kind::agent_full)
      box.disk->fail_at(aio::SimDisk::Fault::full, 1 + event.number % 4, event.lasts);
  }
  static aio::Address door_of(const Seat& seat) { return aio::Address::parse(seat.agents).value(); }
  Seat& seat_of(const Event& event) { return rig_.seats[event.number / 7 % rig_.seats.size()]; }
  void stop(const Seat& seat) {
    std::string socket = controller::controller_socket(seat.home);
    auto done = rig_.ask<json::Object>(
        [&](Client& client) { return client.ask(socket, "POST", "/v1/stop", ""); });
    if (!done) tell("which nobody could tell it: " + done.error().line());
  }
  void end(const Event& event) {
    switch (event.kind) {
      case Kind::farm:
        if (!rig_.farm->dead()) return;  // killed twice, and started again already
        if (event.number % 2) rig_.farm->disk().crash();
        rig_.start_farm();
        return;
      case Kind::cut:
      case Kind::silence:
        rig_.sim.network().heal(aio::Address::parse("10.0.0.9:7480").value());
        return;
      case Kind::slow:
        rig_.sim.network().options.delay_max = aio::SimNetworkOptions{}.delay_max;
        return;
      case Kind::crash:
        seat_of(event).process->crash_at(0);
        return;
      case Kind::store_cut:
        seat_of(event).line.cut = false;
        return;
      case Kind::store_lossy:
        seat_of(event).line.loss = 0;
        return;
      case Kind::store_slow:
        seat_of(event).line.delay_max = {};
        return;
      case Kind::kill:
      case Kind::power:
      case Kind::pause:
      case Kind::clock:
      case Kind::full:
      case Kind::broken:
      case Kind::refuse:
      case Kind::hand_over:
        return;
      case Kind::door_silence:
        rig_.sim.network().heal(door_of(seat_of(event)));
        return;
      case Kind::agent_crash:
      case Kind::agent_kill:
      case Kind::agent_pause:
      case Kind::agent_full:
      case Kind::machine_cut:
      case Kind::process_end:
        end_at(event);
        return;
    }
  }
  void end_at(const Event& event) {
    auto met = hit_.extract(event.number);
    if (!met) return;
    // Its address may be another machine's by now.
    if (event.kind == Kind::machine_cut) rig_.sim.network().rejoin(met.mapped().address);
    Box* box = rig_.yard.find(met.mapped().machine);
    if (!box) return;
    if (event.kind == Kind::agent_crash && !box->agent->dead()) box->agent->crash_at(0);
  }
  void refuse(const Event& event) {
    static constexpr const char* codes[] = {"InternalError", "RequestLimitExceeded",
                                            "InsufficientInstanceCapacity", "Unavailable"};
    json::Object fault{{"kind", "refuse"},
                       {"code", codes[event.number % 4]},
                       {"percent", static_cast<int64_t>(20 + event.number % 70)},
                       {"lengthMs", std::max<int64_t>(1, event.lasts.ns() / 1'000'000)}};
    auto done = rig_.ask<json::Object>(
        [&](Client& client) { return client.admin("POST", "/faults", json::compact(fault)); });
    if (!done) tell("which nobody could tell it: " + done.error().line());
  }

  // ---- what people do meanwhile ----

  struct Errand {
    std::optional<Result<json::Object>> answer;
  };
  static aio::Task<Result<>> run_errand(
      std::shared_ptr<Errand> errand, aio::World& world, std::vector<std::string> homes,
      bool elsewhere, std::function<aio::Task<Result<json::Object>>(Client&)> what) {
    Client client(world, farm_url, std::move(homes), elsewhere);
    errand->answer = co_await what(client);
    co_return Result<>{};
  }

  void step_to(Moment at) {
    aio::Clock& clock = rig_.person.world().clock;
    static_cast<void>(rig_.sim.run_in(rig_.person, clock.sleep(at - clock.now())));
    for (size_t i = 0; i < rig_.seats.size(); ++i) {
      if (!rig_.controller_ended(i)) continue;
      Seat& seat = rig_.seats[i];
      std::string why = seat.process->dead() ? std::string() : std::exchange(seat.why, {});
      bool power_cut = power_cut_.erase(&seat) > 0;
      tell(fmt::format("{}the controller starts again{}{}", rig_.shared ? seat.name + ": " : "",
                       power_cut ? " after the power cut" : "",
                       why.empty() ? "" : ", which had ended: " + why));
      rig_.restart_controller(power_cut, i);
    }
    for (const std::string& id : rig_.yard.tend()) tell(id + ": its agent starts again");
  }

  /// Asks again and again while trouble comes and goes, until it is over and `reached` says yes.
  Result<> insist(const std::string& what,
                  const std::function<aio::Task<Result<json::Object>>(Client&)>& question,
                  const std::function<bool(const Result<json::Object>&)>& reached) {
    std::vector<Event> events = plan_trouble(dice_, rig_.sim.now(), rig_.shared != nullptr,
                                             rig_.with_hosts),
                       under_way;
    auto next = events.begin();
    std::shared_ptr<Errand> errand;
    tell(what);
    std::optional<Moment> calm;
    std::string last = "it was never answered";
    for (;;) {
      Moment now = rig_.sim.now();
      std::erase_if(under_way, [&](const Event& event) {
        if (event.at + event.lasts > now) return false;
        end(event);
        return true;
      });
      for (; next != events.end() && next->at <= now; ++next) {
        begin(*next);
        under_way.push_back(*next);
      }
      bool over = next == events.end() && under_way.empty();
      if (over && !calm) calm = now;
      if (errand && errand->answer) {
        if (over && reached(*errand->answer)) return {};
        std::string now_it_is =
            *errand->answer ? json::compact(**errand->answer) : errand->answer->error().render();
        if (over && now_it_is != last) tell("not yet: " + now_it_is);
        last = std::move(now_it_is);
        errand.reset();
        step_to(rig_.sim.now() + Duration::seconds(1));
        continue;
      }
      if (!errand) {
        errand = std::make_shared<Errand>();
        rig_.sim.spawn(rig_.person, run_errand(errand, rig_.person.world(), rig_.homes(),
                                               rig_.with_hosts, question));
      }
      if (calm && now - *calm > bound) {
        tell_events();
        return fail(Code::timeout, fmt::format("{} is not reached {} after the trouble: {}", what,
                                               bound.text(), last));
      }
      Moment to = now + slice;
      if (next != events.end()) to = std::min(to, next->at);
      for (const Event& event : under_way) to = std::min(to, event.at + event.lasts);
      step_to(to);
    }
  }

  /// A life that has ended gives its account before the next one begins.
  aio::Task<Result<json::Object>> up(Client& client, Form form) {
    auto known = co_await client.call("GET", "/v1/applications/app");
    if (known && json::string_or(*known, "phase", "").value_or("") == "terminated") {
      account_for(CO_TRY(co_await client.call("GET", "/v1/applications/app/proof")));
    }
    co_return co_await client.up("app", description_of(form));
  }

  Result<> reach(const Form& form, const std::string& what) {
    TRY(insist(
        fmt::format("{}: {}", what, form.text()),
        [this, &form](Client& client) { return up(client, form); },
        [](const Result<json::Object>& answer) {
          return answer && json::string_or(*answer, "phase", "").value_or("") == "running";
        }));
    return settle(form, what);
  }

  /// A question of ours may still meet the trouble's tail.
  template <class T>
  Result<T> ask(const std::function<aio::Task<Result<T>>(Client&)>& question) {
    for (int tries = 0;; ++tries) {
      Result<T> answer = rig_.ask<T>(question);
      if (answer || tries == 20) return answer;
      step_to(rig_.sim.now() + Duration::seconds(5));
    }
  }

  /// Until the farm has what is described: at once after an up, a while after a loss.
  Result<> settle(const Form& form, const std::string& what) {
    std::set<std::string> buckets;
    if (form.bucket) buckets.emplace("sim-store");
    Moment end = rig_.sim.now() + Duration::minutes(5);
    Moment again = rig_.sim.now() + Duration::minutes(1);
    for (;;) {
      auto placed = TRY((ask<std::map<std::string, std::string>>(
          [](Client& client) { return client.placed(id, key); })));
      auto stores = TRY(
          (ask<std::vector<std::string>>([](Client& client) { return client.buckets(id, key); })));
      // Agents are brought by a bucket for each component that has hosts.
      std::erase_if(stores, [&](const std::string& name) {
        return form.workers > 0 && name.starts_with("croft-agents-");
      });
      std::string lacks = difference(form, placed);
      if (std::set(stores.begin(), stores.end()) != buckets)
        lacks += fmt::format(" {} buckets", stores.size());
      if (lacks.empty()) {
        tell("all is there");
        break;
      }
      // A rollout that was given up because of the trouble is begun again by an `up`.
      if (rig_.sim.now() > again && what != loss && what != removal) {
        again = rig_.sim.now() + Duration::minutes(1);
        tell("it is asked for again");
        static_cast<void>(
            rig_.ask<json::Object>([this, &form](Client& client) { return up(client, form); }));
      }
      if (rig_.sim.now() > end) {
        tell_events();
        auto document = rig_.ask<json::Object>(
            [](Client& client) { return client.call("GET", "/v1/applications/app"); });
        return fail(Code::conflict,
                    fmt::format("after {} the farm has{}; its controller says {}", what, lacks,
                                document ? json::compact(*document) : document.error().line()));
      }
      step_to(rig_.sim.now() + Duration::milliseconds(500));
    }
    if (std::string wrong = rig_.yard.wrong(); !wrong.empty()) return fail(Code::conflict, wrong);
    return {};
  }

  /// The last of the application's own story, where it has ended wrongly.
  void tell_events() {
    auto events = rig_.ask<json::Object>(
        [](Client& client) { return client.call("GET", "/v1/applications/app/events?from=1"); });
    auto lines = split(events ? json::string_or(*events, "lines", "").value_or("") : "", '\n');
    for (size_t i = lines.size() > events_told ? lines.size() - events_told : 0; i < lines.size();
         ++i)
      tell(lines[i]);
  }

  /// How machines and what runs on them differ from what is described.
  std::string difference(const Form& form, const std::map<std::string, std::string>& placed) {
    std::string out;
    std::map<std::string, int> counts;
    for (const auto& [machine, component] : placed) {
      ++counts[component];
      std::multiset<std::string> runs;
      if (Box* box = rig_.yard.find(machine))
        for (const auto& [name, workload] : box->workloads)
          if (workload.runs) runs.insert(join(workload.command, " "));
      if (runs != form.processes(component))
        out += fmt::format(" {} of {} with [{}]", machine, component,
                           join(std::vector<std::string>(runs.begin(), runs.end()), ", "));
    }
    if (counts == form.machines()) return out;
    for (const auto& [name, count] : counts) out += fmt::format(" {} of {}", count, name);
    return out + " machines";
  }

  Result<> lose_one() {
    auto lost = TRY(ask<std::string>([](Client& client) { return client.end_one(id, key); }));
    tell(lost + " vanishes");
    return {};
  }

  void account_for(const json::Object& proof) {
    for (const auto& thing : proof.at("rented").as_array())
      accounted_.insert(json::string_at(thing.as_object(), "id").value());
  }

  /// Down: nothing is left, and what the farm ever gave is in the proof.
  Result<> end() {
    json::Object proof;
    TRY(insist(
        "down", [](Client& client) { return client.down("app", true); },
        [&proof](const Result<json::Object>& answer) {
          if (!answer || !answer->at("left").as_array().empty() || !answer->at("checked").as_bool())
            return false;
          proof = *answer;
          return true;
        }));
    TRY(settle(Form::none(), removal));
    account_for(proof);
    // A life that failed before its `up` was answered has no proof that was asked for: its events
    // are still there.
    auto events = TRY(ask<json::Object>(
        [](Client& client) { return client.call("GET", "/v1/applications/app/events?from=1"); }));
    std::string told;
    for (const std::string& line : split(TRY(json::string_at(events, "lines")), '\n'))
      if (line.find("\"RENTED\"") != std::string::npos ||
          line.find("\"RETURNED\"") != std::string::npos)
        told += line;
    for (const std::string& one :
         TRY(ask<std::vector<std::string>>([](Client& client) { return client.all_ids(id, key); })))
      if (!accounted_.contains(one) && told.find(one) == std::string::npos)
        return fail(Code::conflict, fmt::format("{} was rented and is in no account of it", one));
    return {};
  }

  Dice dice_;
  Rig rig_;
  std::set<Seat*> power_cut_;
  struct Hit {
    std::string machine, address;
  };
  std::map<uint64_t, Hit> hit_;      ///< by trouble that is under way
  std::set<std::string> accounted_;  ///< ids in the proofs of all its lives
  std::vector<std::string> story_;
};

}  // namespace croft::simtest
