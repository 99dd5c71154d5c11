// The embedded farm as one object: store, accounts, front door, S3, EC2. `croft farm serve` opens
// it and serves; tests do so inside one process. Owns its folder while open (the store's lock).
// Loop thread only.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "aio/world.h"
#include "farm/api/context.h"

namespace croft::sandbox {
class Machines;
}

namespace croft::farm {

struct FarmOptions {
  std::string data;                    ///< folder; made when absent, mode 0700
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT of the EC2 and S3 endpoint
  std::string region = "us-east-1";
  std::vector<std::string> domains{"localhost"};  ///< BUCKET.DOMAIN is virtual-host style
  bool in_memory = false;                         ///< nothing kept: tests
  bool fake_machines = false;
  Duration fake_start = Duration::milliseconds(10);  ///< how long such a machine takes to start
  /// Makes the machines, instead of the farm. A simulation's.
  std::function<std::unique_ptr<sandbox::Machines>(aio::World&)> machines;
  bool ec2 = true;                      ///< false: S3 alone, no sandboxes
  bool sync = true;                     ///< false: nothing is forced to the disk (benches)
  Bytes inline_limit = Bytes::kib(32);  ///< objects up to this lie in the store
  bool defend = true;  ///< false: overload is met by waiting without bound (a bench's control)
  bool remember_keys = true;  ///< false: every key is looked up, every signature computed
  Duration lifecycle_day = Duration::hours(24);  ///< how long a day of a lifecycle rule is
  std::string topology;  ///< JSON file of zones, racks and hosts; empty: one zone, this machine
  bool request_limits = false;  ///< EC2 calls are throttled as the real service throttles them
  Duration stale_reads;         ///< a read is out of date for so long after a write; 0: never
  Duration late_lists;          ///< and a list
};

class Farm {
 public:
  /// Opens the store (Code::conflict when another process serves this folder), sweeps what a crash
  /// left, listens. Nothing is answered before serve().
  static aio::Task<Result<std::unique_ptr<Farm>>> open(aio::World& world, FarmOptions options);
  ~Farm();

  /// Answers requests on the endpoint and the admin socket until cancelled or stop() or the admin's
  /// POST /stop; then finishes open requests and closes the store.
  aio::Task<Result<>> serve();
  void stop();
  /// Ends every machine and deletes the farm's data, for a farm that does not serve. One that does:
  /// the admin's POST /destroy.
  aio::Task<Result<>> destroy();

  /// Holds every object against its checksum, for a farm that does not serve. JSON; one that does:
  /// the admin's POST /verify.
  aio::Task<Result<std::string>> verify();
  /// For a farm that does not serve after all.
  aio::Task<Result<>> close();

  /// The same as POST /destroy: serve() returns when all is gone.
  aio::Task<Result<>> end_for_good();

  /// Ends every instance, while serving: for a farm whose folder has vanished.
  aio::Task<Result<>> end_machines();

  /// "http://127.0.0.1:40123".
  const std::string& url() const;
  Context& context();

 private:
  struct State;
  explicit Farm(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The admin socket of a folder: DIR/admin.sock.
std::string admin_socket(std::string_view data);

/// One admin request: through the socket of the farm that serves `data`. Code::unavailable when
/// none does. `body` and answer are JSON.
aio::Task<Result<std::string>> admin_call(aio::World& world, std::string data, std::string method,
                                          std::string path, std::string body,
                                          Duration limit = Duration::seconds(60));

/// The store of a farm's folder. A command that holds it for a moment is waited for; a farm that
/// serves it is not: Code::conflict.
aio::Task<Result<std::unique_ptr<store::Store>>> open_store(aio::World& world, std::string data,
                                                            store::SqliteOptions options);

/// `croft farm account add`: through the running farm, else directly in its store. Writes nothing
/// but the store; the result carries the secret.
aio::Task<Result<Account>> add_account(aio::World& world, std::string data, NewAccount account);
aio::Task<Result<std::vector<Account>>> list_accounts(aio::World& world, std::string data);

}  // namespace croft::farm
