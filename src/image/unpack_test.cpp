#include "image/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/text.h"

namespace croft::image {
namespace {

namespace fs = std::filesystem;

/// One ustar entry, owned by whoever runs the test.
std::string entry(const std::string& name, char kind, const std::string& data = "",
                  const std::string& target = "", unsigned mode = 0644) {
  std::string head(512, '\0');
  auto put = [&](size_t at, const std::string& text) { head.replace(at, text.size(), text); };
  put(0, name);
  put(100, fmt::format("{:07o}", mode));
  put(108, fmt::format("{:07o}", getuid() & 0xffff));
  put(116, fmt::format("{:07o}", getgid() & 0xffff));
  put(124, fmt::format("{:011o}", data.size()));
  put(136, fmt::format("{:011o}", 1'207'562'400));
  head[156] = kind;
  put(157, target);
  put(257, std::string("ustar\0", 6) + "00");
  put(148, "        ");
  unsigned sum = 0;
  for (char c : head) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return head + data + std::string((512 - data.size() % 512) % 512, '\0');
}
std::string file(const std::string& name, const std::string& data, unsigned mode = 0644) {
  return entry(name, '0', data, "", mode);
}
std::string end() {
  return std::string(1024, '\0');
}

std::string gzip(const std::string& data) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class UnpackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/croft-unpack-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& data) {
    std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << data;
    return path;
  }
  std::string read(const std::string& name) {
    std::ifstream in(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Result<Unpacked> unpack(const std::string& data, UnpackLimits limits = {}) {
    fs::remove_all(folder_ + "/out");
    return unpack_image(write("in.tar", data), folder_ + "/out", limits);
  }
  std::string refusal(const std::string& data, UnpackLimits limits = {}) {
    auto done = unpack(data, limits);
    EXPECT_FALSE(fs::exists(folder_ + "/out")) << "half of an image is left";
    return done ? "unpacked" : done.error().what;
  }
  std::string blob(const std::string& data) {
    std::string digest = sha256_hex(data);
    write("layout/blobs/sha256/" + digest, data);
    return digest;
  }
  std::string folder_;
};

TEST_F(UnpackTest, FilesFoldersAndLinks) {
  std::string tar = entry("./", '5', "", "", 0755) + entry("bin/", '5', "", "", 0755) +
                    file("./bin/sh", "#!", 0755) + entry("lib", '2', "", "usr/lib") +
                    entry("bin/again", '1', "", "bin/sh") + file("a/b/c", "deep") +
                    entry("tmp/", '5', "", "", 01777) + entry("dev/null", '3') + end();
  for (const std::string& data :
       {tar, gzip(tar), gzip(tar.substr(0, 700)) + gzip(tar.substr(700))}) {
    auto done = unpack(data);
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_EQ(read("out/bin/sh"), "#!");
    EXPECT_EQ(read("out/bin/again"), "#!");
    EXPECT_EQ(read("out/a/b/c"), "deep");
    EXPECT_EQ(fs::read_symlink(folder_ + "/out/lib"), "usr/lib");
    struct stat info{};
    ASSERT_EQ(stat((folder_ + "/out/bin/sh").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0755u);
    EXPECT_EQ(info.st_nlink, 2u);
    EXPECT_EQ(info.st_mtime, 1'207'562'400);
    ASSERT_EQ(stat((folder_ + "/out/tmp").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 01777u);
    EXPECT_EQ(done->devices, 1u);
    EXPECT_FALSE(fs::exists(folder_ + "/out/dev/null"));
  }
}

TEST_F(UnpackTest, NothingLeadsOutside) {
  std::string victim = write("victim/file", "the host's");
  EXPECT_THAT(refusal(file("../victim/file", "x") + end()), ::testing::HasSubstr("outside"));
  EXPECT_THAT(refusal(file("a/../../victim/file", "x") + end()), ::testing::HasSubstr("outside"));
  EXPECT_THAT(refusal(entry("h", '1', "", "../victim/file") + end()),
              ::testing::HasSubstr("outside"));
  // An absolute name is one inside; a link to the outside is not followed, but replaced.
  std::string to = folder_ + "/victim";
  auto done = unpack(file(victim, "x") + entry("etc", '2', "", to) + file("etc/file", "mine") +
                     entry("etc/", '5', "", "", 0700) + end());
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(read("victim/file"), "the host's");
  EXPECT_EQ(read("out/etc/file"), "mine");
  EXPECT_EQ(read("out" + victim), "x");
  // A file in place of a link to a file, and a hard link through a link.
  done = unpack(entry("f", '2', "", victim) + file("f", "mine") + end());
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(read("victim/file"), "the host's");
  EXPECT_EQ(read("out/f"), "mine");
  EXPECT_THAT(refusal(entry("d", '2', "", to) + entry("h", '1', "", "d/file") + end()),
              ::testing::HasSubstr("link h"));
  struct stat info{};
  ASSERT_EQ(stat(victim.c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 1u);
}

TEST_F(UnpackTest, RightsOfOthersAreNotGiven) {
  auto done = unpack(file("su", "x", 06755) + end());
  ASSERT_TRUE(done);
  struct stat info{};
  ASSERT_EQ(stat((folder_ + "/out/su").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
}

TEST_F(UnpackTest, LongNamesOfBothKinds) {
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += fmt::format("folder-{:02}/", i);
  std::string line = fmt::format("path={}pax\n", deep);
  line = fmt::format("{} {}", line.size() + 4, line);
  std::string tar = entry("././@LongLink", 'L', deep + "gnu" + std::string(1, '\0')) +
                    file("short", "g") + entry("PaxHeaders/x", 'x', line) + file("short", "p") +
                    end();
  auto done = unpack(tar);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(read("out/" + deep + "gnu"), "g");
  EXPECT_EQ(read("out/" + deep + "pax"), "p");
}

TEST_F(UnpackTest, DamagedAndTooLargeArchivesLeaveNothing) {
  std::string tar = file("a", std::string(2000, 'a')) + end();
  EXPECT_THAT(refusal(tar.substr(0, 1000)), ::testing::HasSubstr("damaged"));
  std::string wrong = tar;
  wrong[3] = 'x';
  EXPECT_THAT(refusal(wrong), ::testing::HasSubstr("damaged"));
  EXPECT_THAT(refusal("no tar at all" + std::string(600, 'x')), ::testing::HasSubstr("damaged"));
  EXPECT_THAT(refusal(gzip(tar).substr(0, 40)), ::testing::HasSubstr("damaged"));
  EXPECT_THAT(refusal("\x28\xb5\x2f\xfd" + std::string(600, 'x')),
              ::testing::HasSubstr("compressed"));
  EXPECT_THAT(refusal(tar, {Bytes(1000), 10}), ::testing::HasSubstr("larger"));
  EXPECT_THAT(refusal(file("a", "") + file("b", "") + file("c", "") + end(), {Bytes(1000), 2}),
              ::testing::HasSubstr("entries"));
  EXPECT_THAT(refusal(end()), ::testing::HasSubstr("empty"));
}

TEST_F(UnpackTest, LayersOfAnOciLayoutLieOverEachOther) {
  std::string low = blob(file("etc/keep", "1") + file("etc/gone", "1") + file("opq/old", "1") +
                         file("etc/same", "1") + end());
  std::string high = blob(gzip(entry("etc/.wh.gone", '0') + file("opq/new", "2") +
                               entry("opq/.wh..wh..opq", '0') + file("etc/same", "2") + end()));
  std::string manifest = blob(fmt::format(
      R"({{"schemaVersion": 2, "layers": [{{"digest": "sha256:{}"}}, {{"digest": "sha256:{}"}}]}})",
      low, high));
  std::string other = blob("{}");
  write("layout/index.json", fmt::format(R"({{"manifests": [
          {{"digest": "sha256:{}", "platform": {{"os": "linux", "architecture": "arm64"}}}},
          {{"digest": "sha256:{}", "platform": {{"os": "linux", "architecture": "amd64"}}}}]}})",
                                         other, manifest));
  write("layout/oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
  auto look = [&](const std::string& source) {
    fs::remove_all(folder_ + "/out");
    auto done = unpack_image(source, folder_ + "/out");
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_EQ(done->layers, 2u);
    EXPECT_EQ(read("out/etc/keep"), "1");
    EXPECT_EQ(read("out/etc/same"), "2");
    EXPECT_EQ(read("out/opq/new"), "2");
    EXPECT_FALSE(fs::exists(folder_ + "/out/etc/gone"));
    EXPECT_FALSE(fs::exists(folder_ + "/out/opq/old"));
    EXPECT_FALSE(fs::exists(folder_ + "/out/etc/.wh.gone"));
  };
  look(folder_ + "/layout");
  std::string tar;
  for (const auto& item : fs::recursive_directory_iterator(folder_ + "/layout"))
    if (item.is_regular_file()) {
      std::string name = fs::relative(item.path(), folder_ + "/layout").string();
      tar += file(name, read("layout/" + name));
    }
  look(write("layout.tar", tar + end()));
  EXPECT_FALSE(fs::exists(folder_ + "/out.layout"));
  write("layout/blobs/sha256/" + low, "something else");
  auto damaged = unpack_image(folder_ + "/layout", folder_ + "/out2");
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().what, ::testing::HasSubstr("SHA-256"));
}

}  // namespace
}  // namespace croft::image
