// What a completed upload must say about checksums, and what else the list of parts may not be.
#include <gtest/gtest.h>

#include "farm/s3/local_farm.h"

namespace croft::farm::s3 {
namespace {

using Body = std::function<aio::Task<Result<>>(LocalFarm&)>;

void with_farm(Body body) {
  aio::SimWorld sim(6);
  auto run = [](aio::World& world, Body inner) -> aio::Task<Result<>> {
    auto farm = CO_TRY(co_await LocalFarm::open(world));
    Reply made = CO_TRY(co_await farm->ask("PUT", "/bucket"));
    EXPECT_EQ(made.status, 200);
    CO_TRY(co_await inner(*farm));
    co_return co_await farm->close();
  };
  auto done = sim.run(run(sim.world(), body));
  EXPECT_TRUE(done) << done.error().render();
}

struct Upload {
  std::string id;
  std::string with_sums;     ///< the document of its two parts, each with its checksum
  std::string without_sums;  ///< only with ETags
};

/// Of two parts, with the headers that say which checksum it is to have.
aio::Task<Result<Upload>> upload(LocalFarm& farm, wire::Headers headers) {
  Reply made = CO_TRY(co_await farm.ask("POST", "/bucket/key?uploads", "", std::move(headers)));
  auto document = CO_TRY(wire::xml::Document::parse(made.body));
  Upload out{.id = CO_TRY(document.root().required("UploadId"))};
  for (int number : {1, 2}) {
    Reply part = CO_TRY(co_await farm.ask(
        "PUT", fmt::format("/bucket/key?partNumber={}&uploadId={}", number, out.id),
        "some data of a part"));
    EXPECT_EQ(part.status, 200) << part.body;
    std::string named = fmt::format("<PartNumber>{}</PartNumber><ETag>{}</ETag>", number,
                                    part.headers.value("ETag"));
    out.without_sums += fmt::format("<Part>{}</Part>", named);
    out.with_sums += fmt::format("<Part>{}<ChecksumSHA256>{}</ChecksumSHA256></Part>", named,
                                 part.headers.value("x-amz-checksum-sha256"));
  }
  co_return out;
}

aio::Task<Result<Reply>> complete(LocalFarm& farm, const Upload& of, std::string parts,
                                  wire::Headers headers = {}) {
  co_return co_await farm.ask(
      "POST", "/bucket/key?uploadId=" + of.id,
      "<CompleteMultipartUpload>" + std::move(parts) + "</CompleteMultipartUpload>",
      std::move(headers));
}

TEST(S3Multipart, a_composite_checksum_needs_that_of_each_part) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    Upload one = CO_TRY(co_await upload(farm, {{"x-amz-checksum-algorithm", "SHA256"}}));
    Reply refused = CO_TRY(co_await complete(farm, one, one.without_sums));
    EXPECT_EQ(refused.code, "InvalidRequest");
    EXPECT_NE(refused.body.find("using a sha256 checksum"), std::string::npos) << refused.body;
    EXPECT_NE(refused.body.find("missing for part 1 in"), std::string::npos) << refused.body;
    wire::Headers wrong{{"x-amz-checksum-sha256", "bad"}};
    EXPECT_EQ(CO_TRY(co_await complete(farm, one, one.without_sums, wrong)).code, "BadDigest");
    Reply done = CO_TRY(co_await complete(farm, one, one.with_sums));
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_NE(done.body.find("<ChecksumType>COMPOSITE<"), std::string::npos) << done.body;
    // Of one that has the checksum of the whole, and of one that has none, nobody asks for it.
    Upload whole = CO_TRY(co_await upload(
        farm, {{"x-amz-checksum-algorithm", "CRC32"}, {"x-amz-checksum-type", "FULL_OBJECT"}}));
    EXPECT_EQ(CO_TRY(co_await complete(farm, whole, whole.without_sums)).status, 200);
    Upload bare = CO_TRY(co_await upload(farm, {}));
    EXPECT_EQ(CO_TRY(co_await complete(farm, bare, bare.without_sums)).status, 200);
    co_return Result<>{};
  });
}

TEST(S3Multipart, the_type_of_the_checksum_is_that_of_the_upload) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    struct Case {
      std::string_view algorithm, type, other;
    };
    for (const Case& one :
         {Case{"SHA256", "COMPOSITE", "FULL_OBJECT"}, Case{"CRC32C", "FULL_OBJECT", "COMPOSITE"},
          Case{"CRC64NVME", "FULL_OBJECT", "COMPOSITE"}}) {
      Upload made =
          CO_TRY(co_await upload(farm, {{"x-amz-checksum-algorithm", std::string(one.algorithm)},
                                        {"x-amz-checksum-type", std::string(one.type)}}));
      std::string parts = one.algorithm == "SHA256" ? made.with_sums : made.without_sums;
      auto with = [&](std::string_view type) {
        return complete(farm, made, parts, {{"x-amz-checksum-type", std::string(type)}});
      };
      EXPECT_EQ(CO_TRY(co_await with(one.other)).code, "BadDigest") << one.algorithm;
      EXPECT_EQ(CO_TRY(co_await with("SOME")).code, "InvalidRequest") << one.algorithm;
      Reply done = CO_TRY(co_await with(one.type));
      EXPECT_EQ(done.status, 200) << one.algorithm << done.body;
    }
    Upload bare = CO_TRY(co_await upload(farm, {}));
    wire::Headers composite{{"x-amz-checksum-type", "COMPOSITE"}};
    wire::Headers full{{"x-amz-checksum-type", "FULL_OBJECT"}};
    EXPECT_EQ(CO_TRY(co_await complete(farm, bare, bare.without_sums, composite)).code,
              "BadDigest");
    EXPECT_EQ(CO_TRY(co_await complete(farm, bare, bare.without_sums, full)).status, 200);
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::farm::s3
