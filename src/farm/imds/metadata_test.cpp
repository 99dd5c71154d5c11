#include "farm/imds/metadata.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::farm::imds {
namespace {

class MetadataTest : public testing::Test {
 protected:
  aio::SimWorld sim{1};
  Facts facts;
  Metadata metadata{sim.world(), [this](const std::string& id) {
                      return id == "i-1" ? std::optional(facts) : std::nullopt;
                    }};

  void SetUp() override {
    facts.instance_id = "i-1";
    facts.image = "ami-26b6534f";
    facts.private_address = "10.77.0.5";
    facts.mac = "02:4d:0a:4d:00:05";
    facts.zone = "us-east-1a";
    facts.region = "us-east-1";
    facts.account = "111122223333";
    facts.key_name = "talk";
    facts.public_key = "ssh-ed25519 AAAA talk";
    facts.user_data = std::string("#!/bin/sh\0x", 11);
    facts.tags = {{"Name", "web"}};
  }
  Metadata::Reply get(std::string path, wire::Headers headers = {}, std::string method = "GET",
                      std::string id = "i-1") {
    wire::RequestHead head;
    head.method = std::move(method);
    head.target = std::move(path);
    head.headers = std::move(headers);
    return metadata.answer(head, id);
  }
  std::string token(std::string seconds = "60") {
    return get("/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", seconds}}, "PUT")
        .body;
  }
};

TEST_F(MetadataTest, leaves_folders_and_versions) {
  EXPECT_EQ(get("/latest/meta-data/instance-id").body, "i-1");
  EXPECT_EQ(get("/2009-04-04/meta-data/ami-id").body, "ami-26b6534f");
  EXPECT_EQ(get("/latest/meta-data/placement/availability-zone").body, "us-east-1a");
  EXPECT_EQ(get("/latest/").body, "dynamic/\nmeta-data/\nuser-data");
  EXPECT_EQ(get("/latest/meta-data/placement/").body, "availability-zone\nregion");
  EXPECT_EQ(get("/latest/meta-data/network/interfaces/macs/").body, "02:4d:0a:4d:00:05/");
  EXPECT_EQ(get("/latest/meta-data/public-keys/").body, "0=talk");
  EXPECT_EQ(get("/latest/meta-data/public-keys/0/").body, "openssh-key");
  EXPECT_EQ(get("/latest/meta-data/public-keys/0/openssh-key").body, "ssh-ed25519 AAAA talk");
  EXPECT_NE(get("/").body.find("latest"), std::string::npos);
  std::string list = get("/latest/meta-data/").body;
  EXPECT_NE(list.find("local-ipv4\n"), std::string::npos);
  EXPECT_NE(list.find("placement/\n"), std::string::npos);
  EXPECT_EQ(get("/latest/user-data").body, facts.user_data);
  EXPECT_NE(get("/latest/dynamic/instance-identity/document")
                .body.find("\"accountId\": \"111122223333\""),
            std::string::npos);
}

TEST_F(MetadataTest, what_is_not_there) {
  EXPECT_EQ(get("/latest/meta-data/nonsense").status, 404);
  EXPECT_EQ(get("/latest/meta-data/public-ipv4").status, 404);
  EXPECT_EQ(get("/1999-01-01/meta-data/").status, 404);
  EXPECT_EQ(get("/latest/meta-data/tags/instance/Name").status, 404);
  facts.tags_shown = true;
  EXPECT_EQ(get("/latest/meta-data/tags/instance/Name").body, "web");
  facts.user_data.clear();
  EXPECT_EQ(get("/latest/user-data").status, 404);
  EXPECT_EQ(get("/latest/meta-data/", {}, "POST").status, 405);
  EXPECT_EQ(get("/latest/meta-data/", {}, "GET", "i-2").status, 403);
  facts.enabled = false;
  EXPECT_EQ(get("/latest/meta-data/").status, 403);
}

TEST_F(MetadataTest, tokens) {
  EXPECT_EQ(get("/latest/api/token", {}, "PUT").status, 400);
  for (const char* bad : {"0", "21601", "x", "-1"})
    EXPECT_EQ(
        get("/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", bad}}, "PUT").status,
        400);
  EXPECT_EQ(
      get("/latest/api/token",
          {{"X-aws-ec2-metadata-token-ttl-seconds", "60"}, {"X-Forwarded-For", "10.0.0.1"}}, "PUT")
          .status,
      403);
  facts.tokens_required = true;
  EXPECT_EQ(get("/latest/meta-data/instance-id").status, 401);
  std::string good = token();
  EXPECT_EQ(get("/latest/meta-data/instance-id", {{"X-aws-ec2-metadata-token", good}}).status, 200);
  facts.tokens_required = false;
  EXPECT_EQ(get("/latest/meta-data/instance-id").status, 200);
  for (std::string bad :
       {std::string("x"), std::string(), good + "A", good.substr(1), std::string(1000, 'A')})
    EXPECT_EQ(get("/latest/meta-data/instance-id", {{"X-aws-ec2-metadata-token", bad}}).status, 401)
        << bad;
}

TEST_F(MetadataTest, a_token_ends_with_its_time) {
  std::string good = token("60");
  ASSERT_TRUE(sim.run(sim.world().clock.sleep(Duration::seconds(61))));
  EXPECT_EQ(get("/latest/meta-data/instance-id", {{"X-aws-ec2-metadata-token", good}}).status, 401);
}

}  // namespace
}  // namespace croft::farm::imds
