// The verifiers on any head: no crash, no acceptance of a signature nobody made.
#include "wire/http1.h"
#include "wire/sigv2.h"
#include "wire/sigv4.h"

using namespace croft;
using namespace croft::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string input(reinterpret_cast<const char*>(data), size);
  RequestParser parser;
  auto head = parser.head(input);
  if (!head || *head == 0) return 0;
  std::string_view body = std::string_view(input).substr(*head);
  if (sigv2::present(parser.request(), body)) {
    for (auto old :
         {sigv2::read_s3(parser.request(), "bucket"), sigv2::read_query(parser.request(), body)})
      CHECK(!old || !sigv2::matches(*old, Secret("nobody has this")),
            "a signature that nobody made was accepted");
  }
  auto auth = sigv4::parse_authorization(parser.request());
  if (!auth) return 0;
  auto expected = sigv4::expected_signature(*auth, parser.request(), "", Secret("nobody has this"));
  CHECK(!expected || *expected != auth->signature, "a signature that nobody made was accepted");
  sigv4::unsigned_headers(*auth, parser.request());
  return 0;
}
