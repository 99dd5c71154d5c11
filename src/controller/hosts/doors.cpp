// Where agents call: a socket of ours in each farm's network, and what agents are told of where it
// is.
#include <fmt/format.h>

#include "aio/cancel.h"
#include "aio/real/descriptors.h"
#include "aio/scope.h"
#include "base/log.h"
#include "controller/farm_setup.h"
#include "controller/hosts/agent_hosts.h"

namespace croft::controller {

namespace json = wire::json;

aio::Task<Result<int>> AgentHosts::ask_farm(std::string farm_admin, uint16_t port, bool datagram,
                                            aio::Address& address) {
  auto inbox = CO_TRY(aio::DescriptorInbox::open(options_.home + "/gateway.sock"));
  json::Object wanted{{"port", port}, {"datagram", datagram}, {"to", inbox.file()}};
  auto answer = CO_TRY(co_await ask_embedded_farm(http_, std::move(farm_admin), "POST", "/gateway",
                                                  json::compact(wanted)));
  if (!answer.is_object()) co_return fail(Code::syntax, "the farm's answer is no object");
  address.host = CO_TRY(json::string_at(answer.get_object(), "address"));
  address.port = static_cast<uint16_t>(CO_TRY(json::int_at(answer.get_object(), "port")));
  co_return co_await aio::deadline(world_.clock, Duration::seconds(10), inbox.take(world_.net),
                                   "taking the gateway's socket");
}

aio::Task<Result<std::shared_ptr<AgentHosts::Door>>> AgentHosts::open_door(std::string farm_admin) {
  auto out = std::make_shared<Door>();
  if (farm_admin.empty()) {
    if (options_.listen.empty())
      co_return fail(Error(Code::unsupported, "machines of this farm cannot reach the controller")
                         .hint("croft controller rent rents one that they reach")
                         .hint("or start it where they can: croft controller serve --agents "
                               "ADDRESS:PORT"));
    auto at = CO_TRY(aio::Address::parse(options_.listen));
    out->listener = CO_TRY(world_.net.listen(at));
    out->address = out->listener->local();
    out->datagrams = CO_TRY(world_.net.datagrams(out->address));
    out->heartbeat_port = out->datagrams->local().port;
  } else {
    auto kept = records_.doors().find(farm_admin);
    MachineRecords::Door ports =
        kept == records_.doors().end() ? MachineRecords::Door{} : kept->second;
    aio::Address heartbeats;
    int stream = CO_TRY(co_await ask_farm(farm_admin, ports.port, false, out->address));
    out->listener = CO_TRY(world_.net.adopt_listener(stream));
    int datagrams = CO_TRY(co_await ask_farm(farm_admin, ports.heartbeat_port, true, heartbeats));
    out->datagrams = CO_TRY(world_.net.adopt_datagrams(datagrams));
    out->heartbeat_port = heartbeats.port;
    if (ports.port != out->address.port || ports.heartbeat_port != heartbeats.port)
      CO_TRY(co_await records_.put_door(farm_admin, {out->address.port, heartbeats.port}));
  }
  auto key = CO_TRY(trust::make_key("croft controller"));
  net::TlsOptions tls;
  tls.certificate_pem =
      CO_TRY(authority_->sign(key.request_pem, {.name = "croft controller",
                                                .uri = {},
                                                .addresses = {out->address.host},
                                                .server = true,
                                                .lasts = Duration::hours(24 * 365)}));
  tls.key_pem = key.key_pem;
  tls.ca_pem = authority_->certificate_pem();
  tls.peer_may_be_unknown = true;
  tls.clock = &world_.clock;
  out->tls = CO_TRY(net::TlsContext::server(tls));
  co_return out;
}

/// Under the lock of door(): its key is made once.
aio::Task<Result<const trust::Authority*>> AgentHosts::authority() {
  if (!authority_)
    authority_ = CO_TRY(co_await trust::Authority::open(world_, options_.home + "/controller"));
  co_return &*authority_;
}

aio::Task<Result<std::string>> AgentHosts::sign(std::string text) {
  auto lock = CO_TRY(co_await opening_.lock());
  co_return CO_TRY(co_await authority())->sign_statement(text);
}

aio::Task<Result<>> AgentHosts::check_signed(std::string text, std::string signature,
                                             std::string signer) {
  auto lock = CO_TRY(co_await opening_.lock());
  if (signer.empty()) signer = CO_TRY(co_await authority())->certificate_pem();
  std::string pin = CO_TRY(trust::fingerprint(signer));
  co_return trust::check_statement(text, signature, signer, pin);
}

aio::Task<Result<std::shared_ptr<AgentHosts::Door>>> AgentHosts::door(std::string farm_admin) {
  auto lock = CO_TRY(co_await opening_.lock());
  auto found = doors_.find(farm_admin);
  if (found != doors_.end()) co_return found->second;
  CO_TRY(co_await authority());
  auto made = CO_TRY(co_await open_door(farm_admin));
  doors_[farm_admin] = made;
  if (serving_) serve_door(made);
  co_return made;
}

void AgentHosts::serve_door(std::shared_ptr<Door> door) {
  serving_->spawn(accept_agents(door));
  serving_->spawn(take_heartbeats(door));
}

/// A farm that is down will be started again: its machines run on and call.
aio::Task<Result<>> AgentHosts::open_again(std::string farm_admin) {
  Duration pause = Duration::milliseconds(200);
  for (;;) {
    auto opened = co_await door(farm_admin);
    if (opened) co_return Result<>{};
    if (opened.error().code == Code::cancelled) co_return Result<>{};
    // Its folder went, and all its machines with it.
    auto there = co_await world_.disk.info(farm_admin.substr(0, farm_admin.rfind('/')));
    if (!there && there.error().code == Code::not_found)
      co_return co_await records_.drop_door(farm_admin);
    log::warn("hosts", "no agent can call: {}", opened.error().line());
    if (auto slept = co_await world_.clock.sleep(pause); !slept) co_return Result<>{};
    pause = std::min(pause * 2, Duration::seconds(5));
  }
}

aio::Task<Result<>> AgentHosts::close_unused_doors() {
  auto lock = CO_TRY(co_await opening_.lock());
  std::vector<std::string> unused;
  for (const auto& [admin, door] : doors_)
    if (!admin.empty() && !records_.uses(admin)) unused.push_back(admin);
  for (const std::string& admin : unused) {
    auto door = doors_[admin];
    doors_.erase(admin);
    door->closed = true;
    door->listener->close();
    door->datagrams->close();
    CO_TRY(co_await records_.drop_door(admin));
  }
  co_return Result<>{};
}

aio::Task<Result<engine::Hosts::Rendezvous>> AgentHosts::rendezvous(std::string farm_admin) {
  auto at = CO_TRY(co_await door(std::move(farm_admin)));
  protocol::Rendezvous object{
      {at->address.text()}, records_.fence(), authority_->certificate_pem(), ""};
  Rendezvous out{"", protocol::statement_of(object)};
  object.signature = CO_TRY(authority_->sign_statement(out.says));
  out.object = json::compact(protocol::to_json(object));
  co_return out;
}

namespace {

aio::Task<Result<>> tell_rendezvous(std::shared_ptr<RemoteHost> host, std::string url) {
  auto told = co_await host->call("rendezvous", {{"url", std::move(url)}});
  if (!told && told.error().code == Code::cancelled) co_return fail(std::move(told).error());
  // It hears of it when it connects again.
  if (!told) log::warn("hosts", "{}: {}", host->name(), told.error().line());
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> AgentHosts::rendezvous_is_at(std::string application, std::string component,
                                                 std::string url) {
  rendezvous_urls_[key_of(application, component)] = url;
  // Beside: one that does not answer holds nobody up.
  for (const auto& host : of(application))
    if (serving_ && host->machine().component == component && host->connected())
      serving_->spawn(tell_rendezvous(host, url));
  co_return Result<>{};
}

}  // namespace croft::controller
