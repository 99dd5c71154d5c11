// A controller, an embedded farm with records instead of machines, and a client: three processes of
// one simulated world. Header-only, for test/sim.
#pragma once
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "aio/sim/crash_points.h"
#include "aio/sim/sim_world.h"
#include "base/log.h"
#include "base/text.h"
#include "cloud/ec2.h"
#include "cloud/s3.h"
#include "components/registry.h"
#include "controller/controller.h"
#include "controller/sealer.h"
#include "farm/farm.h"
#include "lang/lang.h"
#include "net/http_client.h"
#include "store/testing.h"
#include "trust/authority.h"
#include "trust/encryption.h"
#include "wire/json.h"
#include "yard.h"

namespace croft::simtest {

namespace json = wire::json;

inline constexpr const char* home = "/home";
inline constexpr const char* farm_data = "/farm";
inline constexpr Duration moment = Duration::milliseconds(10);

/// One controller: the only one, or one of those that share a store.
struct Seat {
  std::string home, name;
  aio::SimProcess* process = nullptr;
  bool ended = false;
  std::string why;  ///< it ended
  store::testing::Line line;
  std::string agents;  ///< "HOST:PORT" where agents call it; empty: they do not
};

/// What machines fetch; what they run is in yard.h.
inline const engine::AgentProgram simulated_agent{"an agent", "0"};

inline aio::Task<Result<>> serve_controller(aio::World& world, Seat& seat, store::Store* shared) {
  controller::ControllerOptions options;
  options.home = seat.home;
  options.idle = Duration::hours(24);
  options.simulated = true;
  options.agents = seat.agents;
  options.agent = &simulated_agent;
  options.agent_report = {};  // what they use is what this computer does
  if (shared) {
    options.name = seat.name;
    options.open_store =
        [&seat, shared](aio::World& own) -> aio::Task<Result<std::unique_ptr<store::Store>>> {
      co_return std::make_unique<store::testing::FarStore>(*shared, own, seat.line);
    };
  }
  CO_TRY(co_await controller::serve_on(world, options, [] { return Result<>{}; }));
  co_return Result<>{};
}

inline aio::Task<Result<>> serve_farm(aio::World& world, Yard* yard, std::string& url,
                                      std::string topology) {
  farm::FarmOptions options;
  options.data = farm_data;
  options.listen = "10.0.0.9:7480";
  options.fake_machines = true;
  if (yard) options.machines = [yard](aio::World& own) { return yard->door(own); };
  if (!topology.empty()) {
    options.topology = "/zones.json";
    CO_TRY(co_await world.disk.write_file(options.topology, std::move(topology)));
  }
  auto farm = CO_TRY(co_await farm::Farm::open(world, options));
  url = farm->url();
  co_return co_await farm->serve();
}

inline Result<model::Description> resolved(const std::string& file, std::string text) {
  lang::Options options;
  options.reader = [](const std::string& path) -> Result<std::string> {
    std::ifstream in(path);
    if (!in) return fail(Code::not_found, "no such file: " + path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  };
  auto description = TRY(lang::resolve(file, std::move(text), options));
  TRY(lang::check(description, components::schemas()).result());
  return description;
}

/// The client's side: one HTTP connection pool in a process of its own.
class Client {
 public:
  /// `elsewhere`: controllers know no more of the farm than its URL.
  Client(aio::World& world, std::string farm_url, std::vector<std::string> homes = {home},
         bool elsewhere = false)
      : world_(world),
        http_(world),
        retrier_(world, {}),
        farm_(std::move(farm_url)),
        homes_(std::move(homes)),
        elsewhere_(elsewhere) {}

  /// Of several controllers the one that leads is asked.
  aio::Task<Result<json::Object>> call(std::string method, std::string target,
                                       std::string body = "") {
    for (size_t i = 0;; ++i) {
      auto answer = co_await ask(controller::controller_socket(homes_[at_]), method, target, body);
      bool elsewhere = !answer && (answer.error().fact("sent") == "no" ||
                                   answer.error().fact("stands_by") == "true" ||
                                   answer.error().code == Code::not_found);
      if (!elsewhere || i + 1 >= homes_.size()) co_return answer;
      at_ = (at_ + 1) % homes_.size();
    }
  }
  /// Of the farm's administrator.
  aio::Task<Result<json::Object>> admin(std::string method, std::string target, std::string body) {
    return ask(farm::admin_socket(farm_data), std::move(method), std::move(target),
               std::move(body));
  }
  aio::Task<Result<json::Object>> ask(std::string socket, std::string method, std::string target,
                                      std::string body) {
    net::ClientRequest request;
    request.method = std::move(method);
    request.url.scheme = "unix";
    request.url.host = std::move(socket);
    request.url.target = std::move(target);
    request.body = std::move(body);
    request.deadline = Duration::minutes(2);
    auto answer = CO_TRY(co_await http_.send(std::move(request)));
    if (answer.headers.value("content-type") == "application/x-ndjson")
      co_return json::Object{{"lines", answer.body}};
    auto object = CO_TRY(json::parse_object(answer.body, "the answer", {Bytes::mib(16), 512}));
    if (answer.status / 100 == 2) co_return object;
    const json::Object* error = CO_TRY(json::object_at(object, "error"));
    co_return fail(protocol::error_from_json(*error));
  }
  aio::Task<Result<>> ready() {
    for (int i = 0; i < 1000; ++i) {
      if (co_await call("GET", "/v1/health")) co_return Result<>{};
      CO_TRY(co_await world_.clock.sleep(moment));
    }
    co_return fail(Code::timeout, "the controller does not answer");
  }
  /// The document once it has settled.
  aio::Task<Result<json::Object>> settled(std::string name) {
    for (;;) {
      auto document =
          CO_TRY(co_await call("GET", "/v1/applications/" + name + "?wait=settled&seconds=20"));
      if (CO_TRY(json::bool_at(document, "settled"))) co_return document;
    }
  }
  aio::Task<Result<json::Object>> up(std::string name, model::Description description) {
    CO_TRY(co_await ready());
    controller::PlainSealer plain;
    json::Object farm{
        {"kind", elsewhere_ ? "url" : "embedded"}, {"url", farm_}, {"region", "us-east-1"}};
    if (!elsewhere_) farm["admin"] = farm::admin_socket(farm_data);
    json::Object body{{"name", name},
                      {"file", description.file},
                      {"description", CO_TRY(protocol::pack(description, &plain))},
                      {"farm", std::move(farm)},
                      {"options", json::Object{{"owner", "tester"}}},
                      {"environment", json::Object{}}};
    CO_TRY(co_await call("POST", "/v1/applications", json::compact(body)));
    co_return co_await settled(std::move(name));
  }
  /// The proof.
  aio::Task<Result<json::Object>> down(std::string name, bool kept = false) {
    CO_TRY(co_await ready());
    CO_TRY(co_await call("DELETE", "/v1/applications/" + name + (kept ? "?kept=true" : "")));
    CO_TRY(co_await settled(name));
    co_return co_await call("GET", "/v1/applications/" + name + "/proof");
  }

  cloud::Credentials credentials(std::string id, std::string key) {
    cloud::Credentials out;
    out.access_key = std::move(id);
    out.secret_key = Secret(std::move(key));
    return out;
  }
  /// Live instances by component, asked of the farm itself.
  aio::Task<Result<std::map<std::string, int>>> instances(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::Ec2 ec2({world_, http_, retrier_}, *farm.ec2, credentials(id, key));
    std::map<std::string, int> out;
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances({})))
      if (instance.state == cloud::InstanceState::running ||
          instance.state == cloud::InstanceState::pending)
        ++out[cloud::tag_value(instance.tags, cloud::tag_component)];
    co_return out;
  }
  /// Component of each live instance.
  aio::Task<Result<std::map<std::string, std::string>>> placed(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::Ec2 ec2({world_, http_, retrier_}, *farm.ec2, credentials(id, key));
    std::map<std::string, std::string> out;
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances({})))
      if (instance.state == cloud::InstanceState::running ||
          instance.state == cloud::InstanceState::pending)
        out[instance.id] = cloud::tag_value(instance.tags, cloud::tag_component);
    co_return out;
  }
  /// Live instances by zone.
  aio::Task<Result<std::map<std::string, int>>> zones(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::Ec2 ec2({world_, http_, retrier_}, *farm.ec2, credentials(id, key));
    std::map<std::string, int> out;
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances({})))
      if (instance.state == cloud::InstanceState::running ||
          instance.state == cloud::InstanceState::pending)
        ++out[instance.zone];
    co_return out;
  }
  /// Terminates the first that runs; its id.
  aio::Task<Result<std::string>> end_one(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::Ec2 ec2({world_, http_, retrier_}, *farm.ec2, credentials(id, key));
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances({}))) {
      if (instance.state != cloud::InstanceState::running) continue;
      CO_TRY(co_await ec2.terminate_instances({instance.id}));
      co_return instance.id;
    }
    co_return fail(Code::not_found, "no instance runs");
  }
  /// Of all instances that the farm still tells of, whatever their state.
  aio::Task<Result<std::vector<std::string>>> all_ids(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::Ec2 ec2({world_, http_, retrier_}, *farm.ec2, credentials(id, key));
    std::vector<std::string> out;
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances({})))
      out.push_back(instance.id);
    co_return out;
  }
  aio::Task<Result<std::vector<std::string>>> buckets(std::string id, std::string key) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    cloud::S3 s3({world_, http_, retrier_}, *farm.s3, credentials(id, key));
    std::vector<std::string> out;
    for (const auto& bucket : CO_TRY(co_await s3.list_buckets())) out.push_back(bucket.name);
    co_return out;
  }
  aio::Task<Result<>> remove_bucket(std::string id, std::string key, std::string name) {
    auto farm = CO_TRY(cloud::farm_at(farm_, "us-east-1"));
    co_return co_await cloud::S3({world_, http_, retrier_}, *farm.s3, credentials(id, key))
        .delete_bucket(name);
  }
  aio::World& world() { return world_; }

 private:
  aio::World& world_;
  net::HttpClient http_;
  net::Retrier retrier_;
  std::string farm_;
  std::vector<std::string> homes_;
  size_t at_ = 0;  // who led when it was asked last
  bool elsewhere_;
};

