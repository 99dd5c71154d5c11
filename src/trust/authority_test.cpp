#include "trust/authority.h"

#include <gtest/gtest.h>

#include <ctime>

#include "aio/sim/sim_world.h"
#include "base/text.h"
#include "net/tls.h"

namespace croft::trust {
namespace {

class Authorities : public ::testing::Test {
 protected:
  // OpenSSL holds certificates against the machine's own clock.
  static aio::SimOptions now() {
    aio::SimOptions out;
    out.process.started = WallTime::from_unix_seconds(time(nullptr));
    return out;
  }
  aio::SimWorld sim{1, now()};
  Authority open(std::string folder = "/ca") {
    auto out = sim.run(Authority::open(sim.world(), std::move(folder)));
    EXPECT_TRUE(out) << out.error().render();
    return *std::move(out);
  }
};

TEST_F(Authorities, StayTheSame) {
  Authority first = open();
  EXPECT_EQ(open().pin(), first.pin());
  EXPECT_EQ(fingerprint(first.certificate_pem()).value(), first.pin());
  EXPECT_NE(open("/other").pin(), first.pin());
}

TEST_F(Authorities, SignStatementsThatOthersCheck) {
  Authority authority = open();
  Authority other = open("/other");
  auto signature = authority.sign_statement("the text");
  ASSERT_TRUE(signature) << signature.error().render();
  const std::string& pem = authority.certificate_pem();
  EXPECT_TRUE(check_statement("the text", *signature, pem, authority.pin()));
  EXPECT_TRUE(check_statement("the text", *signature, pem, to_upper(authority.pin())));
  auto code = [&](std::string_view text, std::string_view signed_by, const std::string& shown,
                  const std::string& pin) {
    auto checked = check_statement(text, signed_by, shown, pin);
    return checked ? std::optional<Code>() : checked.error().code;
  };
  EXPECT_EQ(code("another text", *signature, pem, authority.pin()), Code::permission_denied);
  EXPECT_EQ(code("the text", *signature, other.certificate_pem(), authority.pin()),
            Code::permission_denied);
  EXPECT_EQ(code("the text", *signature, other.certificate_pem(), other.pin()),
            Code::permission_denied);
  EXPECT_EQ(code("the text", *other.sign_statement("the text"), pem, authority.pin()),
            Code::permission_denied);
  EXPECT_EQ(code("the text", "", pem, authority.pin()), Code::permission_denied);
  EXPECT_EQ(code("the text", "?", pem, authority.pin()), Code::syntax);
  EXPECT_EQ(code("the text", *signature, "no certificate", authority.pin()),
            Code::invalid_argument);
}

TEST_F(Authorities, SignWhatTheyWereAskedFor) {
  Authority authority = open();
  auto key = make_key("whatever it wishes");
  ASSERT_TRUE(key);
  auto chain = authority.sign(key->request_pem, {.name = "i-1",
                                                 .uri = "croft://shop/web/i-1",
                                                 .addresses = {},
                                                 .server = false,
                                                 .lasts = Duration::hours(24)});
  ASSERT_TRUE(chain) << chain.error().render();
  auto read = read_certificate(*chain);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->subject, "i-1");
  EXPECT_EQ(read->uri, "croft://shop/web/i-1");
  WallTime until = sim.world().clock.wall() + Duration::hours(24);
  EXPECT_EQ(read->until.unix_seconds(), until.unix_seconds());
  EXPECT_TRUE(chain->ends_with(authority.certificate_pem()));
}

TEST_F(Authorities, RefuseWhatIsNoRequest) {
  Authority authority = open();
  EXPECT_FALSE(authority.sign("", {.name = "x"}));
  EXPECT_FALSE(authority.sign(authority.certificate_pem(), {.name = "x"}));
  auto key = make_key("x");
  std::string changed = key->request_pem;
  changed[changed.size() / 2] ^= 1;
  EXPECT_FALSE(authority.sign(changed, {.name = "x"}));
  EXPECT_FALSE(authority.sign(key->request_pem, {.name = "x", .uri = "croft://a,DNS:evil"}));
}

TEST_F(Authorities, SayWhenTheirFileIsDamaged) {
  open();
  ASSERT_TRUE(sim.run(sim.world().disk.write_file("/ca/authority.pem", "nonsense")));
  auto read = sim.run(Authority::open(sim.world(), "/ca"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::corrupt);
}

net::TlsOptions identity(const Authority& authority, bool server) {
  auto key = make_key("controller");
  net::TlsOptions out;
  out.certificate_pem =
      authority.sign(key->request_pem, {.name = "controller", .server = server}).value();
  out.key_pem = key->key_pem;
  out.verify_peer = false;
  return out;
}

aio::Task<Result<>> greet_once(std::shared_ptr<net::TlsContext> context, aio::Listener& listener) {
  auto stream = CO_TRY(net::tls_server(context, CO_TRY(co_await listener.accept())));
  std::vector<std::string_view> greeting{"hello"};
  auto wrote = co_await stream->write(std::move(greeting));  // a client that refuses hangs up
  static_cast<void>(wrote);
  co_return Result<>{};
}

aio::Task<Result<std::string>> greeted(aio::World& world, net::TlsOptions server, std::string pin) {
  auto listener = CO_TRY(world.net.listen({"10.0.0.1", 0, ""}));
  aio::Scope scope(co_await aio::here());
  scope.spawn(greet_once(CO_TRY(net::TlsContext::server(server)), *listener));
  net::TlsOptions options;
  options.pin = std::move(pin);
  options.check_name = false;
  std::array<char, 16> buffer;
  auto connected = co_await world.net.connect(listener->local());
  auto context = net::TlsContext::client(options);
  Result<size_t> got = fail(Code::internal, "not connected");
  if (connected && context) {
    auto stream = net::tls_client(*context, *std::move(connected), "10.0.0.1");
    if (stream) got = co_await (*stream)->read(buffer);
  }
  scope.cancel();
  CO_TRY(co_await scope.join());
  if (!got) co_return fail(std::move(got).error());
  co_return std::string(buffer.data(), *got);
}

TEST_F(Authorities, ArePinnedByTheirFingerprint) {
  Authority authority = open(), other = open("/other");
  auto good = sim.run(greeted(sim.world(), identity(authority, true), authority.pin()));
  ASSERT_TRUE(good) << good.error().render();
  EXPECT_EQ(*good, "hello");
  auto stranger = sim.run(greeted(sim.world(), identity(other, true), authority.pin()));
  ASSERT_FALSE(stranger);
  EXPECT_TRUE(stranger.error().what.starts_with("TLS: the server's certificate is not accepted"))
      << stranger.error().what;
  // What the authority signed for an agent makes no controller.
  auto agent = sim.run(greeted(sim.world(), identity(authority, false), authority.pin()));
  ASSERT_FALSE(agent);
  // The pinned certificate behind another's leaf vouches for nothing.
  net::TlsOptions forged = identity(other, true);
  forged.certificate_pem = forged.certificate_pem.substr(
                               0, forged.certificate_pem.find("-----END CERTIFICATE-----") + 26) +
                           authority.certificate_pem();
  EXPECT_FALSE(sim.run(greeted(sim.world(), forged, authority.pin())));
}

}  // namespace
}  // namespace croft::trust
