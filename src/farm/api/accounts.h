// Who may use the farm: accounts with their access keys and quotas. All accounts are kept in memory
// (a slow store never delays a known caller) and every change is durable in the store first, its
// secrets sealed. Used by authentication, EC2 (quotas, owner ids) and the admin interface.
// Loop thread only. Limit: max_accounts.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/sync.h"
#include "aio/world.h"
#include "base/secret.h"
#include "base/units.h"
#include "store/store.h"

namespace croft::farm {

/// Encryption at rest: what goes to the store instead of a secret. `context` binds the ciphertext
/// to its place ("account/000000000001/AKIA..."), so that records cannot be swapped.
class Sealer {
 public:
  virtual ~Sealer() = default;
  virtual Result<std::string> seal(const Secret& secret, std::string_view context) = 0;
  virtual Result<Secret> unseal(std::string_view sealed, std::string_view context) = 0;
};

struct Quotas {
  int64_t instances = 20;  ///< pending + running + stopping + stopped
  int64_t buckets = 1000;
  Bytes storage = Bytes::gib(100);  ///< of all objects and parts
};

struct AccessKey {
  std::string id;  ///< "AKIA..." or whatever the user gave (3 to 128 of [A-Za-z0-9_+=.-])
  Secret secret;
  bool enabled = true;
};

struct Account {
  std::string name;          ///< display name
  std::string account_id;    ///< 12 digits: OwnerId in EC2
  std::string canonical_id;  ///< 64 hex digits: owner ID in S3
  std::vector<AccessKey> keys;
  Quotas quotas;
  WallTime created;
  bool sigv2 = false;  ///< requests signed by version 2 are taken
};
using AccountRef = std::shared_ptr<const Account>;

/// Some quotas; what is absent stays as it is, or as it is by default.
struct QuotaChanges {
  std::optional<int64_t> instances, buckets;
  std::optional<Bytes> storage;

  bool any() const { return instances || buckets || storage; }
  Quotas applied_to(Quotas quotas) const;
};

struct NewAccount {
  std::string name;
  std::optional<std::string> account_id;  ///< else generated
  std::optional<std::string> access_key;  ///< else generated
  std::optional<Secret> secret_key;       ///< else generated; needs access_key
  QuotaChanges quotas;
  std::optional<bool> sigv2;  ///< else as it is; off for a new account
};

struct Session;  // farm/api/sessions.h

/// Who a request is from, after its signature was found right.
struct Caller {
  AccountRef account;
  std::string access_key;
  std::string region;    ///< of the credential scope
  std::string instance;  ///< "i-..." when it came through an instance's own listener; else empty
  std::shared_ptr<const Session> session = nullptr;  ///< of temporary keys; else null
};

class Accounts {
 public:
  static constexpr size_t max_accounts = 100'000;
  static constexpr size_t max_keys = 10;  ///< of one account

  /// Loads all accounts. `store` and `sealer` must outlive the result.
  static aio::Task<Result<std::unique_ptr<Accounts>>> open(aio::World& world, store::Store& store,
                                                           Sealer& sealer);

  /// Durable on return. Asking again for exactly what is there gives the existing account (the same
  /// name and ids, a key is added to an existing account_id); Code::conflict where name, id or key
  /// belong to something else or a given secret differs; Code::invalid_argument for bad forms.
  aio::Task<Result<AccountRef>> add(NewAccount account);
  aio::Task<Result<AccountRef>> set_quotas(std::string account_id, Quotas quotas);
  /// Also takes its keys away. Resources are the caller's business. Code::not_found.
  aio::Task<Result<>> remove(std::string account_id);

  /// Null when there is no such account.
  AccountRef find(std::string_view account_id) const;
  AccountRef find_by_name(std::string_view name) const;
  std::vector<AccountRef> all() const;

  struct Found {
    AccountRef account;
    const AccessKey* key = nullptr;  ///< lives as long as `account`
  };
  /// Found::account is null for an unknown key; a disabled key is found.
  Found find_key(std::string_view access_key) const;
  /// Changes whenever any account does: caches of derived keys hold it beside their entries.
  uint64_t generation() const { return generation_; }

 private:
  Accounts(aio::World& world, store::Store& store, Sealer& sealer)
      : world_(world), store_(store), sealer_(sealer) {}
  aio::Task<Result<>> load();
  aio::Task<Result<>> save(AccountRef account);
  Result<std::shared_ptr<Account>> prepare(const NewAccount& wanted);
  Result<std::string> encode(const Account& account);
  Result<Account> decode(std::string_view text);
  void publish(AccountRef account);
  std::string free_account_id();

  aio::World& world_;
  store::Store& store_;
  Sealer& sealer_;
  std::map<std::string, AccountRef, std::less<>> by_id_;
  std::map<std::string, std::string, std::less<>> id_of_name_;
  std::map<std::string, std::string, std::less<>> id_of_key_;
  uint64_t generation_ = 1;
  aio::Mutex changing_;
};

}  // namespace croft::farm
