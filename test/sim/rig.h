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
#include "wire/json.h"

namespace croft::simtest {

namespace json = wire::json;

inline constexpr const char* home = "/home";
inline constexpr const char* farm_data = "/farm";
inline constexpr Duration moment = Duration::milliseconds(10);

inline aio::Task<Result<>> serve_controller(aio::World& world) {
  controller::ControllerOptions options;
  options.home = home;
  options.idle = Duration::hours(24);
  options.simulated = true;
  CO_TRY(co_await controller::serve_on(world, options, [] { return Result<>{}; }));
  co_return Result<>{};
}

inline aio::Task<Result<>> serve_farm(aio::World& world, std::string& url, std::string topology) {
  farm::FarmOptions options;
  options.data = farm_data;
  options.listen = "10.0.0.9:7480";
  options.fake_machines = true;
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
  Client(aio::World& world, std::string farm_url)
      : world_(world), http_(world), retrier_(world, {}), farm_(std::move(farm_url)) {}

  aio::Task<Result<json::Object>> call(std::string method, std::string target,
                                       std::string body = "") {
    return ask(controller::controller_socket(home), std::move(method), std::move(target),
               std::move(body));
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
    json::Object body{{"name", name},
                      {"file", description.file},
                      {"description", CO_TRY(protocol::pack(description, &plain))},
                      {"farm", json::Object{{"kind", "embedded"},
                                            {"url", farm_},
                                            {"region", "us-east-1"},
                                            {"admin", farm::admin_socket(farm_data)}}},
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
};

/// The three processes.
struct Rig {
  explicit Rig(uint64_t seed, std::string topology = {})
      : sim(seed),
        farm(&sim.start_process("farm", &sim.add_disk())),
        person(sim.start_process("client")) {
    log::set_level(log::Level::off);  // killed processes complain
    sim.spawn(*farm, serve_farm(farm->world(), url, std::move(topology)));
    start_controller();
  }
  /// In the place of one that was killed.
  void start_farm() {
    farm = &sim.start_process("farm", &farm->disk());
    sim.spawn(*farm, serve_farm(farm->world(), url, {}));
  }
  void start_controller() {
    ended = false;
    sim.spawn(sim.main(), note_end(serve_controller(sim.world())));
  }
  aio::Task<Result<>> note_end(aio::Task<Result<>> serving) {
    auto served = co_await std::move(serving);
    ended = true;
    why = served ? "" : served.error().render();
    co_return served;
  }
  void restart_controller(bool power_cut) {
    sim.restart(power_cut);
    start_controller();
  }
  /// It was killed, or has ended of an error of its own.
  bool controller_ended() { return sim.main().dead() || ended; }
  template <class T>
  Result<T> ask(std::function<aio::Task<Result<T>>(Client&)> question) {
    return sim.run_in(person,
                      with_client<T>(person.world(), "http://10.0.0.9:7480", std::move(question)));
  }
  template <class T>
  static aio::Task<Result<T>> with_client(aio::World& world, std::string url,
                                          std::function<aio::Task<Result<T>>(Client&)> question) {
    Client client(world, std::move(url));
    co_return co_await question(client);
  }

  bool ended = false;
  std::string why;  ///< the last ended
  std::string url;
  aio::SimWorld sim;
  aio::SimProcess* farm;
  aio::SimProcess& person;
};

}  // namespace croft::simtest
