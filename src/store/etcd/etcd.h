// A Store on an etcd cluster (3.4 or later), for several controllers: each opens it, one leads
// (store/leadership.h). Speaks to the JSON gateway of the members, over TLS where the address says
// https. Loop thread only.
//
// What differs from the other stores: the revision is the cluster's, so it also grows by what
// others write; a commit takes what the members were started with (--max-txn-ops less a few,
// --max-request-bytes), more is an error that names the setting; leases last whole seconds, rounded
// up, and may end late when the cluster changes its leader, never early.
#pragma once
#include "base/secret.h"
#include "store/store.h"

namespace croft::store {

struct EtcdOptions {
  std::vector<std::string> endpoints;  ///< "http://10.0.0.5:2379": every member, any may be down
  std::string prefix = "/croft/";      ///< of all keys: several stores share a cluster by it
  std::string user;                    ///< empty: the cluster asks for none
  Secret password;
  std::string ca_file;           ///< https: whom to believe; empty: the system's
  std::string certificate_file;  ///< https: who we are, PEM; empty: nobody
  std::string key_file;
  Duration attempt = Duration::seconds(1);      ///< at one member, before the next is asked
  Duration deadline = Duration::seconds(10);    ///< of one call, all attempts
  Duration session = Duration::seconds(60);     ///< what a dead client leaves goes so soon
  Duration watch_check = Duration::seconds(5);  ///< how often a silent watch is doubted
};

/// Code::unavailable when no member answers within the deadline; Code::invalid_argument for
/// addresses that are none. A commit whose answer was lost is asked for again, and is done once.
/// When no member tells within the deadline, its error has the fact "outcome" = "unknown"; the next
/// call that succeeds sees how it ended, for good.
aio::Task<Result<std::unique_ptr<Store>>> open_etcd(aio::World& world, EtcdOptions options);

}  // namespace croft::store
