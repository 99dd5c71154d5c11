#include "farm/api/accounts.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "farm/api/account_json.h"
#include "farm/api/file_sealer.h"

namespace croft::farm {
namespace {

class AccountsTest : public testing::Test {
 protected:
  aio::SimWorld sim{3};
  std::unique_ptr<store::Store> store = store::open_memory(sim.world());
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<Accounts> accounts;

  void SetUp() override {
    ASSERT_TRUE(sim.run(prepare(sim.world())));
    auto made = sim.run(open_file_sealer(sim.world(), "/farm/secret.key"));
    ASSERT_TRUE(made) << made.error().line();
    sealer = std::move(*made);
    reopen();
  }
  static aio::Task<Result<>> prepare(aio::World& world) {
    co_return co_await world.disk.make_dirs("/farm");
  }
  void reopen() {
    auto opened = sim.run(Accounts::open(sim.world(), *store, *sealer));
    ASSERT_TRUE(opened) << opened.error().line();
    accounts = std::move(*opened);
  }
  Result<AccountRef> add(NewAccount account) { return sim.run(accounts->add(std::move(account))); }
  Code refused(NewAccount account) {
    auto added = add(std::move(account));
    EXPECT_FALSE(added);
    return added ? Code::internal : added.error().code;
  }
};

TEST_F(AccountsTest, are_made_up_where_nothing_is_given) {
  auto one = add({.name = "one"});
  ASSERT_TRUE(one);
  EXPECT_EQ((*one)->account_id.size(), 12u);
  EXPECT_EQ((*one)->canonical_id.size(), 64u);
  EXPECT_EQ((*one)->keys.at(0).id.substr(0, 4), "AKIA");
  EXPECT_EQ((*one)->keys.at(0).secret.reveal().size(), 40u);
  EXPECT_EQ(refused({.name = "one"}), Code::already_exists);
}

TEST_F(AccountsTest, survive_and_their_secrets_are_sealed) {
  ASSERT_TRUE(add({.name = "talk",
                   .account_id = "123456789012",
                   .access_key = "0X03DS92MX8K2A29P082",
                   .secret_key = Secret("EmlMg61YbNoThisIsNotMyKey"),
                   .quotas = {.instances = 7, .buckets = {}, .storage = {}}}));
  for (const auto& entry : *sim.run(store->range(store::prefix("account/"))))
    EXPECT_EQ(entry.value.find("EmlMg"), std::string::npos);
  reopen();
  auto found = accounts->find_key("0X03DS92MX8K2A29P082");
  ASSERT_TRUE(found.account);
  EXPECT_EQ(found.key->secret.reveal(), "EmlMg61YbNoThisIsNotMyKey");
  EXPECT_EQ(found.account->quotas.instances, 7);
  EXPECT_EQ(accounts->find_by_name("talk"), found.account);
  EXPECT_FALSE(accounts->find_key("0x03ds92mx8k2a29p082").account);
}

TEST_F(AccountsTest, asked_for_again_are_the_same_and_conflicts_are_named) {
  NewAccount wanted{
      .name = "a", .account_id = "111111111111", .access_key = "KEY-1", .secret_key = Secret("s1")};
  auto first = add(wanted);
  ASSERT_TRUE(first);
  auto again = add(wanted);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->canonical_id, (*first)->canonical_id);
  EXPECT_EQ((*again)->keys.size(), 1u);
  NewAccount other = wanted;
  other.secret_key = Secret("s2");
  EXPECT_EQ(refused(other), Code::conflict);
  other = wanted;
  other.name = "b";
  EXPECT_EQ(refused(other), Code::conflict);
  EXPECT_EQ(refused({.name = "b", .access_key = "KEY-1", .secret_key = Secret("s1")}),
            Code::conflict);
  auto second_key = add({.name = "a", .access_key = "KEY-2", .secret_key = Secret("s2")});
  ASSERT_TRUE(second_key);
  EXPECT_EQ((*second_key)->keys.size(), 2u);
}

TEST_F(AccountsTest, quotas_change_one_by_one) {
  ASSERT_TRUE(add({.name = "a", .quotas = {.instances = 3, .buckets = 4, .storage = Bytes(5)}}));
  auto changed = add({.name = "a", .quotas = {.instances = {}, .buckets = 9, .storage = {}}});
  ASSERT_TRUE(changed);
  EXPECT_EQ((*changed)->quotas.instances, 3);
  EXPECT_EQ((*changed)->quotas.buckets, 9);
  EXPECT_EQ((*changed)->quotas.storage, Bytes(5));
  EXPECT_EQ((*changed)->keys.size(), 1u);
  EXPECT_EQ(refused({.name = "a"}), Code::already_exists);
  EXPECT_EQ(refused({.name = "a", .quotas = {.instances = -1, .buckets = {}, .storage = {}}}),
            Code::invalid_argument);
}

TEST_F(AccountsTest, bad_forms_are_refused) {
  EXPECT_EQ(refused({.name = ""}), Code::invalid_argument);
  EXPECT_EQ(refused({.name = "a\nb"}), Code::invalid_argument);
  EXPECT_EQ(refused({.name = "a", .account_id = "12345"}), Code::invalid_argument);
  EXPECT_EQ(refused({.name = "a", .access_key = "with/slash", .secret_key = Secret("s")}),
            Code::invalid_argument);
  EXPECT_EQ(refused({.name = "a", .secret_key = Secret("s")}), Code::invalid_argument);
  EXPECT_TRUE(accounts->all().empty());
}

TEST_F(AccountsTest, removed_are_gone_with_their_keys) {
  ASSERT_TRUE(add({.name = "a",
                   .account_id = "111111111111",
                   .access_key = "KEY-1",
                   .secret_key = Secret("s1")}));
  uint64_t before = accounts->generation();
  ASSERT_TRUE(sim.run(accounts->remove("111111111111")));
  EXPECT_GT(accounts->generation(), before);
  EXPECT_FALSE(accounts->find_key("KEY-1").account);
  reopen();
  EXPECT_TRUE(accounts->all().empty());
}

TEST_F(AccountsTest, travel_as_json) {
  auto made = add({.name = "a", .quotas = {.instances = 3, .buckets = 4, .storage = Bytes(5)}});
  auto back = account_from_json(to_json(**made));
  ASSERT_TRUE(back) << back.error().line();
  EXPECT_EQ(back->keys.at(0).secret.reveal(), (*made)->keys.at(0).secret.reveal());
  EXPECT_EQ(back->quotas.storage, Bytes(5));
  auto wanted = new_account_from_json(
      to_json(NewAccount{.name = "b", .access_key = "K-1", .secret_key = Secret("s")}));
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->secret_key->reveal(), "s");
  EXPECT_FALSE(wanted->quotas.any());
}

}  // namespace
}  // namespace croft::farm
