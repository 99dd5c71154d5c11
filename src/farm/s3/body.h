// A request body on its way in: takes the aws-chunked coding off, counts, and holds what came
// against what the client said about it (length, Content-MD5, x-amz-content-sha256,
// x-amz-checksum-*). Loop thread only; lives on the handler's frame.
#pragma once
#include <optional>
#include <string>

#include "farm/api/dispatch.h"
#include "farm/s3/checksum.h"
#include "farm/s3/post_form.h"
#include "farm/s3/record.h"
#include "wire/aws_chunked.h"

namespace croft::farm::s3 {

class Body {
 public:
  /// Reads the headers. Errors: MissingContentLength, InvalidDigest, InvalidRequest, EntityTooLarge
  /// (above `limit`).
  /// `about_object`: the checksum headers speak of something else than this body.
  static Result<Body> open(S3Request& request, Bytes limit, bool about_object = false);

  /// A browser's form: read_fields(), then read() gives the file. `limit` is the whole body's.
  static Result<Body> open_form(S3Request& request, Bytes limit, std::string_view boundary);
  aio::Task<Result<>> read_fields();
  const FormDecoder& form() const { return *form_; }
  /// What the headers of the request say of the payload; again, once a form has replaced them.
  Result<> read_digests();

  /// Appends up to about `want` bytes of payload; false at the end. Errors: IncompleteBody,
  /// SignatureDoesNotMatch (a chunk's), RequestTimeout.
  aio::Task<Result<bool>> read(std::string& into, size_t want);

  uint64_t length() const { return length_; }  ///< of the payload, as declared
  bool wants_sha256() const { return !sha256_.empty(); }
  std::optional<Checksum> checksum() const { return checksum_; }
  /// Where the client names none, this one is computed and kept.
  void want(std::optional<Checksum> kind) {
    if (!checksum_) checksum_ = kind;
  }

  /// After the end: do the digests agree? BadDigest, XAmzContentSHA256Mismatch, InvalidRequest. The
  /// checksum to keep, if the client sent one.
  Result<std::optional<StoredChecksum>> check(const Digests& digests);
  /// Of these x-amz-content-sha256 and Content-MD5 alone.
  Result<> check_transport(const Digests& digests);

 private:
  explicit Body(S3Request& request) : request_(&request) {}
  Result<> read_length(Bytes limit);
  Result<> declare(Checksum kind);
  Result<> check_trailers() const;
  aio::Task<Result<>> read_plain(std::string& into, size_t want);
  aio::Task<Result<>> read_coded(std::string& into, size_t want);
  aio::Task<Result<>> read_form(std::string& into, size_t want);

  S3Request* request_;
  uint64_t length_ = 0;
  uint64_t seen_ = 0;
  std::optional<wire::AwsChunkedDecoder> decoder_;
  std::optional<FormDecoder> form_;
  std::string pending_;      ///< of a form's file, read along with the fields
  std::string raw_;          ///< of the coded body
  std::string content_md5_;  ///< raw; empty: not given
  std::string sha256_;       ///< hex; empty: not given
  std::optional<Checksum> checksum_;
  std::string checksum_value_;  ///< raw; empty: comes as a trailer or is only computed
  bool in_trailer_ = false;
};

/// A small body as a whole, checked: the XML of configuration calls. MalformedXML above `limit`.
/// `need_digest`: Content-MD5 or a checksum must be there (DeleteObjects).
aio::Task<Result<std::string>> read_small_body(S3Request& request, Bytes limit,
                                               bool need_digest = false);

}  // namespace croft::farm::s3
