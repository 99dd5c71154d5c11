#include "sandbox/user_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/text.h"
#include "sandbox/yaml_subset.h"

namespace croft::sandbox {
namespace {

/// "script name|text", "file path|mode|owner|append|content", "say text".
std::vector<std::string> read(std::string_view user_data) {
  std::vector<std::string> out;
  for (const auto& [key, value] : boot_entries(user_data)) {
    std::string shown = value;
    std::replace(shown.begin(), shown.end(), '\0', '|');
    out.push_back(key + " " + shown);
  }
  return out;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(UserData, ScriptsRunAsTheyAre) {
  EXPECT_THAT(read(""), IsEmpty());
  EXPECT_THAT(read("#!/bin/sh\necho 1\n"), ElementsAre("script part-001|#!/bin/sh\necho 1\n"));
  EXPECT_THAT(read(gzip("#!/bin/sh\necho 1\n")),
              ElementsAre("script part-001|#!/bin/sh\necho 1\n"));
}

TEST(UserData, OtherThingsAreSaid) {
  EXPECT_THAT(
      read("key=value"),
      ElementsAre("say user data of an unknown kind is not run; it begins with 'key=value'"));
  EXPECT_THAT(read("\x1f\x8b no gzip"), ElementsAre("say user data is no whole gzip stream"));
  EXPECT_THAT(read(gzip(std::string(1 << 20, 'a'))),
              ElementsAre("say user data is above 128 KiB when unpacked"));
}

TEST(UserData, CloudConfig) {
  auto seen = read(R"(#cloud-config
write_files:
  - path: /etc/app.conf
    permissions: '0640'
    owner: root:daemon
    content: |
      a: 1

      b: 2
  - {path: /etc/b64, encoding: b64, content: aGVsbG8=, append: true}
runcmd:
 - echo "a # b"   # a comment
 - [ ls, -l, "it's" ]
users:
  - default
  - name: deploy
    groups: [adm, www]
    ssh_authorized_keys:
      - ssh-ed25519 AAAA deploy
packages: [nginx]
)");
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen[0], "say #cloud-config: 'packages' is not known here and has no effect");
  EXPECT_EQ(seen[1], "file /etc/app.conf|0640|root:daemon||a: 1\n\nb: 2\n");
  EXPECT_EQ(seen[2], "file /etc/b64|0644||a|hello");
  EXPECT_THAT(seen[3], HasSubstr("useradd -m -s '/bin/bash' 'deploy'"));
  EXPECT_THAT(seen[3],
              HasSubstr("echo 'ssh-ed25519 AAAA deploy' >> /home/'deploy'/.ssh/authorized_keys"));
  EXPECT_EQ(seen[4], "script runcmd|#!/bin/sh\necho \"a # b\"\n'ls' '-l' 'it'\\''s'\n");
}

TEST(UserData, MimeParts) {
  std::string text =
      "Content-Type: multipart/mixed;\n boundary=\"==B==\"\nMIME-Version: 1.0\n\n"
      "--==B==\nContent-Type: text/x-shellscript\nContent-Disposition: attachment; "
      "filename=\"../first.sh\"\n\n#!/bin/sh\necho 1\n"
      "--==B==\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n" +
      base64("#cloud-config\nruncmd: [ls]\n") + "\n--==B==--\n";
  EXPECT_THAT(read(text),
              ElementsAre("script part-001|#!/bin/sh\necho 1\n", "script runcmd|#!/bin/sh\nls\n"));
  EXPECT_THAT(read(gzip(text)),
              ElementsAre("script part-001|#!/bin/sh\necho 1\n", "script runcmd|#!/bin/sh\nls\n"));
  EXPECT_THAT(read("Content-Type: multipart/mixed; boundary=x\n\n--x\n\n#!/bin/sh\n"),
              ElementsAre("say a MIME message ends without its closing boundary"));
}

TEST(Yaml, ScalarsAndNesting) {
  auto value = parse_yaml(
      "a: 'it''s'\nb: \"x\\ty\"\nc:\n- 1\n- - 2\n  - 3\nd: >-\n  one\n  two\n\n  three\ne: plain\n "
      " goes on\nf: {g: [h, 'i, j'], k: ~}\n");
  ASSERT_TRUE(value) << value.error().render();
  EXPECT_EQ(value->text_of("a"), "it's");
  EXPECT_EQ(value->text_of("b"), "x\ty");
  ASSERT_EQ(value->find("c")->list.size(), 2u);
  EXPECT_EQ(value->find("c")->list[1].list[1].text, "3");
  EXPECT_EQ(value->text_of("d"), "one two\n\nthree");
  EXPECT_EQ(value->text_of("e"), "plain goes on");
  EXPECT_EQ(value->find("f")->find("g")->list[1].text, "i, j");
}

TEST(Yaml, ErrorsNameTheLine) {
  auto value = parse_yaml("a:\n  b: [1, 2\n");
  ASSERT_FALSE(value);
  value = parse_yaml("a:\n  - 'open\n");
  ASSERT_FALSE(value);
  EXPECT_THAT(value.error().line(), HasSubstr("a quote is not closed"));
  // Each of these once went on for ever or stood for something else.
  for (const char* wrong : {"a: [}]\n", "[\n}\n]\n", "{a: 1, ]\n", "{a: [1}\n", "[1}]\n"}) {
    value = parse_yaml(wrong);
    ASSERT_FALSE(value) << wrong;
    EXPECT_THAT(value.error().line(), HasSubstr("bracket")) << wrong;
  }
}

TEST(Yaml, LongCollectionsAreReadInOnePass) {
  std::string lines = "a: [\n";
  for (int i = 0; i < 15000; ++i) lines += "'x''',\n";
  auto value = parse_yaml(lines + "]\n");
  ASSERT_TRUE(value) << value.error().render();
  EXPECT_EQ(value->find("a")->list.size(), 15000u);
  value = parse_yaml("'" + std::string(15000, '\'') + "'\n");
  ASSERT_TRUE(value) << value.error().render();
  EXPECT_EQ(value->text, std::string(7500, '\''));
}

}  // namespace
}  // namespace croft::sandbox
