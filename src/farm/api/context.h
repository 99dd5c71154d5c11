// What the parts of one farm share: the world, its store, accounts, meter, admin routes, and the
// interface that the EC2 side implements for the front door. Owned by Farm (farm/farm.h);
// everything here outlives the services. Loop thread only.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/world.h"
#include "farm/api/accounts.h"
#include "farm/api/error.h"
#include "farm/api/sessions.h"
#include "store/store.h"

namespace croft::farm {

struct Topology;

/// One finished request, for bills and counters.
struct Usage {
  std::string account_id;      ///< empty: refused before anybody was known
  std::string_view service;    ///< "ec2", "s3"
  std::string_view operation;  ///< "RunInstances", "PutObject"
  std::string instance;        ///< came from inside this instance; else empty
  int status = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

class Meter {
 public:
  virtual ~Meter() = default;
  virtual void request(const Usage& usage) = 0;
};

/// Admin requests come through the unix socket in the data folder, from the farm's own user.
/// `body` and the answer are JSON texts. An Error is answered as {"error": {code, what, ...}}.
class AdminRoutes {
 public:
  using Handler = std::function<aio::Task<Result<std::string>>(std::string body)>;
  /// route("POST", "/images", ...). The path is matched whole; no two alike.
  void route(std::string method, std::string path, Handler handler);
  const Handler* find(std::string_view method, std::string_view path) const;

 private:
  std::vector<std::pair<std::string, Handler>> routes_;
};

/// A signed, decoded EC2 call. Names as sent: "Filter.1.Value.2"; Action, Version and everything of
/// the signature are taken out. Order as sent.
struct Ec2Request {
  std::string action;
  std::string version;
  std::vector<std::pair<std::string, std::string>> parameters;
  Caller caller;
  std::string request_id;
  std::string host;  ///< the Host header, as the client reached us
};

/// The EC2 side. Made by ec2::open_service (farm/ec2/service.h).
class Ec2Service {
 public:
  virtual ~Ec2Service() = default;
  /// The inner elements of <ActionResponse>, after <requestId>; the front door writes the envelope.
  /// An Error made by aws_error() becomes the EC2 error body with its status. An unknown action is
  /// aws_error("InvalidAction", 400, ...).
  virtual aio::Task<Result<std::string>> call(Ec2Request request) = 0;
  /// Runs until cancelled: exits of machines, lifetimes, metadata listeners.
  virtual aio::Task<Result<>> run() = 0;
  /// JSON object for `croft farm doctor` and the admin's GET /info.
  virtual std::string info() const { return "{}"; }
  /// Machines that run or will run: a farm without any may end.
  virtual size_t live() const { return 0; }
  /// Ends every machine and removes what it left outside the store. Idempotent.
  virtual aio::Task<Result<>> destroy() { co_return Result<>{}; }
  /// Nothing more is asked of it. Machines run on.
  virtual aio::Task<Result<>> close() = 0;
};

struct Context {
  aio::World& world;
  store::Store& store;
  Accounts& accounts;
  Meter& meter;
  AdminRoutes& admin;
  std::string data;     ///< the farm's folder, absolute
  std::string farm_id;  ///< 8 hex digits, kept in the store: names of things outside the folder
  std::string region = "us-east-1";
  std::vector<std::string> zones{"us-east-1a"};
  /// "http://127.0.0.1:7480": how clients (and, through their own listener, instances) reach the
  /// farm.
  std::string url;
  uint16_t port = 0;
  /// Serves EC2 and S3 on a listener that belongs to one instance, until cancelled or closed.
  std::function<aio::Task<Result<>>(std::unique_ptr<aio::Listener>, std::string instance)>
      serve_inside;
  Sessions* sessions = nullptr;  ///< null: no temporary keys (tests)
  /// What a role of an account may use; nullopt: there is no such role. Set by the EC2 side.
  std::function<std::optional<Scope>(std::string_view account, std::string_view role)> find_role;
  std::shared_ptr<const Topology> topology;  ///< null: one host without a name
  bool disk_full = false;                    ///< a fault: nothing more can be written
  /// A fault: how long the look-up of an access key takes, or that it does not answer.
  std::function<void(Duration time, bool down)> slow_keys;
  /// Writes an object of the farm's S3 to a new file. Null: this farm has no S3.
  std::function<aio::Task<Result<>>(std::string account, std::string bucket, std::string key,
                                    std::string path)>
      export_object;
  /// What is metered from time to time is up to date afterwards. Null: nothing is.
  std::function<aio::Task<Result<>>()> settle_meters;
  bool request_limits = false;  ///< an account's EC2 calls are throttled as EC2 throttles them
  bool fake_machines = false;   ///< records instead of sandboxes (tests, simulation)
  Duration fake_start = Duration::milliseconds(10);
};

}  // namespace croft::farm