/// The three processes; or more, where several controllers share a store.
struct Rig {
  /// `hosts`: the farm's machines become hosts; controllers know the farm by its URL alone.
  explicit Rig(uint64_t seed, std::string topology = {}, size_t controllers = 1, bool hosts = false)
      : yard(sim),
        sim(seed),
        with_hosts(hosts),
        farm(&sim.start_process("farm", &sim.add_disk())),
        person(sim.start_process("client")) {
    log::set_level(getenv("SIMLOG") ? log::Level::info
                                    : log::Level::off);  // killed processes complain
    sim.spawn(*farm, serve_farm(farm->world(), door(), url, std::move(topology)));
    seats.resize(controllers);
    seats[0] = {.home = home, .name = "first", .process = &sim.main()};
    if (controllers > 1) {
      shared = store::open_memory(sim.start_process("store").world());
      for (size_t i = 1; i < controllers; ++i)
        seats[i] = {.home = fmt::format("{}{}", home, i),
                    .name = fmt::format("controller {}", i),
                    .process = &sim.start_process("controller", &sim.add_disk())};
      share_keys();
    }
    for (size_t i = 0; i < controllers; ++i) {
      if (hosts) seats[i].agents = fmt::format("10.0.0.{}:7071", i + 1);
      start_controller(i);
    }
  }
  /// The store is of a process of the world, and goes before it, but after who uses it.
  ~Rig() {
    if (!shared) return;
    for (Seat& seat : seats)
      if (!seat.process->dead()) seat.process->kill("the end");
    static_cast<void>(sim.run_in(person, person.world().clock.sleep(moment)));
    shared.reset();
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  /// In the place of one that was killed.
  void start_farm() {
    farm = &sim.start_process("farm", &farm->disk());
    sim.spawn(*farm, serve_farm(farm->world(), door(), url, {}));
  }
  Yard* door() { return with_hosts ? &yard : nullptr; }
  void start_controller(size_t i = 0) {
    Seat& seat = seats[i];
    seat.ended = false;
    sim.spawn(*seat.process,
              note_end(seat, serve_controller(seat.process->world(), seat, shared.get())));
  }
  static aio::Task<Result<>> note_end(Seat& seat, aio::Task<Result<>> serving) {
    auto served = co_await std::move(serving);
    seat.ended = true;
    seat.why = served ? "" : served.error().render();
    co_return served;
  }
  void restart_controller(bool power_cut, size_t i = 0) {
    Seat& seat = seats[i];
    if (i == 0) {
      sim.restart(power_cut);
      seat.process = &sim.main();
    } else {
      aio::SimDisk& disk = seat.process->disk();
      if (!seat.process->dead()) seat.process->kill("it has ended");
      if (power_cut) disk.crash();
      seat.process = &sim.start_process("controller", &disk);
    }
    start_controller(i);
  }
  /// It was killed, or has ended of an error of its own.
  bool controller_ended(size_t i = 0) { return seats[i].process->dead() || seats[i].ended; }
  std::vector<std::string> homes() const {
    std::vector<std::string> out;
    for (const Seat& seat : seats) out.push_back(seat.home);
    return out;
  }
  template <class T>
  Result<T> ask(std::function<aio::Task<Result<T>>(Client&)> question) {
    return sim.run_in(person, with_client<T>(person.world(), "http://10.0.0.9:7480", homes(),
                                             with_hosts, std::move(question)));
  }
  template <class T>
  static aio::Task<Result<T>> with_client(aio::World& world, std::string url,
                                          std::vector<std::string> homes, bool elsewhere,
                                          std::function<aio::Task<Result<T>>(Client&)> question) {
    Client client(world, std::move(url), std::move(homes), elsewhere);
    co_return co_await question(client);
  }
  /// What is sealed in the store is read by all.
  void share_keys() {
    auto made = sim.run_in(sim.main(), [](aio::World& world) -> aio::Task<Result<json::Object>> {
      std::string folder = std::string(home) + "/controller";
      CO_TRY(co_await world.disk.make_dirs(folder));
      CO_TRY(co_await trust::Encryption::open(world, folder + "/secret.key"));
      CO_TRY(co_await trust::Authority::open(world, folder));
      json::Object files;
      for (const char* name : controller::shared_keys)
        files[name] = CO_TRY(
            co_await world.disk.read_file(fmt::format("{}/{}", folder, name), Bytes::kib(64)));
      co_return files;
    }(sim.world()));
    CHECK(made.has_value(), "the keys are made");
    for (size_t i = 1; i < seats.size(); ++i) {
      auto put = sim.run_in(
          *seats[i].process,
          [](aio::World& world, std::string folder, json::Object files) -> aio::Task<Result<>> {
            CO_TRY(co_await world.disk.make_dirs(folder));
            for (const char* name : controller::shared_keys)
              CO_TRY(co_await world.disk.write_file(fmt::format("{}/{}", folder, name),
                                                    CO_TRY(json::string_at(files, name))));
            co_return Result<>{};
          }(seats[i].process->world(), seats[i].home + "/controller", *made));
      CHECK(put.has_value(), "the keys are handed on");
    }
  }

  std::vector<Seat> seats;  ///< controllers that unwind still look at theirs
  std::string url;
  Yard yard;  ///< agents that unwind still look at their machines
  aio::SimWorld sim;
  bool with_hosts;
  std::unique_ptr<store::Store> shared;  ///< of several controllers
  aio::SimProcess* farm;
  aio::SimProcess& person;
};

}  // namespace croft::simtest
