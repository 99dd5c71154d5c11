// What `croft farm verify` must find, and a disk that fails while it is written to.
#include "farm/s3/verify.h"

#include <gtest/gtest.h>

#include "farm/s3/local_farm.h"

namespace croft::farm::s3 {
namespace {

std::string bytes(char with, size_t count) {
  return std::string(count, with);
}

aio::Task<Result<>> expect_ok(LocalFarm& farm, std::string method, std::string target,
                              std::string body = {}, wire::Headers headers = {}) {
  Reply reply = CO_TRY(
      co_await farm.ask(std::move(method), std::move(target), std::move(body), std::move(headers)));
  EXPECT_EQ(reply.status / 100, 2) << reply.body;
  co_return Result<>{};
}

aio::Task<Result<>> multipart(LocalFarm& farm, bool complete) {
  Reply made = CO_TRY(co_await farm.ask("POST", "/bucket/multi?uploads", "",
                                        {{"x-amz-checksum-algorithm", "CRC32"}}));
  auto document = CO_TRY(wire::xml::Document::parse(made.body));
  std::string id = CO_TRY(document.root().required("UploadId"));
  std::string list;
  for (int number : {1, 2}) {
    Reply part = CO_TRY(
        co_await farm.ask("PUT", fmt::format("/bucket/multi?partNumber={}&uploadId={}", number, id),
                          bytes(static_cast<char>('0' + number), 3000)));
    list += fmt::format(
        "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumCRC32>{}</ChecksumCRC32></Part>",
        number, part.headers.value("ETag"), part.headers.value("x-amz-checksum-crc32"));
  }
  if (!complete) co_return Result<>{};
  co_return co_await expect_ok(farm, "POST", "/bucket/multi?uploadId=" + id,
                               "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>");
}

/// Small, large, empty, copied, in parts, and an upload that is still open.
aio::Task<Result<>> fill(LocalFarm& farm) {
  CO_TRY(co_await expect_ok(farm, "PUT", "/bucket"));
  CO_TRY(co_await expect_ok(farm, "PUT", "/bucket/small", bytes('s', 500)));
  CO_TRY(co_await expect_ok(farm, "PUT", "/bucket/empty", ""));
  std::string large = bytes('l', 50'000);
  wire::Headers sum{{"x-amz-checksum-sha256", base64(checksum_of(Checksum::sha256, large))}};
  CO_TRY(co_await expect_ok(farm, "PUT", "/bucket/large", std::move(large), std::move(sum)));
  CO_TRY(co_await expect_ok(farm, "PUT", "/bucket/copy", "",
                            {{"x-amz-copy-source", "/bucket/large"}}));
  CO_TRY(co_await multipart(farm, true));
  co_return co_await multipart(farm, false);
}

using Body = std::function<aio::Task<Result<>>(aio::World&, LocalFarm&)>;

void with_farm(Body body) {
  aio::SimWorld sim(11);
  auto run = [](aio::World& world, Body inner) -> aio::Task<Result<>> {
    auto farm = CO_TRY(co_await LocalFarm::open(world));
    aio::Scope scope(co_await aio::here());
    scope.spawn(farm->run());
    auto done = co_await fill(*farm);
    if (done) done = co_await world.clock.sleep(Duration::seconds(1));  // files settle
    if (done) done = co_await inner(world, *farm);
    scope.cancel();
    auto ended = co_await scope.join();
    static_cast<void>(ended);
    CO_TRY(co_await farm->close());
    co_return done;
  };
  auto done = sim.run(run(sim.world(), body));
  EXPECT_TRUE(done) << done.error().render();
}

/// The path of the first data file of that size.
aio::Task<Result<std::string>> file_of(aio::World& world, uint64_t size) {
  for (const std::string& shelf : CO_TRY(co_await world.disk.list("/farm/s3/data")))
    for (const std::string& name : CO_TRY(co_await world.disk.list("/farm/s3/data/" + shelf))) {
      std::string path = fmt::format("/farm/s3/data/{}/{}", shelf, name);
      if (CO_TRY(co_await world.disk.info(path)).size == size) co_return path;
    }
  co_return fail(Code::not_found, "no such file");
}

aio::Task<Result<>> flip(aio::World& world, std::string path, uint64_t at) {
  auto file = CO_TRY(co_await world.disk.open(path, aio::OpenMode::read_write));
  co_return co_await file->write_at(at, "!");
}

TEST(S3Verify, finds_nothing_wrong_with_what_is_whole) {
  with_farm([](aio::World&, LocalFarm& farm) -> aio::Task<Result<>> {
    VerifyReport report = CO_TRY(co_await farm.s3().verify());
    EXPECT_TRUE(report.whole()) << to_json(report);
    EXPECT_EQ(report.objects, 5u);
    EXPECT_EQ(report.parts, 2u);
    EXPECT_EQ(report.bytes, 500u + 50'000 + 50'000 + 6000 + 6000);
    EXPECT_EQ(report.strays, 0u);
    co_return Result<>{};
  });
}

TEST(S3Verify, names_each_damaged_object) {
  with_farm([](aio::World& world, LocalFarm& farm) -> aio::Task<Result<>> {
    CO_TRY(co_await flip(world, CO_TRY(co_await file_of(world, 50'000)), 49'999));
    VerifyReport report = CO_TRY(co_await farm.s3().verify());
    EXPECT_EQ(report.damaged, 1u);
    EXPECT_TRUE(report.damages.at(0).where == "bucket/large" ||
                report.damages.at(0).where == "bucket/copy")
        << report.damages.at(0).where;
    EXPECT_NE(report.damages.at(0).what.find("ETag"), std::string::npos);
    // One of a part: of the object made of parts, or of the open upload.
    CO_TRY(co_await flip(world, CO_TRY(co_await file_of(world, 3000)), 0));
    report = CO_TRY(co_await farm.s3().verify());
    EXPECT_EQ(report.damaged, 2u) << to_json(report);
    co_return Result<>{};
  });
}

TEST(S3Verify, notices_missing_short_and_stray_files) {
  with_farm([](aio::World& world, LocalFarm& farm) -> aio::Task<Result<>> {
    std::string large = CO_TRY(co_await file_of(world, 50'000));
    CO_TRY(co_await world.disk.remove(large));
    std::string other = CO_TRY(co_await file_of(world, 50'000));
    auto file = CO_TRY(co_await world.disk.open(other, aio::OpenMode::read_write));
    CO_TRY(co_await file->truncate(40'000));
    std::string stray = other.substr(0, other.rfind('/')) + "/" + std::string(32, '0');
    CO_TRY(co_await world.disk.open(stray, aio::OpenMode::create_new));
    VerifyReport report = CO_TRY(co_await farm.s3().verify());
    EXPECT_EQ(report.damaged, 2u) << to_json(report);
    EXPECT_NE(report.damages.at(0).what.find("missing"), std::string::npos);
    co_return Result<>{};
  });
}

TEST(S3Verify, sees_what_was_written_over_as_changed_not_as_damaged) {
  with_farm([](aio::World& world, LocalFarm& farm) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    bool verified = false;
    scope.spawn([](LocalFarm& writer, bool& over) -> aio::Task<Result<>> {
      for (size_t i = 0; i < 1000 && !over; ++i)
        CO_TRY(co_await expect_ok(writer, "PUT", "/bucket/large",
                                  bytes(static_cast<char>('a' + i % 26), 2'000 + i)));
      co_return Result<>{};
    }(farm, verified));
    for (int i = 0; i < 10; ++i) {
      VerifyReport report = CO_TRY(co_await farm.s3().verify());
      EXPECT_TRUE(report.whole()) << to_json(report);
      CO_TRY(co_await world.clock.sleep(Duration::milliseconds(7)));
    }
    verified = true;
    co_return co_await scope.join();
  });
}

/// A disk whose syncs fail: nothing is acknowledged, and what was is there after the restart.
TEST(S3Faults, a_disk_that_cannot_sync_refuses_and_loses_nothing) {
  for (size_t size : {100, 5000}) {
    aio::SimWorld sim(12);
    std::unique_ptr<LocalFarm> farm;
    auto before = [](aio::SimWorld& world, std::unique_ptr<LocalFarm>& made,
                     size_t count) -> aio::Task<Result<>> {
      made = CO_TRY(co_await LocalFarm::open(world.world()));
      CO_TRY(co_await expect_ok(*made, "PUT", "/bucket"));
      CO_TRY(co_await expect_ok(*made, "PUT", "/bucket/a", bytes('a', count)));
      world.disk().sync_fails = true;
      for (int i = 0; i < 3; ++i) {
        Reply reply = CO_TRY(co_await made->ask("PUT", "/bucket/a", bytes('b', count)));
        EXPECT_GE(reply.status, 500) << reply.body;
        reply = CO_TRY(co_await made->ask("DELETE", "/bucket/a"));
        EXPECT_GE(reply.status, 500) << reply.body;
      }
      EXPECT_EQ(CO_TRY(co_await made->ask("GET", "/bucket/a")).body, bytes('a', count));
      co_return Result<>{};
    };
    auto lived = sim.run(before(sim, farm, size));
    ASSERT_TRUE(lived) << lived.error().render();
    sim.main().kill("the disk is replaced");
    farm.reset();
    sim.disk().sync_fails = false;
    sim.restart(true);
    auto after = [](aio::SimWorld& world, size_t count) -> aio::Task<Result<>> {
      auto again = CO_TRY(co_await LocalFarm::open(world.world()));
      // The one acknowledged; or, of those refused after their bytes had reached the log, one
      // whole.
      Reply reply = CO_TRY(co_await again->ask("GET", "/bucket/a"));
      EXPECT_TRUE(reply.status == 404 || reply.body == bytes('a', count) ||
                  reply.body == bytes('b', count));
      EXPECT_TRUE(CO_TRY(co_await again->s3().verify()).whole());
      CO_TRY(co_await expect_ok(*again, "PUT", "/bucket/a", bytes('c', count)));
      co_return co_await again->close();
    };
    auto back = sim.run(after(sim, size));
    EXPECT_TRUE(back) << back.error().render();
  }
}

/// Aborted, replaced and deleted things give their space back.
TEST(S3Space, comes_back) {
  with_farm([](aio::World& world, LocalFarm& farm) -> aio::Task<Result<>> {
    Reply uploads = CO_TRY(co_await farm.ask("GET", "/bucket?uploads"));
    auto document = CO_TRY(wire::xml::Document::parse(uploads.body));
    std::string id = CO_TRY(document.root().child("Upload").required("UploadId"));
    CO_TRY(co_await expect_ok(farm, "DELETE", "/bucket/multi?uploadId=" + id));
    for (const char* key : {"small", "empty", "large", "copy", "multi"})
      CO_TRY(co_await expect_ok(farm, "DELETE", std::string("/bucket/") + key));
    CO_TRY(co_await world.clock.sleep(Duration::seconds(1)));
    EXPECT_EQ(farm.s3().index().stored("111122223333"), 0u);
    for (const std::string& shelf : CO_TRY(co_await world.disk.list("/farm/s3/data")))
      EXPECT_TRUE(CO_TRY(co_await world.disk.list("/farm/s3/data/" + shelf)).empty());
    EXPECT_TRUE(CO_TRY(co_await world.disk.list("/farm/s3/new")).empty());
    CO_TRY(co_await expect_ok(farm, "DELETE", "/bucket"));
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::farm::s3
