// Verifier and chunk decoder on any input: no crash, no acceptance of a signature nobody made.
#include "wire/aws_chunked.h"
#include "wire/http1.h"
#include "wire/sigv4.h"

namespace {
using namespace croft;
using namespace croft::wire;

void chunks(std::string_view input) {
  sigv4::Scope scope{"20130524", "r", "s3"};
  for (auto kind :
       {sigv4::streaming, sigv4::streaming_trailer, sigv4::streaming_unsigned_trailer}) {
    sigv4::ChunkSigner signer(sigv4::derive_key(Secret("s"), scope), "20130524T000000Z", scope,
                              std::string(64, 'a'));
    AwsChunkedDecoder whole(kind, signer, {});
    AwsChunkedDecoder single(kind, signer, {});
    std::string one, many;
    bool good = whole.feed(input, one).has_value();
    bool same = true;
    for (char c : input) same = same && single.feed({&c, 1}, many).has_value();
    CHECK(good == same && whole.done() == single.done(),
          "the cut of the input changes the outcome");
    CHECK(!good || one == many, "the cut of the input changes the data");
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string input(reinterpret_cast<const char*>(data), size);
  chunks(input);
  RequestParser parser;
  auto head = parser.head(input);
  if (!head || *head == 0) return 0;
  auto auth = sigv4::parse_authorization(parser.request());
  if (!auth) return 0;
  auto expected = sigv4::expected_signature(*auth, parser.request(), "", Secret("nobody has this"));
  CHECK(!expected || *expected != auth->signature, "a signature that nobody made was accepted");
  sigv4::unsigned_headers(*auth, parser.request());
  return 0;
}
