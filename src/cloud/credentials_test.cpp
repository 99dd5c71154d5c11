#include "cloud/credentials.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "cloud/endpoint.h"
#include "cloud/profile_file.h"

namespace croft::cloud {
namespace {

using aio::Task;

Task<Result<Credentials>> find(aio::World& world, std::string credentials, std::string config,
                               CredentialsSearch search) {
  CO_TRY(co_await world.disk.make_dirs("/people/u/.aws"));
  if (!credentials.empty())
    CO_TRY(co_await world.disk.write_file("/people/u/.aws/credentials", credentials));
  if (!config.empty()) CO_TRY(co_await world.disk.write_file("/people/u/.aws/config", config));
  co_return co_await find_credentials(world, std::move(search));
}

Result<Credentials> look(std::map<std::string, std::string> variables, std::string credentials = "",
                         std::string config = "", std::string profile = "") {
  aio::SimWorld sim(1);
  variables.emplace("HOME", "/people/u");
  CredentialsSearch search;
  search.environment = fixed_environment(std::move(variables));
  search.profile = std::move(profile);
  return sim.run(find(sim.world(), std::move(credentials), std::move(config), std::move(search)));
}

const std::string file =
    "# keys\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key=s1  # mine\n\n"
    "[work]\naws_access_key_id=AKWORK\naws_secret_access_key=s2\naws_session_token=t\ns3 =\n  "
    "addressing_style = path\n";

TEST(Credentials, ComeFromTheEnvironmentFirst) {
  auto got = look(
      {{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_SESSION_TOKEN", "t"}},
      file);
  ASSERT_TRUE(got) << got.error().render();
  EXPECT_EQ(got->access_key, "AKENV");
  EXPECT_EQ(got->session_token.reveal(), "t");
  EXPECT_EQ(got->source, "AWS_ACCESS_KEY_ID");
}

TEST(Credentials, ComeFromTheProfileThatIsNamed) {
  auto got = look({}, file, "[profile work]\nregion = eu-west-1\n[default]\nregion=us-west-2\n");
  ASSERT_TRUE(got) << got.error().render();
  EXPECT_EQ(got->access_key, "AKDEFAULT");
  EXPECT_EQ(got->secret_key.reveal(), "s1");
  EXPECT_EQ(got->region, "us-west-2");
  got = look({{"AWS_PROFILE", "work"}}, file, "[profile work]\nregion = eu-west-1\n");
  ASSERT_TRUE(got) << got.error().render();
  EXPECT_EQ(got->access_key, "AKWORK");
  EXPECT_EQ(got->region, "eu-west-1");
  EXPECT_EQ(region_of(fixed_environment({}), *got), "eu-west-1");
  EXPECT_EQ(region_of(fixed_environment({{"AWS_REGION", "x"}, {"AWS_DEFAULT_REGION", "y"}}), *got),
            "x");
  // A profile named in the call beats the environment's keys.
  got = look({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}}, file, "", "work");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->access_key, "AKWORK");
  EXPECT_EQ(got->source, "profile 'work' in /people/u/.aws/credentials");
}

TEST(Credentials, ComeFromTheConfigFileToo) {
  auto got = look({}, "", "[default]\naws_access_key_id = AKCONF\naws_secret_access_key = s\n");
  ASSERT_TRUE(got) << got.error().render();
  EXPECT_EQ(got->access_key, "AKCONF");
}

TEST(Credentials, GivenOnesBeatAll) {
  aio::SimWorld sim(1);
  CredentialsSearch search;
  search.environment =
      fixed_environment({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
  search.access_key = "0X03DS92MX8K2A29P082";
  search.secret_key = Secret("EmlMg61YbNoThisIsNotMyKey");
  auto got = sim.run(find_credentials(sim.world(), search));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->access_key, "0X03DS92MX8K2A29P082");
  EXPECT_EQ(got->source, "the description");
  search.secret_key.reset();
  auto half = sim.run(find_credentials(sim.world(), search));
  EXPECT_EQ(half.error().code, Code::unauthenticated);
}

TEST(Credentials, SayWhereTheyWereLookedFor) {
  auto none = look({{"AWS_PROFILE", "home"}}, file);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::unauthenticated);
  std::string text = none.error().render();
  for (const char* expected :
       {"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", "has no profile 'home'",
        "/people/u/.aws/config does not exist", "profile 'home'"})
    EXPECT_NE(text.find(expected), std::string::npos) << text;
  EXPECT_EQ(text.find("s1"), std::string::npos);
  auto half = look({{"AWS_ACCESS_KEY_ID", "AK"}});
  EXPECT_EQ(half.error().what, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
}

TEST(Credentials, NameTheLineThatCannotBeRead) {
  auto bad = look({}, "[default]\nthis is no value\n");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::syntax);
  EXPECT_EQ(bad.error().where.text(), "/people/u/.aws/credentials:2:1");
  EXPECT_FALSE(parse_profiles("[default\n", "f"));
  EXPECT_FALSE(parse_profiles("a = b\n", "f"));
}

TEST(Endpoint, IsTheEmbeddedFarmUnlessNamed) {
  auto none = fixed_environment({{"AWS_ACCESS_KEY_ID", "AK"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
  Farm farm = choose_farm("", none, "us-east-1").value();
  EXPECT_EQ(farm.kind, FarmKind::embedded);
  EXPECT_EQ(farm.why, "the default");
  EXPECT_EQ(farm.endpoint(Service::s3).error().code, Code::unavailable);
}

TEST(Endpoint, FollowsTheVariables) {
  auto set = fixed_environment(
      {{"AWS_ENDPOINT_URL", "http://h:1"}, {"AWS_ENDPOINT_URL_S3", "https://s3.example/prefix"}});
  Farm farm = choose_farm("", set, "r").value();
  EXPECT_EQ(farm.kind, FarmKind::url);
  EXPECT_EQ(farm.ec2->url.text(), "http://h:1/");
  EXPECT_EQ(farm.s3->url.text(), "https://s3.example/prefix");
  EXPECT_EQ(farm.text(), "http://h:1/ and https://s3.example/prefix");
  Farm half =
      choose_farm("", fixed_environment({{"AWS_ENDPOINT_URL_S3", "http://h:1"}}), "r").value();
  EXPECT_TRUE(half.s3);
  EXPECT_NE(half.endpoint(Service::ec2).error().what.find("AWS_ENDPOINT_URL_EC2 is not"),
            std::string::npos);
  EXPECT_EQ(choose_farm("embedded", set, "r")->kind, FarmKind::embedded);
  EXPECT_EQ(
      choose_farm(
          "", fixed_environment({{"CROFT_FARM", "http://f:2"}, {"AWS_ENDPOINT_URL", "http://h:1"}}),
          "r")
          ->why,
      "CROFT_FARM");
  EXPECT_EQ(choose_farm("",
                        fixed_environment({{"AWS_ENDPOINT_URL", "http://h:1"},
                                           {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}),
                        "r")
                ->kind,
            FarmKind::embedded);
}

TEST(Endpoint, KnowsAwsByRegion) {
  Farm aws = choose_farm("aws", fixed_environment({}), "eu-west-1").value();
  EXPECT_EQ(aws.ec2->url.text(), "https://ec2.eu-west-1.amazonaws.com/");
  EXPECT_FALSE(aws.s3->path_style);
  EXPECT_EQ(aws_endpoint(Service::s3, "cn-north-1").url.host, "s3.cn-north-1.amazonaws.com.cn");
}

TEST(Endpoint, RefusesWhatIsNoFarm) {
  EXPECT_FALSE(choose_farm("amazon", fixed_environment({}), "r"));
  EXPECT_FALSE(choose_farm("http://", fixed_environment({}), "r"));
  EXPECT_FALSE(choose_farm("http://h/?x=1", fixed_environment({}), "r"));
}

}  // namespace
}  // namespace croft::cloud
