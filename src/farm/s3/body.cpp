#include "farm/s3/body.h"

#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

namespace sigv4 = wire::sigv4;

Error invalid_request(std::string text) {
  return aws_error("InvalidRequest", 400, std::move(text));
}

Error malformed_trailer() {
  return aws_error("MalformedTrailerError", 400,
                   "The request contained trailing data that was not well-formed or did not "
                   "conform to our published schema.");
}

/// What went wrong while reading, as the client should hear it.
Error read_error(Error error) {
  if (!error.fact("aws_code").empty()) return error;
  if (error.fact("reason") == "signature")
    return aws_error(
        "SignatureDoesNotMatch", 403,
        "The chunk signature we calculated does not match the signature you provided.");
  if (error.code == Code::syntax)
    return aws_error("IncompleteBody", 400, "The request body is malformed: " + error.what);
  if (error.code == Code::unavailable)
    return aws_error(
        "IncompleteBody", 400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header");
  return error;
}

/// A checksum that is not checked would only seem to protect.
Result<> refuse_other_checksums(const wire::Headers& headers) {
  constexpr std::string_view prefix = "x-amz-checksum-";
  constexpr std::array others{"sha512", "md5", "xxhash64", "xxhash3", "xxhash128"};
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = to_lower(name);
    if (!lower.starts_with(prefix) || checksum_from_header(lower)) continue;
    std::string_view kind = std::string_view(lower).substr(prefix.size());
    if (kind == "type" || kind == "algorithm" || kind == "mode") continue;
    if (std::ranges::find(others, kind) != others.end()) return fail(not_implemented_header(lower));
    return fail(invalid_request(fmt::format(
        "The algorithm type you specified in {} header is invalid.", printable(lower))));
  }
  return {};
}

}  // namespace

Result<Body> Body::open(S3Request& request, Bytes limit, bool about_object) {
  Body body(request);
  TRY(body.read_length(limit));
  TRY(refuse_other_checksums(request.head().headers));
  if (!about_object) TRY(body.read_digests());
  const std::string& kind = request.authorization.payload_hash;
  if (wire::is_aws_chunked(kind)) {
    if (kind != sigv4::streaming_unsigned_trailer && !request.chunks)
      return fail(aws_error("AccessDenied", 403, "Access Denied"));  // the key has just gone
    body.decoder_.emplace(kind, request.chunks, body.length_);
  } else if (kind != sigv4::unsigned_payload) {
    body.sha256_ = kind;
  }
  return body;
}

Result<Body> Body::open_form(S3Request& request, Bytes limit, std::string_view boundary) {
  Body body(request);
  TRY(body.read_length(limit));
  body.form_.emplace(boundary);
  return body;
}

/// Up to the file: what browsers and scripts send before it.
aio::Task<Result<>> Body::read_fields() {
  Result<> done;
  raw_.resize(16 << 10);
  while (done && !form_->file_started()) {
    auto got = co_await request_->exchange.read_body(std::span<char>(raw_.data(), raw_.size()));
    if (!got)
      done = fail(std::move(got).error());
    else if (*got == 0)
      done = fail(Code::syntax, "the form ends before its file");
    else
      done = form_->feed(std::string_view(raw_.data(), *got), pending_);
  }
  if (done) co_return done;
  if (done.error().code == Code::syntax)
    co_return fail(aws_error("MalformedPOSTRequest", 400,
                             "The body of your POST request is not well-formed "
                             "multipart/form-data: " +
                                 done.error().what));
  co_return fail(read_error(std::move(done).error()));
}

