#include "components/http_exchange.h"

#include <gtest/gtest.h>

#include "components/http_proxy.h"

namespace croft::components {
namespace {

Signature mufasa() {
  return {"HTTP_DIGEST", "Mufasa", Secret("Circle of Life")};
}

TEST(Proxy, HostsThatAreAskedDirectly) {
  for (const char* list : {"*", "example.org", ".example.org", "*.example.org", "a,example.org",
                           "localhost|*.example.org", "www.*", "WWW.example.org"})
    EXPECT_TRUE(named_in(list, "www.example.org")) << list;
  for (const char* list : {"", "ample.org", "www.example", "example.com", "10.*", "a|b", ","})
    EXPECT_FALSE(named_in(list, "www.example.org")) << list;
}

TEST(Digest, AnswersTheExamplesOfTheStandard) {
  // RFC 7616, 3.9.1.
  std::string realm =
      "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
  std::string ours = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  auto sha =
      digest_answer("Digest algorithm=SHA-256, " + realm, mufasa(), "GET", "/dir/index.html", ours);
  ASSERT_TRUE(sha) << sha.error().render();
  EXPECT_NE(
      sha->find("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
      std::string::npos)
      << *sha;
  auto md5 =
      digest_answer("Digest algorithm=MD5, " + realm, mufasa(), "GET", "/dir/index.html", ours);
  ASSERT_TRUE(md5);
  EXPECT_NE(md5->find("response=\"8ca523f5e9506fed4657c9700eebdbec\""), std::string::npos) << *md5;
  EXPECT_NE(md5->find("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""),
            std::string::npos);
}

TEST(Digest, OldServersHaveNoQop) {
  // RFC 2069's example, with the correction of its errata.
  Signature one{"HTTP_DIGEST", "Mufasa", Secret("CircleOfLife")};
  auto answer = digest_answer(
      "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"", one,
      "GET", "/dir/index.html", "x");
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->find("response=\"1949323746fe6a43ef61f9606e7febea\""), std::string::npos)
      << *answer;
  EXPECT_EQ(answer->find("qop"), std::string::npos);
}

TEST(Digest, OtherSchemesAreRefused) {
  EXPECT_EQ(digest_answer("Basic realm=\"x\"", mufasa(), "GET", "/", "x").error().code,
            Code::unauthenticated);
  EXPECT_EQ(digest_answer("Digest algorithm=SHA-512-256, nonce=\"a\"", mufasa(), "GET", "/", "x")
                .error()
                .code,
            Code::unsupported);
  EXPECT_FALSE(digest_answer("", mufasa(), "GET", "/", "x"));
}

TEST(DigestChallenge, IsFoundAmongOthers) {
  std::string digest = "Digest realm=\"r\", nonce=\"n\"";
  auto of = [](std::initializer_list<wire::Headers::Field> fields) {
    return std::string(digest_challenge(wire::Headers(fields)));
  };
  EXPECT_EQ(of({{"WWW-Authenticate", "Basic realm=\"r\""}, {"WWW-Authenticate", digest}}), digest);
  EXPECT_EQ(of({{"www-authenticate", "Basic realm=\"r\", " + digest}}), digest);
  EXPECT_EQ(of({{"WWW-Authenticate", "Negotiate"}}), "Negotiate");
  EXPECT_EQ(of({}), "");
}

}  // namespace
}  // namespace croft::components
