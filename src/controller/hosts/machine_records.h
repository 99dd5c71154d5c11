// What this controller keeps of the machines that may be, or are, its hosts; in the store, so that
// they are its hosts after a restart too. Loop thread only.
#pragma once
#include <map>
#include <string>

#include "engine/host.h"
#include "store/store.h"
#include "trust/encryption.h"

namespace croft::controller {

struct MachineRecord {
  engine::Machine machine;
  WallTime expected;    ///< when the farm first had it
  WallTime joined;      ///< 0: not yet
  std::string request;  ///< SHA-256 of the request it joined with
  std::string serial;   ///< of its certificate
  std::string next;     ///< of the one it asked for and has not yet shown; the other counts still
  bool suspended = false;  ///< its token was used twice: neither is believed
};

class MachineRecords {
 public:
  MachineRecords(store::Store& store, const trust::Encryption& encryption)
      : store_(store), encryption_(encryption) {}
  /// Reads all, makes the secret that tokens are made with at the first use, and counts this
  /// process's fencing number.
  aio::Task<Result<>> open(aio::Random& random);

  const std::map<std::string, MachineRecord, std::less<>>& all() const { return records_; }
  MachineRecord* find(std::string_view application, std::string_view instance);
  /// By the farm's id alone: ids of machines are unique.
  MachineRecord* find_instance(std::string_view instance);
  /// Durable on return.
  aio::Task<Result<>> put(MachineRecord record);
  aio::Task<Result<>> remove(std::string application, std::string instance);

  /// What was made of a client token, the same text for good; sealed in the store.
  aio::Task<Result<std::optional<std::string>>> user_data(std::string client_token);
  aio::Task<Result<>> keep_user_data(std::string client_token, std::string farm_admin,
                                     std::string text);
  aio::Task<Result<>> drop_user_data(std::string client_token);
  /// Machines of that farm are hosts, or may become hosts.
  bool uses(std::string_view farm_admin) const;

  /// Where agents of that farm call: the port has to be the same after a restart.
  struct Door {
    uint16_t port = 0, heartbeat_port = 0;
  };
  const std::map<std::string, Door>& doors() const { return doors_; }
  aio::Task<Result<>> put_door(std::string farm_admin, Door door);
  aio::Task<Result<>> drop_door(std::string farm_admin);

  /// Lets one machine of that call join. 32 hex digits.
  Secret token_of(std::string_view client_token) const;
  Secret heartbeat_key_of(const MachineRecord& record) const;
  const Secret& digest_key() const { return digest_key_; }
  uint64_t fence() const { return fence_; }

 private:
  aio::Task<Result<>> commit(std::vector<store::Change> changes);
  store::Store& store_;
  const trust::Encryption& encryption_;
  std::map<std::string, MachineRecord, std::less<>> records_;
  std::map<std::string, std::string, std::less<>> by_instance_;  // key in records_
  std::map<std::string, Door> doors_;
  std::map<std::string, std::string> texts_;  // client token -> farm
  Secret secret_, digest_key_;
  uint64_t fence_ = 0;
};

}  // namespace croft::controller
