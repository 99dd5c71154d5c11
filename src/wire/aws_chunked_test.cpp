#include "wire/aws_chunked.h"

#include <gtest/gtest.h>

namespace croft::wire {
namespace {

const sigv4::Scope scope{"20130524", "us-east-1", "s3"};
sigv4::ChunkSigner signer() {
  return {sigv4::derive_key(Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), scope),
          "20130524T000000Z", scope,
          "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
}

std::string body_of(std::string_view kind, const std::vector<std::string>& chunks,
                    const Headers& trailers) {
  auto running = signer();
  sigv4::ChunkSigner* used = kind == sigv4::streaming_unsigned_trailer ? nullptr : &running;
  std::string out;
  for (const std::string& chunk : chunks) out += aws_chunk(chunk, used);
  out += aws_chunk("", used);
  return out + aws_chunked_end(trailers, used);
}

Result<std::string> decode(std::string_view kind, std::string_view body, size_t step,
                           std::optional<uint64_t> length = {}, Headers* trailers = nullptr) {
  AwsChunkedDecoder decoder(kind, signer(), length);
  std::string out;
  for (size_t at = 0; at < body.size(); at += step) TRY(decoder.feed(body.substr(at, step), out));
  TRY(decoder.finish());
  if (trailers) *trailers = decoder.trailers();
  return out;
}

TEST(AwsChunked, all_kinds_at_all_cuts) {
  const std::vector<std::string> chunks{"hello ", std::string(300, 'x'), "\r\n0\r\n"};
  const std::string whole = "hello " + std::string(300, 'x') + "\r\n0\r\n";
  const Headers trailer{{"x-amz-checksum-crc32", "AAAAAA=="}};
  for (std::string_view kind :
       {sigv4::streaming, sigv4::streaming_trailer, sigv4::streaming_unsigned_trailer}) {
    bool with = kind != sigv4::streaming;
    std::string body = body_of(kind, chunks, with ? trailer : Headers{});
    for (size_t step : {1ul, 2ul, 7ul, 100ul, body.size()}) {
      Headers found;
      auto out = decode(kind, body, step, whole.size(), &found);
      ASSERT_TRUE(out) << kind << step << out.error().line();
      EXPECT_EQ(*out, whole);
      EXPECT_EQ(found.value("x-amz-checksum-crc32"), with ? "AAAAAA==" : "");
    }
    for (size_t cut = 0; cut < body.size(); ++cut)
      EXPECT_FALSE(decode(kind, body.substr(0, cut), 64)) << kind << cut;
  }
}

TEST(AwsChunked, aws_example_trailer) {
  // "Signature calculations for trailing headers": chunks of 65536 and 1024 'a', checksum wdBDMA==.
  sigv4::ChunkSigner running(
      sigv4::derive_key(Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), scope),
      "20130524T000000Z", scope,
      "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  EXPECT_NE(aws_chunk(std::string(65536, 'a'), &running)
                .find("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
            std::string::npos);
  EXPECT_NE(aws_chunk(std::string(1024, 'a'), &running)
                .find("1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
            std::string::npos);
  EXPECT_NE(aws_chunk("", &running)
                .find("2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
            std::string::npos);
  EXPECT_EQ(running.trailer("x-amz-checksum-crc32c:sOO8/Q==\n"),
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

TEST(AwsChunked, refuses_changes) {
  std::string body = body_of(sigv4::streaming, {"hello", "world"}, {});
  std::string changed = body;
  changed[changed.find("world")] = 'W';
  auto result = decode(sigv4::streaming, changed, 16);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fact("reason"), "signature");

  std::string trailed =
      body_of(sigv4::streaming_trailer, {"hello"}, {{"x-amz-checksum-crc32", "AAAAAA=="}});
  trailed.replace(trailed.find("AAAAAA"), 1, "B");
  EXPECT_EQ(decode(sigv4::streaming_trailer, trailed, 16).error().fact("reason"), "signature");
  std::string unsigned_trailer =
      trailed.substr(0, trailed.find("x-amz-trailer-signature")) + "\r\n";
  EXPECT_FALSE(decode(sigv4::streaming_trailer, unsigned_trailer, 16));
}

TEST(AwsChunked, refuses_malformed_bodies) {
  for (const char* body :
       {"x\r\n", "5\r\nhell\r\n0\r\n\r\n", "5\r\nhelloo\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
        "-5\r\n", "\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n", "0\r\n\r\nmore", "0\r\nno colon\r\n\r\n",
        "0\r\na:1\r\na:2\r\n\r\n", "ffffffffffffffffff\r\n", "0\r\n"}) {
    auto result = decode(sigv4::streaming_unsigned_trailer, body, 3);
    ASSERT_FALSE(result) << body;
    EXPECT_EQ(result.error().code, Code::syntax);
  }
  std::string body = body_of(sigv4::streaming_unsigned_trailer, {"hello"}, {});
  EXPECT_FALSE(decode(sigv4::streaming_unsigned_trailer, body, 64, 4));
  EXPECT_FALSE(decode(sigv4::streaming_unsigned_trailer, body, 64, 6));
  EXPECT_FALSE(decode(sigv4::streaming_unsigned_trailer, std::string(5000, '0'), 64));
}

}  // namespace
}  // namespace croft::wire
