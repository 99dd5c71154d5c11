// Key pairs, tags, images and the things that only are described.
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"
#include "farm/ec2/key_material.h"

namespace croft::farm::ec2 {
namespace {

class Resources : public testing::Test {
 protected:
  BenchFarm farm;
};

TEST_F(Resources, made_keys_reach_the_instance) {
  auto made = farm.ask("CreateKeyPair", {{"KeyName", "talk"}, {"KeyType", "ed25519"}});
  EXPECT_TRUE(
      made.root().child("keyMaterial").text().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
  EXPECT_EQ(farm.refusal("CreateKeyPair", {{"KeyName", "talk"}}), "InvalidKeyPair.Duplicate");
  std::string id = farm.run(1, 1, {{"KeyName", "talk"}}).front();
  farm.settle();
  EXPECT_TRUE(farm.specs[id].authorized_key.starts_with("ssh-ed25519 AAAA"));
  auto described = farm.ask("DescribeKeyPairs", {{"KeyName.1", "talk"}});
  EXPECT_TRUE(described.root().child("keySet").child("item").child("keyMaterial").text().empty());
  EXPECT_EQ(farm.refusal("DescribeKeyPairs", {{"KeyName.1", "nobody"}}), "InvalidKeyPair.NotFound");
  farm.reopen();
  EXPECT_TRUE(farm.state->find_key("111122223333", "talk"));
  farm.ask("DeleteKeyPair", {{"KeyName", "talk"}});
  farm.ask("DeleteKeyPair", {{"KeyName", "talk"}});
  EXPECT_TRUE(farm.ask("DescribeKeyPairs").root().child("keySet").children("item").empty());
}

TEST_F(Resources, rsa_keys_and_their_fingerprints) {
  auto made = make_key("rsa", "x");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->private_pem.reveal().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
  EXPECT_EQ(made->fingerprint.size(), 59u);  // 20 bytes of SHA-1 with colons
  // The same as an SSH2 file: headers, one of them continued, and lines of 70.
  std::string blob(made->public_key.substr(made->public_key.find(' ') + 1)), lines;
  for (size_t at = 0; at < blob.size(); at += 70) lines += blob.substr(at, 70) + "\n";
  auto ssh2 = read_public_key(
      "---- BEGIN SSH2 PUBLIC KEY ----\nComment: for use on \\\nsome servers\nx-a: b\n" + lines +
      "---- END SSH2 PUBLIC KEY ----\n");
  ASSERT_TRUE(ssh2) << ssh2.error().render();
  EXPECT_EQ(ssh2->public_key, made->public_key);
  EXPECT_FALSE(read_public_key("---- BEGIN SSH2 PUBLIC KEY ----\n" + lines)) << "cut";
  auto read = read_public_key(made->public_key + " someone@somewhere");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->public_key, made->public_key);
  EXPECT_EQ(read->fingerprint.size(), 47u);  // 16 bytes of MD5
}

TEST_F(Resources, keys_that_are_none_are_refused) {
  for (std::string_view text :
       {"", "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "hello world",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBCKrMIGH1jlE9ewd3Wl3zFeDxZQwbVwZ7Tpl6gMxQhv"})
    EXPECT_FALSE(read_public_key(text)) << text;
  EXPECT_EQ(
      farm.refusal("ImportKeyPair", {{"KeyName", "k"}, {"PublicKeyMaterial", base64("nonsense")}}),
      "InvalidKeyPair.Format");
}

TEST_F(Resources, tags_come_go_and_are_found) {
  std::string id = farm.run(1, 1).front();
  farm.ask("CreateTags", {{"ResourceId.1", id},
                          {"Tag.1.Key", "Name"},
                          {"Tag.1.Value", "web"},
                          {"Tag.2.Key", "empty"},
                          {"Tag.2.Value", ""}});
  farm.ask("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Name"}, {"Tag.1.Value", "web2"}});
  auto rows = farm.ask("DescribeTags",
                       {{"Filter.1.Name", "resource-type"}, {"Filter.1.Value.1", "instance"}});
  auto items = rows.root().child("tagSet").children("item");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].child("value").text(), "web2");
  farm.ask("DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Name"}, {"Tag.1.Value", "other"}});
  EXPECT_EQ(farm.state->find_instance(id)->tags.size(), 2u);
  farm.ask("DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Name"}});
  farm.reopen();
  EXPECT_EQ(farm.state->find_instance(id)->tags, (Tags{{"empty", ""}}));
  farm.ask("DeleteTags", {{"ResourceId.1", id}});
  EXPECT_TRUE(farm.state->find_instance(id)->tags.empty());
}

