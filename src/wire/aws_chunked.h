// The body coding "aws-chunked": S3 uploads in signed or unsigned chunks with trailers, inside the
// HTTP body. Decoder for the server, encoder for the client. Pure. Limits: chunk lines 1 KiB,
// trailers 16 KiB.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "wire/http.h"
#include "wire/sigv4.h"

namespace croft::wire {

/// Is this X-Amz-Content-Sha256 one of the STREAMING-... kinds that the decoder knows?
bool is_aws_chunked(std::string_view payload_hash);

/// Feed it the HTTP body piece by piece. With a signer every chunk's signature is checked when the
/// chunk ends, so data must not be published before done().
class AwsChunkedDecoder {
 public:
  /// `kind`: the X-Amz-Content-Sha256 value. `signer` for the signed kinds.
  /// `decoded_length`: X-Amz-Decoded-Content-Length; more or less data is Code::syntax.
  AwsChunkedDecoder(std::string_view kind, std::optional<sigv4::ChunkSigner> signer,
                    std::optional<uint64_t> decoded_length);

  /// Appends the payload found in `in` to `out`. Errors: Code::syntax, Code::permission_denied
  /// (fact "reason" = "signature").
  Result<> feed(std::string_view in, std::string& out);
  /// At the end of the HTTP body: Code::syntax when chunks or trailers are missing.
  Result<> finish() const;
  bool done() const { return state_ == State::done; }
  /// Names in lower case, in the order sent, without x-amz-trailer-signature.
  const Headers& trailers() const { return trailers_; }
  uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  enum class State { size_line, data, data_end, trailers, done };
  Result<bool> take_line(std::string_view& in);
  Result<> size_line();
  Result<> chunk_ended();
  Result<> trailer_line();
  Result<> body_ended();

  bool signed_ = false;
  bool with_trailer_ = false;
  State state_ = State::size_line;
  std::optional<sigv4::ChunkSigner> signer_;
  std::optional<uint64_t> decoded_length_;
  uint64_t payload_bytes_ = 0;
  uint64_t left_ = 0;
  size_t trailer_bytes_ = 0;
  bool last_ = false;
  std::string line_;
  std::string signature_;
  std::string trailer_signature_;
  std::optional<Hasher> hasher_;
  Headers trailers_;
};

/// One chunk on the wire; `signer` null: the unsigned kind. An empty `data` is the last chunk,
/// without the empty line that ends the body (aws_chunked_end).
std::string aws_chunk(std::string_view data, sigv4::ChunkSigner* signer);
/// Trailers (names in lower case) and the end of the body.
std::string aws_chunked_end(const Headers& trailers, sigv4::ChunkSigner* signer);

}  // namespace croft::wire
