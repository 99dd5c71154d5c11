#include "controller/settle.h"

#include <fmt/format.h>

#include "aio/cancel.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/controller.h"
#include "controller/etcd_member.h"
#include "net/http_client.h"
#include "trust/encryption.h"
#include "wire/json.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr Duration pause = Duration::seconds(1);
constexpr Bytes papers_limit = Bytes::mib(1);

std::string place_file(const std::string& home) {
  return home + "/rented.json";
}

/// The papers, once they name this machine.
aio::Task<Result<Secret>> read_papers(aio::World& world, const SettleOptions& options) {
  Secret url(CO_TRY(co_await world.disk.read_file(options.papers_file, papers_limit)));
  Secret key64(CO_TRY(co_await world.disk.read_file(options.key_file, papers_limit)));
  auto key = unbase64(trim(key64.reveal()));
  auto opening =
      CO_TRY(trust::Encryption::of_key(world.random, Secret(key ? *std::move(key) : "")));
  net::HttpClient http(world);
  for (bool told = false;; CO_TRY(co_await world.clock.sleep(pause))) {
    net::ClientRequest request;
    request.url = CO_TRY(net::Url::parse(trim(url.reveal())));
    request.answer_limit = papers_limit;
    auto answer = co_await http.send(std::move(request));
    if (!answer && answer.error().code == Code::cancelled)
      co_return fail(std::move(answer).error());
    if (answer && answer->status == 200) {
      Secret papers = CO_TRY(opening.unseal(answer->body, papers_place));
      // Those of an earlier round may still lie there.
      if (papers.reveal().find(fmt::format("\"{}\"", options.instance)) != std::string::npos)
        co_return papers;
    }
    if (!std::exchange(told, true))
      log::info("controller", "waiting for the papers: {}",
                answer ? fmt::format("status {}", answer->status) : answer.error().line());
  }
}

/// Keys go where controllers have theirs; the rest, without a secret in it, is what lasts.
aio::Task<Result<>> keep(aio::World& world, const SettleOptions& options, Secret papers) {
  auto document = json::parse_object(papers.reveal(), "the papers");
  // An error of the reader would quote what it read.
  if (!document) co_return fail(Code::corrupt, "the papers are none");
  const auto* files = CO_TRY(json::object_at(*document, "files"));
  CO_TRY(co_await world.disk.make_dirs(options.home + "/controller"));
  for (const char* name : shared_keys) {
    auto bytes = unbase64(CO_TRY(json::string_at(*files, name)));
    if (!bytes) co_return fail(Code::corrupt, fmt::format("the key {} did not arrive whole", name));
    CO_TRY(co_await world.disk.write_file(fmt::format("{}/controller/{}", options.home, name),
                                          *std::move(bytes)));
  }
  document->erase("files");
  CO_TRY(co_await world.disk.write_file(place_file(options.home), json::compact(*document)));
  for (const std::string& file : {options.papers_file, options.key_file}) {
    auto gone = co_await world.disk.remove(file);
    if (!gone && gone.error().code != Code::not_found) co_return gone;
  }
  co_return Result<>{};
}

struct Place {
  ControllerOptions controller;
  std::optional<EtcdMember> etcd;
};

Result<Place> place_of(const SettleOptions& options, const json::Object& told) {
  Place out;
  auto& controller = out.controller;
  controller.home = options.home;
  controller.name = options.instance;
  controller.idle = Duration::forever();
  controller.api = fmt::format("{}:{}", options.address, TRY(json::int_at(told, "api")));
  controller.agents = fmt::format("{}:{}", options.address, TRY(json::int_at(told, "agents")));
  controller.owner_digest = TRY(json::string_at(told, "owner"));
  if (!TRY(json::bool_or(told, "etcd", false))) return out;
  // Its own member alone: who is cut off from the others must not lead.
  controller.store = "etcd://127.0.0.1:2379";
  EtcdMember member;
  member.home = options.home;
  member.self = {options.instance, options.address};
  member.cluster = TRY(json::string_at(told, "cluster"));
  member.formed = TRY(json::bool_or(told, "formed", false));
  for (const auto& each : *TRY(json::array_at(told, "members"))) {
    const auto& peer = each.get_object();
    member.peers.push_back(
        {TRY(json::string_at(peer, "instance")), TRY(json::string_at(peer, "address"))});
    if (member.peers.back().name == options.instance)
      controller.reached = fmt::format("https://{}:{}", TRY(json::string_at(peer, "reached")),
                                       TRY(json::int_at(told, "api")));
  }
  out.etcd = std::move(member);
  return out;
}

}  // namespace

aio::Task<Result<>> settle(aio::World& world, SettleOptions options) {
  CO_TRY(co_await world.disk.make_dirs(options.home));
  std::string file = place_file(options.home);
  if (!co_await world.disk.info(file))
    CO_TRY(co_await keep(world, options, CO_TRY(co_await read_papers(world, options))));
  auto told =
      CO_TRY(json::parse_object(CO_TRY(co_await world.disk.read_file(file, papers_limit)), file));
  Place place = CO_TRY(place_of(options, told));
  auto opened = [&]() -> Result<> {
    log::info("controller", "{} is a controller at {}", options.instance, place.controller.api);
    return {};
  };
  if (!place.etcd) {
    CO_TRY(co_await serve_on(world, place.controller, opened));
    co_return Result<>{};
  }
  auto outcome = co_await aio::race(serve_on(world, place.controller, opened),
                                    run_etcd_member(world, *place.etcd));
  if (outcome.index() == 1) co_return std::get<1>(std::move(outcome));
  CO_TRY(std::get<0>(std::move(outcome)));
  co_return Result<>{};
}

}  // namespace croft::controller
