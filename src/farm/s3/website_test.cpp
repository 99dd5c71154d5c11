#include "farm/s3/website.h"

#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

std::string site(const std::string& rules) {
  return "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
         "<RoutingRules>" +
         rules + "</RoutingRules></WebsiteConfiguration>";
}
std::string rule(const std::string& condition, const std::string& redirect) {
  return "<RoutingRule>" + (condition.empty() ? "" : "<Condition>" + condition + "</Condition>") +
         "<Redirect>" + redirect + "</Redirect></RoutingRule>";
}
std::string where(const Website& site, std::string_view key, std::optional<int> error = {}) {
  const Website::Route* route = route_of(site, key, error);
  return route ? location_of(*route, "b.example:80", key) : "";
}

TEST(Website, the_first_rule_that_fits_says_where_to) {
  auto read =
      website_from(site(rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>",
                             "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>") +
                        rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
                             "<KeyPrefixEquals>img/</KeyPrefixEquals>",
                             "<HostName>cdn.example</HostName><Protocol>https</Protocol>"
                             "<HttpRedirectCode>307</HttpRedirectCode>") +
                        rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
                             "<ReplaceKeyWith>lost page.html</ReplaceKeyWith>")));
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(where(*read, "docs/a.html"), "http://b.example:80/documents/a.html");
  EXPECT_EQ(where(*read, "other"), "");
  EXPECT_EQ(where(*read, "docs/a.html", 403), "");
  EXPECT_EQ(where(*read, "img/a", 404), "https://cdn.example/img/a");
  EXPECT_EQ(route_of(*read, "img/a", 404)->status, 307);
  EXPECT_EQ(where(*read, "x", 404), "http://b.example:80/lost%20page.html");
  EXPECT_EQ(route_of(*read, "x", 404)->status, 301);
}

TEST(Website, a_rule_without_condition_is_about_every_request) {
  auto read = website_from(site(rule("", "<HostName>new.example</HostName>")));
  ASSERT_TRUE(read);
  EXPECT_EQ(where(*read, "a/b"), "http://new.example/a/b");
}

TEST(Website, bad_rules_are_refused_when_they_are_set) {
  for (const std::string& bad :
       {rule("<KeyPrefixEquals>a</KeyPrefixEquals>", ""), rule("<X/>", "<HostName>h</HostName>"),
        rule("", "<Protocol>ftp</Protocol>"), rule("", "<HttpRedirectCode>200</HttpRedirectCode>"),
        rule("", "<HostName>h/p</HostName>"),
        rule("<HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals>",
             "<HostName>h</HostName>"),
        rule("",
             "<ReplaceKeyWith>a</ReplaceKeyWith>"
             "<ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>"),
        std::string()})
    EXPECT_FALSE(website_from(site(bad))) << bad;
  std::string many;
  for (size_t i = 0; i <= max_routing_rules; ++i) many += rule("", "<HostName>h</HostName>");
  EXPECT_EQ(website_from(site(many)).error().fact("aws_code"), "InvalidRequest");
}

}  // namespace
}  // namespace croft::farm::s3
