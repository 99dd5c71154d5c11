#include "farm/s3/cors.h"

#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

constexpr std::string_view two_rules =
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin>"
    "<AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader>"
    "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>"
    "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
    "</CORSConfiguration>";

TEST(Cors, TheFirstRuleThatFitsAnswers) {
  auto rules = CorsRules::parse(two_rules);
  ASSERT_TRUE(rules) << rules.error().line();
  wire::Headers put =
      rules->headers_for("https://a.example.com", "PUT", "X-Amz-Date, x-amz-acl", true);
  EXPECT_EQ(put.value("Access-Control-Allow-Origin"), "https://a.example.com");
  EXPECT_EQ(put.value("Access-Control-Allow-Headers"), "x-amz-date, x-amz-acl");
  EXPECT_EQ(put.value("Access-Control-Max-Age"), "60");
  EXPECT_EQ(put.value("Access-Control-Expose-Headers"), "ETag");
  wire::Headers get = rules->headers_for("https://b.org", "GET", "", false);
  EXPECT_EQ(get.value("Access-Control-Allow-Origin"), "*");
  EXPECT_FALSE(get.has("Access-Control-Max-Age"));
  EXPECT_TRUE(rules->headers_for("https://b.org", "PUT", "", true).fields().empty());
  EXPECT_TRUE(
      rules->headers_for("https://a.example.com", "PUT", "Content-Type", true).fields().empty());
}

TEST(Cors, RefusesWhatMakesNoSense) {
  for (std::string_view xml :
       {"<CORSConfiguration/>", "<CORSConfiguration><CORSRule/></CORSConfiguration>",
        "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>"
        "<AllowedMethod>LIST</AllowedMethod></CORSRule></CORSConfiguration>",
        "<CORSConfiguration><CORSRule><AllowedOrigin>*.*</AllowedOrigin>"
        "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>",
        "<Other/>", ""})
    EXPECT_FALSE(CorsRules::parse(xml)) << xml;
}

}  // namespace
}  // namespace croft::farm::s3
