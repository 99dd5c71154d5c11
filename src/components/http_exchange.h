// One HTTP exchange as a component's attributes ask for it: who signs, redirects, and what an
// answer must hold. Loop thread only.
#pragma once
#include <string>

#include "base/secret.h"
#include "engine/context.h"
#include "net/http_client.h"

namespace croft::components {

/// How requests are signed.
struct Signature {
  std::string way;  ///< "", "HTTP_BASIC", "HTTP_DIGEST"
  std::string user;
  Secret password;
};

/// Sends it, through the proxy that the component names; answers a digest challenge; follows up to
/// 10 redirects where `follow` (credentials stay with the host they are for).
aio::Task<Result<net::Response>> exchange(const engine::Context& context,
                                          net::ClientRequest request, Signature signature,
                                          bool follow);

/// Of the challenges of a 401 the first that wants a digest; where none does, the first.
std::string_view digest_challenge(const wire::Headers& headers);

/// The Authorization header that answers the challenge `www_authenticate` (RFC 7616, MD5 and
/// SHA-256, qop auth or none). Code::unsupported for another scheme. `nonce_of_ours`: fresh.
Result<std::string> digest_answer(std::string_view www_authenticate, const Signature& signature,
                                  std::string_view method, std::string_view target,
                                  std::string_view nonce_of_ours);

/// Whether responseRegexp is one, as far as it is known before it is needed.
Result<> check_expected(const engine::Context& context);
/// What responseRegexp and resultXPath of the component say about a body.
Result<> judge_body(engine::Context& context, std::string_view body);

}  // namespace croft::components
