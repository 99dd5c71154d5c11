// Changes of a packet filter that the kernel itself answers, in a network namespace of the test.
#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/netlink.h>
#include <sched.h>

#include <functional>
#include <thread>

#include "sandbox/nft_shell.h"

namespace croft::sandbox {
namespace {

using ::testing::HasSubstr;

// More than the 300 or so acknowledgements that a netlink socket holds.
constexpr uint32_t many = 600;

class PacketFilterChange : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0)
      GTEST_SKIP() << "NOT TESTED: network namespaces need root; run this test as root";
  }

  /// In a thread of its own, because it stays in its new network.
  static void in_a_new_network(const std::function<void()>& work) {
    std::thread([&] {
      ASSERT_EQ(unshare(CLONE_NEWNET), 0);
      auto shell = NftShell::open();
      ASSERT_TRUE(shell) << shell.error().render();
      auto made = shell->run("add set ip croft many { type ipv4_addr; }");
      ASSERT_TRUE(made) << made.error().render();
      work();
    }).join();
  }

  static std::vector<nft::Element> addresses(uint32_t first, uint32_t count) {
    std::vector<nft::Element> out;
    for (uint32_t i = 0; i < count; ++i)
      out.push_back({"many", nft::bytes(htonl(0x0a4d0000 + first + i)), "", ""});
    return out;
  }

  static Result<> change(const std::vector<nft::Element>& remove,
                         const std::vector<nft::Element>& add) {
    Netlink filter = TRY(Netlink::open(NETLINK_NETFILTER));
    return filter.run(nft::change(remove, add));
  }
};

TEST_F(PacketFilterChange, OfManyElementsIsAnswered) {
  in_a_new_network([] {
    auto added = change({}, addresses(0, many));
    ASSERT_TRUE(added) << added.error().render();
    auto replaced = change(addresses(0, many), addresses(many, many));
    ASSERT_TRUE(replaced) << replaced.error().render();
    // As it says, so it is: what was added can be removed once, what was removed cannot.
    EXPECT_FALSE(change(addresses(0, 1), {}));
    auto removed = change(addresses(many, many), {});
    EXPECT_TRUE(removed) << removed.error().render();
  });
}

TEST_F(PacketFilterChange, WithOneElementRefusedIsRefusedWhole) {
  in_a_new_network([] {
    ASSERT_TRUE(change({}, addresses(0, many)));
    // The middle one of those that go is not there.
    auto going = addresses(0, many);
    going[many / 2] = addresses(many, 1).front();
    auto refused = change(going, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().line(), HasSubstr("remove an element of the packet filter's set"));
    auto all = change(addresses(0, many), {});
    EXPECT_TRUE(all) << all.error().render();
  });
}

TEST_F(PacketFilterChange, ListsWhatEachElementOfASetHasCounted) {
  in_a_new_network([] {
    auto shell = NftShell::open();
    ASSERT_TRUE(shell) << shell.error().render();
    auto made = shell->run("add set ip croft seen { type ipv4_addr; counter; }");
    ASSERT_TRUE(made) << made.error().render();
    auto counts = shell->run(
        "add element ip croft seen { 10.77.0.5 counter packets 3 bytes 6000000000 }; "
        "add element ip croft seen { 10.77.0.6 }");
    ASSERT_TRUE(counts) << counts.error().render();
    auto filter = Netlink::open(NETLINK_NETFILTER);
    ASSERT_TRUE(filter) << filter.error().render();
    // More than one message of the kernel holds.
    auto more = addresses(256, many);
    for (nft::Element& element : more) element.set = "seen";
    ASSERT_TRUE(filter->run(nft::change({}, more)));
    auto listing = filter->dump(nft::list_elements("croft", "seen"));
    ASSERT_TRUE(listing) << listing.error().render();
    EXPECT_TRUE(listing->whole);
    EXPECT_GT(listing->messages.size(), 1u);
    std::map<std::string, int64_t> counted;
    for (const std::string& message : listing->messages) nft::add_counted(message, counted);
    EXPECT_EQ(counted.size(), many + 2);
    EXPECT_EQ(counted.at(nft::bytes(htonl(0x0a4d0005))), 6'000'000'000);
    EXPECT_EQ(counted.at(nft::bytes(htonl(0x0a4d0006))), 0);
    auto none = filter->dump(nft::list_elements("croft", "unknown"));
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().line(), HasSubstr("list the packet filter's set 'unknown'"));
  });
}

TEST(CountedElements, OfAnAnswerThatIsCutShortAreThoseThatAreWhole) {
  std::map<std::string, int64_t> counted;
  nft::add_counted("", counted);
  nft::add_counted(std::string_view("\0\0\0\0\xff\xff\3\0", 8), counted);
  EXPECT_TRUE(counted.empty());
}

}  // namespace
}  // namespace croft::sandbox
