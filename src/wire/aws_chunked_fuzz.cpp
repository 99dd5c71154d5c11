// The chunk decoder on any body, signed or not: no crash, and how the body is cut into pieces
// changes nothing.
#include "wire/aws_chunked.h"

using namespace croft;
using namespace croft::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  sigv4::Scope scope{"20130524", "r", "s3"};
  static const Secret key = sigv4::derive_key(Secret("s"), scope);
  for (auto kind :
       {sigv4::streaming, sigv4::streaming_trailer, sigv4::streaming_unsigned_trailer}) {
    sigv4::ChunkSigner signer(key, "20130524T000000Z", scope, std::string(64, 'a'));
    AwsChunkedDecoder whole(kind, signer, {});
    AwsChunkedDecoder single(kind, signer, {});
    std::string one, many;
    bool good = whole.feed(input, one).has_value();
    bool same = true;
    for (char c : input) same = same && single.feed({&c, 1}, many).has_value();
    CHECK(good == same && whole.done() == single.done(),
          "the cut of the input changes the outcome");
    CHECK(!good || one == many, "the cut of the input changes the data");
    CHECK(!whole.done() || whole.payload_bytes() == one.size(), "the payload is miscounted");
  }
  return 0;
}
