// The hosts of one controller: who may join, who has, and the connections that agents make. Agents
// dial in over TLS; a machine joins once with the token of its user data, for a certificate that
// its later connections show. Loop thread only; the store and the encryption outlive it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "aio/scope.h"
#include "controller/hosts/machine_records.h"
#include "controller/hosts/remote_host.h"
#include "controller/hosts/tunnel.h"
#include "membership/judge.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "trust/authority.h"

namespace croft::controller {

struct AgentHostsOptions {
  std::string home;
  /// Where agents of farms that are not embedded reach this controller, "HOST:PORT"; empty: they
  /// do not.
  std::string listen;
  engine::AgentProgram program;
  Duration join_within = Duration::minutes(15);  ///< after the farm first had the machine
  Duration period = Duration::seconds(1);        ///< of heartbeats
  Duration report = Duration::seconds(10);       ///< of what agents and processes use
};

class AgentHosts : public engine::Hosts {
 public:
  static aio::Task<Result<std::unique_ptr<AgentHosts>>> open(aio::World& world, store::Store& store,
                                                             const trust::Encryption& encryption,
                                                             net::HttpClient& http,
                                                             AgentHostsOptions options);
  ~AgentHosts() override;

  /// Answers agents until cancelled.
  aio::Task<Result<>> serve();

  // engine::Hosts
  engine::AgentProgram agent_program() const override { return options_.program; }
  aio::Task<Result<std::string>> sign(std::string text) override;
  aio::Task<Result<>> check_signed(std::string text, std::string signature,
                                   std::string signer) override;
  aio::Task<Result<std::string>> user_data(engine::Joining joining) override;
  aio::Task<Result<std::string>> controller_user_data(engine::RentedController machine) override;
  aio::Task<Result<std::string>> controller_papers(std::string client_token,
                                                   std::string what) override;
  aio::Task<Result<std::string>> pin() override;
  aio::Task<Result<>> expect(engine::Machine machine) override;
  aio::Task<Result<>> forget(std::string application, std::string instance) override;
  aio::Task<Result<>> leave(std::string client_token) override;
  std::shared_ptr<engine::Host> find(std::string_view application,
                                     std::string_view instance) override;
  aio::Task<Result<Rendezvous>> rendezvous(std::string farm_admin) override;
  aio::Task<Result<>> rendezvous_is_at(std::string application, std::string component,
                                       std::string url) override;
  void spare(const std::string& application, const std::string& instance, Duration within) override;
  void give_up(const std::string& application, const std::string& instance,
               std::string why) override;
  aio::Signal& changed() override { return changed_; }

  /// Told what a person should hear of a machine: its application makes an event of it.
  std::function<void(const engine::Machine& machine, const std::string& what)> on_notice;

  std::shared_ptr<RemoteHost> remote(std::string_view application, std::string_view instance) const;
  std::vector<std::shared_ptr<RemoteHost>> of(std::string_view application) const;
  const membership::Judge& judge() const { return judge_; }
  /// Serves those who look in, until cancelled: tunnel.h.
  aio::Task<Result<>> serve_tunnels(std::unique_ptr<aio::Listener> listener, FindHost find);

 private:
  /// Where agents of one farm call.
  struct Door {
    aio::Address address;
    uint16_t heartbeat_port = 0;
    std::unique_ptr<aio::Listener> listener;
    std::unique_ptr<aio::Datagrams> datagrams;
    bool closed = false;
    std::shared_ptr<net::TlsContext> tls;
  };
  AgentHosts(aio::World& world, store::Store& store, const trust::Encryption& encryption,
             net::HttpClient& http, AgentHostsOptions options)
      : world_(world),
        http_(http),
        encryption_(encryption),
        options_(std::move(options)),
        records_(store, encryption),
        judge_({.period = options_.period}) {}

  aio::Task<Result<const trust::Authority*>> authority();
  aio::Task<Result<std::shared_ptr<Door>>> door(std::string farm_admin);
  aio::Task<Result<std::shared_ptr<Door>>> open_door(std::string farm_admin);
  aio::Task<Result<int>> ask_farm(std::string farm_admin, uint16_t port, bool datagram,
                                  aio::Address& address);
  aio::Task<Result<>> open_again(std::string farm_admin);
  /// A socket in the farm's network would keep that network alive for ever.
  aio::Task<Result<>> close_unused_doors();
  void serve_door(std::shared_ptr<Door> door);
  aio::Task<Result<>> accept_agents(std::shared_ptr<Door> door);
  aio::Task<Result<>> take_heartbeats(std::shared_ptr<Door> door);
  aio::Task<Result<>> take_heartbeat(Door& door, std::string_view datagram, aio::Address from);
  aio::Task<Result<>> serve_agent(std::shared_ptr<Door> door, std::unique_ptr<aio::Stream> stream);
  aio::Task<Result<protocol::Joined>> join(protocol::Join join, std::string from);
  void notice(const engine::Machine& machine, const std::string& what);
  void alarm(const std::string& what);
  Result<> may_join(const MachineRecord& record, const protocol::Join& join,
                    const std::string& from, const std::string& request) const;
  aio::Task<Result<MachineRecord>> known(std::string certificate);
  aio::Task<Result<std::string>> renew(engine::Machine machine, std::string request);
  aio::Task<Result<>> watch();
  /// Whether peers of it, in the same network, reach it.
  aio::Task<Result<>> ask_peers(std::shared_ptr<RemoteHost> host);
  void act(const membership::Wish& wish);
  Result<std::string> sign(const engine::Machine& machine, const std::string& request) const;
  std::shared_ptr<RemoteHost> host_of(const MachineRecord& record);
  static std::string key_of(std::string_view application, std::string_view instance);

  aio::World& world_;
  net::HttpClient& http_;
  const trust::Encryption& encryption_;
  AgentHostsOptions options_;
  std::optional<trust::Authority> authority_;  // once it is needed
  MachineRecords records_;
  std::map<std::string, std::shared_ptr<RemoteHost>, std::less<>> hosts_;  // "application/instance"
  std::unordered_map<std::string, std::shared_ptr<RemoteHost>> beating_;   // by instance
  std::unordered_map<std::string, Moment> noticed_;                        // when, by instance
  std::map<std::string, std::shared_ptr<Door>> doors_;  // by farm's admin socket; "": others
  std::map<std::string, std::string, std::less<>> rendezvous_urls_;  // "application/component"
  aio::Mutex opening_;
  aio::Scope* serving_ = nullptr;
  aio::Signal changed_, expected_;
  size_t joining_ = 0, connections_ = 0;
  membership::Judge judge_;
};

}  // namespace croft::controller
