#include "farm/dns/resolver.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/text.h"

namespace croft::farm::dns {
namespace {

std::string query(std::string name, Type type, uint16_t id = 0x1234) {
  std::string out{
      static_cast<char>(id >> 8), static_cast<char>(id & 0xff), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const std::string& label : split(name, '.')) out += static_cast<char>(label.size()) + label;
  out += std::string{0, 0, static_cast<char>(type), 0, 1};
  return out;
}

int rcode(const std::string& answer) {
  return answer[3] & 15;
}
int answers(const std::string& answer) {
  return answer[7];
}

class ResolverTest : public testing::Test {
 protected:
  aio::SimWorld sim{1};
  Resolver resolver{
      sim.world(),
      {[](const std::string&, std::string_view name) -> std::optional<std::string> {
         if (name == "ip-10-77-0-5.ec2.internal") return "10.77.0.5";
         return std::nullopt;
       },
       [](const std::string&, std::string_view address) -> std::optional<std::string> {
         if (address == "10.77.0.5") return "ip-10-77-0-5.ec2.internal";
         return std::nullopt;
       }}};
};

TEST_F(ResolverTest, names_become_addresses) {
  std::string answer = resolver.answer(query("IP-10-77-0-5.ec2.internal", Type::a), "i-1", 512);
  EXPECT_EQ(answer.substr(0, 2), "\x12\x34");
  EXPECT_EQ(rcode(answer), 0);
  ASSERT_EQ(answers(answer), 1);
  EXPECT_EQ(answer.substr(answer.size() - 4), std::string({10, 77, 0, 5}));
}

TEST_F(ResolverTest, addresses_become_names) {
  std::string answer = resolver.answer(query("5.0.77.10.in-addr.arpa", Type::ptr), "i-1", 512);
  EXPECT_EQ(answers(answer), 1);
  EXPECT_NE(answer.find("\x0cip-10-77-0-5\x03"
                        "ec2\x08internal"),
            std::string::npos);
  EXPECT_EQ(rcode(resolver.answer(query("6.0.77.10.in-addr.arpa", Type::ptr), "i-1", 512)), 3);
}

TEST_F(ResolverTest, a_known_name_without_the_type_is_empty_and_an_unknown_one_does_not_exist) {
  std::string six = resolver.answer(query("ip-10-77-0-5.ec2.internal", Type::aaaa), "i-1", 512);
  EXPECT_EQ(rcode(six), 0);
  EXPECT_EQ(answers(six), 0);
  EXPECT_EQ(rcode(resolver.answer(query("example.com", Type::a), "i-1", 512)), 3);
}

TEST_F(ResolverTest, what_is_no_query) {
  EXPECT_TRUE(resolver.answer("", "i-1", 512).empty());
  EXPECT_TRUE(resolver.answer("short", "i-1", 512).empty());
  std::string good = query("a.b", Type::a);
  std::string response = good;
  response[2] = static_cast<char>(0x80);
  EXPECT_TRUE(resolver.answer(response, "i-1", 512).empty());
  EXPECT_EQ(rcode(resolver.answer(good.substr(0, good.size() - 1), "i-1", 512)), 1);
  std::string pointer = good;
  pointer[12] = static_cast<char>(0xc0);
  EXPECT_EQ(rcode(resolver.answer(pointer, "i-1", 512)), 1);
  std::string two = good;
  two[5] = 2;
  EXPECT_EQ(rcode(resolver.answer(two, "i-1", 512)), 1);
  std::string opcode = good;
  opcode[2] = 0x28;
  EXPECT_EQ(rcode(resolver.answer(opcode, "i-1", 512)), 4);
  std::string chaos = good;
  chaos.back() = 3;
  EXPECT_EQ(rcode(resolver.answer(chaos, "i-1", 512)), 5);
  EXPECT_EQ(rcode(resolver.answer(query(std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                            std::string(63, 'c') + "." + std::string(63, 'd'),
                                        Type::a),
                                  "i-1", 512)),
            1);
}

RC_GTEST_PROP(ResolverProperty, any_bytes_are_answered_within_the_limit,
              (const std::string& bytes)) {
  auto question = parse_query(bytes);
  if (question)
    RC_ASSERT(write_answer(*question, Rcode::ok, {{Type::a, "1.2.3.4"}}, 512).size() <= 512);
}

}  // namespace
}  // namespace croft::farm::dns