aio::Task<Result<>> Body::read_form(std::string& into, size_t want) {
  size_t before = into.size();
  into += std::exchange(pending_, {});
  raw_.resize(std::clamp<size_t>(want, 4096, 64 << 10));
  while (into.size() - before < want && !form_->file_ended()) {
    size_t got =
        CO_TRY(co_await request_->exchange.read_body(std::span<char>(raw_.data(), raw_.size())));
    if (got == 0) co_return fail(Code::unavailable, "the form ends within its file");
    CO_TRY(form_->feed(std::string_view(raw_.data(), got), into));
  }
  // What stands behind the file is read, so that the connection can go on, and not looked at.
  while (form_->file_ended() && into.size() == before) {
    auto got = co_await request_->exchange.read_body(std::span<char>(raw_.data(), raw_.size()));
    if (!got || *got == 0) break;
  }
  co_return Result<>{};
}

Result<> Body::read_length(Bytes limit) {
  bool coded = wire::is_aws_chunked(request_->authorization.payload_hash);
  std::optional<uint64_t> length;
  if (coded) {
    auto text = request_->head().headers.get("x-amz-decoded-content-length");
    if (!text)
      return fail(aws_error("MissingContentLength", 411,
                            "You must provide the Content-Length HTTP header."));
    length = parse_u64(*text);
    if (!length)
      return fail(aws_error("InvalidArgument", 400,
                            "x-amz-decoded-content-length must be a number of bytes"));
  } else {
    length = request_->exchange.content_length();
    if (!length && !request_->head().headers.has("Transfer-Encoding")) length = 0;
    if (!length)
      return fail(aws_error("MissingContentLength", 411,
                            "You must provide the Content-Length HTTP header."));
  }
  if (*length > static_cast<uint64_t>(limit.count()))
    return fail(
        aws_error("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
            .fact("xml:ProposedSize", std::to_string(*length))
            .fact("xml:MaxSizeAllowed", std::to_string(limit.count())));
  length_ = *length;
  return {};
}

Result<> Body::declare(Checksum kind) {
  if (checksum_ && *checksum_ != kind)
    return fail(invalid_request(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."));
  checksum_ = kind;
  return {};
}

Result<> Body::read_digests() {
  const wire::Headers& headers = request_->head().headers;
  if (auto md5 = headers.get("Content-MD5")) {
    auto raw = unbase64(*md5);
    if (!raw || raw->size() != 16)
      return fail(aws_error("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
                      .fact("xml:Content-MD5", printable(*md5)));
    content_md5_ = std::move(*raw);
  }
  for (Checksum kind : checksums) {
    auto value = headers.get(header_of(kind));
    if (!value) continue;
    TRY(declare(kind));
    auto raw = unbase64(*value);
    if (!raw || raw->size() != size_of(kind))
      return fail(invalid_request(fmt::format("Value for {} header is invalid.", header_of(kind))));
    checksum_value_ = std::move(*raw);
  }
  if (auto trailer = headers.get("x-amz-trailer")) {
    auto kind = checksum_from_header(trim(*trailer));
    if (!kind)
      return fail(
          invalid_request("The value specified in the x-amz-trailer header is not supported"));
    TRY(declare(*kind));
    in_trailer_ = true;
  }
  if (auto wanted = headers.get("x-amz-sdk-checksum-algorithm")) {
    if (!checksum_)
      return fail(invalid_request(
          "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
          "x-amz-trailer headers were found."));
    auto kind = checksum_from_name(trim(*wanted));
    if (!kind)
      return fail(invalid_request(
          "Checksum algorithm provided is unsupported. Please try again with any of the valid "
          "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"));
    TRY(declare(*kind));
  }
  return {};
}

aio::Task<Result<bool>> Body::read(std::string& into, size_t want) {
  size_t before = into.size();
  Result<> done;
  if (form_)
    done = co_await read_form(into, want);
  else
    done = decoder_ ? co_await read_coded(into, want) : co_await read_plain(into, want);
  if (!done) co_return fail(read_error(std::move(done).error()));
  size_t added = into.size() - before;
  seen_ += added;
  request_->bytes_in += added;
  if (added == 0 && seen_ != length_ && !form_)
    co_return fail(aws_error("IncompleteBody", 400,
                             "The request body is shorter or longer than it was said to be"));
  co_return added > 0;
}

aio::Task<Result<>> Body::read_plain(std::string& into, size_t want) {
  size_t at = into.size();
  size_t end = at + std::min<uint64_t>(want, length_ - seen_);
  into.resize(end);  // once: growing piece by piece would clear the same bytes again and again
  while (at < end) {
    auto got = co_await request_->exchange.read_body(std::span<char>(into.data() + at, end - at));
    if (!got || *got == 0) {
      into.resize(at);
      if (!got) co_return fail(std::move(got).error());
      co_return Result<>{};
    }
    at += *got;
  }
  co_return Result<>{};
}

aio::Task<Result<>> Body::read_coded(std::string& into, size_t want) {
  size_t before = into.size();
  raw_.resize(std::clamp<size_t>(want, 4096, 64 << 10));
  while (into.size() - before < want) {
    size_t got =
        CO_TRY(co_await request_->exchange.read_body(std::span<char>(raw_.data(), raw_.size())));
    if (got == 0) co_return decoder_->finish();
    CO_TRY(decoder_->feed(std::string_view(raw_.data(), got), into));
  }
  co_return Result<>{};
}

/// Nothing comes behind the payload but what x-amz-trailer told of.
Result<> Body::check_trailers() const {
  if (!decoder_) return {};
  std::string announced = to_lower(trim(request_->header("x-amz-trailer")));
  for (const auto& [name, value] : decoder_->trailers().fields())
    if (name != announced) return fail(malformed_trailer());
  return {};
}

Result<> Body::check_transport(const Digests& digests) {
  TRY(check_trailers());
  if (!sha256_.empty() && hex(digests.sha256) != sha256_)
    return fail(
        aws_error("XAmzContentSHA256Mismatch", 400,
                  "The provided 'x-amz-content-sha256' header does not match what was computed.")
            .fact("xml:ClientComputedContentSHA256", sha256_)
            .fact("xml:S3ComputedContentSHA256", hex(digests.sha256)));
  if (!content_md5_.empty() && content_md5_ != digests.md5)
    return fail(
        aws_error("BadDigest", 400, "The Content-MD5 you specified did not match what we received.")
            .fact("xml:ExpectedDigest", base64(content_md5_))
            .fact("xml:CalculatedDigest", base64(digests.md5)));
  return {};
}

Result<std::optional<StoredChecksum>> Body::check(const Digests& digests) {
  TRY(check_transport(digests));
  if (!checksum_) return std::nullopt;
  std::string expected = checksum_value_;
  if (in_trailer_) {
    std::string_view text =
        decoder_ ? decoder_->trailers().value(header_of(*checksum_)) : std::string_view{};
    auto raw = unbase64(trim(text));
    if (!raw || raw->size() != size_of(*checksum_)) return fail(malformed_trailer());
    expected = std::move(*raw);
  }
  if (!expected.empty() && expected != digests.checksum)
    return fail(aws_error("BadDigest", 400,
                          fmt::format("The {} you specified did not match the calculated checksum.",
                                      name_of(*checksum_))));
  return StoredChecksum{*checksum_, base64(digests.checksum)};
}

aio::Task<Result<std::string>> read_small_body(S3Request& request, Bytes limit, bool need_digest) {
  auto body = Body::open(request, limit);
  if (!body) {
    if (body.error().fact("aws_code") != "EntityTooLarge") co_return fail(std::move(body).error());
    co_return fail(aws_error("MaxMessageLengthExceeded", 400, "Your request was too big."));
  }
  bool has_digest = request.head().headers.has("Content-MD5") || body->checksum();
  if (need_digest && !has_digest)
    co_return fail(invalid_request(
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"));
  std::string text;
  while (CO_TRY(co_await body->read(text, 64 << 10))) {
  }
  Digests digests(body->wants_sha256(), body->checksum());
  digests.update(text);
  digests.finish();
  CO_TRY(body->check(digests));
  co_return text;
}

}  // namespace croft::farm::s3