TEST_F(Resources, wrong_tags_are_refused) {
  std::string id = farm.run(1, 1).front();
  auto refusal = [&](std::string resource, std::string key, std::string value = "v") {
    return farm.refusal("CreateTags",
                        {{"ResourceId.1", resource}, {"Tag.1.Key", key}, {"Tag.1.Value", value}});
  };
  EXPECT_EQ(refusal(id, "aws:x"), "InvalidParameterValue");
  EXPECT_EQ(refusal(id, std::string(129, 'k')), "InvalidParameterValue");
  EXPECT_EQ(refusal(id, "k", std::string(257, 'v')), "InvalidParameterValue");
  EXPECT_EQ(refusal("banana", "k"), "InvalidID");
  EXPECT_EQ(refusal("i-0", "k"), "InvalidID");
  EXPECT_EQ(refusal("i-0123456789abcdef0", "k"), "InvalidInstanceID.NotFound");
  Fields many{{"ResourceId.1", id}};
  for (int i = 1; i <= 51; ++i)
    many.emplace_back(fmt::format("Tag.{}.Key", i), fmt::format("k{}", i));
  EXPECT_EQ(farm.refusal("CreateTags", many), "TagLimitExceeded");
}

TEST_F(Resources, image_ids_can_be_added) {
  NewImage talk{"ami-26b6534f", "talk", "", "", ""};
  ASSERT_TRUE(farm.sim.run(add_image(*farm.core, talk)));
  ASSERT_TRUE(farm.sim.run(add_image(*farm.core, talk)));
  talk.folder = "/somewhere/else";
  EXPECT_EQ(farm.sim.run(add_image(*farm.core, talk)).error().code, Code::conflict);
  talk.id = "banana";
  EXPECT_EQ(farm.sim.run(add_image(*farm.core, talk)).error().code, Code::invalid_argument);
  ASSERT_TRUE(farm.sim.run(
      add_image(*farm.core, {"ami-0000000a", "private", "", "/images/a", "444455556666"})));
  farm.reopen();
  auto mine = farm.ask("DescribeImages", {{"Filter.1.Name", "name"}, {"Filter.1.Value.1", "t*"}});
  EXPECT_EQ(mine.root().child("imagesSet").child("item").child("imageId").text(), "ami-26b6534f");
  EXPECT_EQ(farm.refusal("DescribeImages", {{"ImageId.1", "ami-0000000a"}}),
            "InvalidAMIID.NotFound");
  EXPECT_EQ(farm.call_as(farm.bob, "DescribeImages", {{"Owner.1", "self"}})->find("ami-26b6534f"),
            std::string::npos);
}

TEST_F(Resources, places_are_described) {
  auto regions = farm.ask("DescribeRegions");
  EXPECT_EQ(regions.root().child("regionInfo").child("item").child("regionEndpoint").text(),
            "127.0.0.1:7480");
  EXPECT_EQ(farm.refusal("DescribeRegions", {{"RegionName.1", "mars-1"}}), "InvalidParameterValue");
  auto zones = farm.ask("DescribeAvailabilityZones");
  EXPECT_EQ(zones.root().child("availabilityZoneInfo").children("item").size(), 2u);
  auto type = farm.ask("DescribeInstanceTypes", {{"InstanceType.1", "m1.small"}});
  EXPECT_EQ(type.root()
                .child("instanceTypeSet")
                .child("item")
                .child("memoryInfo")
                .child("sizeInMiB")
                .text(),
            "1740");
  EXPECT_EQ(farm.refusal("DescribeInstanceTypes", {{"InstanceType.1", "m9.huge"}}),
            "InvalidInstanceType");
  auto limits = farm.ask("DescribeAccountAttributes", {{"AttributeName.1", "max-instances"}});
  EXPECT_EQ(limits.root()
                .child("accountAttributeSet")
                .child("item")
                .child("attributeValueSet")
                .child("item")
                .child("attributeValue")
                .text(),
            "20");
  auto subnets = farm.ask("DescribeSubnets");
  auto first = subnets.root().child("subnetSet").children("item");
  ASSERT_EQ(first.size(), 2u);
  std::string id = farm.run(1, 1, {{"SubnetId", first[1].child("subnetId").text()}}).front();
  EXPECT_EQ(farm.state->find_instance(id)->zone, first[1].child("availabilityZone").text());
}

}  // namespace
}  // namespace croft::farm::ec2
