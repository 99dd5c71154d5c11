#include "wire/aws_chunked.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/secret.h"
#include "base/text.h"
#include "wire/http1.h"

namespace croft::wire {
namespace {

constexpr size_t max_size_line = 1024;
constexpr size_t max_trailer_bytes = 16 << 10;
constexpr std::string_view trailer_signature_name = "x-amz-trailer-signature";
constexpr std::string_view signature_mark = "chunk-signature=";

std::unexpected<Error> bad(std::string what) {
  return fail(Code::syntax, "aws-chunked: " + std::move(what));
}

std::unexpected<Error> bad_signature(std::string what) {
  return fail(Error(Code::permission_denied, "aws-chunked: " + std::move(what))
                  .fact("reason", "signature"));
}

std::string canonical_trailers(const Headers& trailers) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : trailers.fields())
    lines.push_back(fmt::format("{}:{}\n", name, trim(value)));
  std::ranges::sort(lines);
  return join(lines, "");
}

}  // namespace

bool is_aws_chunked(std::string_view payload_hash) {
  return payload_hash == sigv4::streaming || payload_hash == sigv4::streaming_trailer ||
         payload_hash == sigv4::streaming_unsigned_trailer;
}

AwsChunkedDecoder::AwsChunkedDecoder(std::string_view kind,
                                     std::optional<sigv4::ChunkSigner> signer,
                                     std::optional<uint64_t> decoded_length)
    : signed_(kind != sigv4::streaming_unsigned_trailer),
      with_trailer_(kind != sigv4::streaming),
      signer_(std::move(signer)),
      decoded_length_(decoded_length) {
  CHECK(is_aws_chunked(kind),
        "AwsChunkedDecoder is for the STREAMING-... kinds that is_aws_chunked() knows");
  CHECK(!signed_ || signer_, "signed chunks need a ChunkSigner");
}

/// Moves bytes up to the next CRLF into line_; true when the line is whole (and without its CRLF).
Result<bool> AwsChunkedDecoder::take_line(std::string_view& in) {
  size_t end = in.find('\n');
  size_t take = end == std::string_view::npos ? in.size() : end + 1;
  if (line_.size() + take > (state_ == State::trailers ? max_trailer_bytes : max_size_line))
    return bad("a line is too long");
  line_.append(in.substr(0, take));
  in.remove_prefix(take);
  if (end == std::string_view::npos) return false;
  // AWS's own description ends trailer lines with LF alone; sizes and data ends must be exact.
  bool with_cr = line_.ends_with("\r\n");
  if (!with_cr && state_ != State::trailers) return bad("a line must end with CR LF");
  line_.resize(line_.size() - (with_cr ? 2 : 1));
  return true;
}

Result<> AwsChunkedDecoder::feed(std::string_view in, std::string& out) {
  while (!in.empty()) {
    switch (state_) {
      case State::size_line:
        if (TRY(take_line(in))) TRY(size_line());
        break;
      case State::data: {
        std::string_view piece =
            in.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, in.size())));
        if (hasher_) hasher_->update(piece);
        out += piece;
        in.remove_prefix(piece.size());
        left_ -= piece.size();
        if (left_ == 0) state_ = State::data_end;
        break;
      }
      case State::data_end:
        if (!TRY(take_line(in))) break;
        if (!line_.empty()) return bad("a chunk is longer than it says");
        TRY(chunk_ended());
        state_ = State::size_line;
        break;
      case State::trailers:
        if (TRY(take_line(in))) TRY(trailer_line());
        break;
      case State::done:
        return bad("data after the end");
    }
  }
  return {};
}

Result<> AwsChunkedDecoder::size_line() {
  std::string line = std::exchange(line_, {});
  size_t semicolon = std::min(line.find(';'), line.size());
  auto [end, error] = std::from_chars(line.data(), line.data() + semicolon, left_, 16);
  if (error != std::errc() || end != line.data() + semicolon)
    return bad("'" + printable(line.substr(0, 40)) + "' is not a chunk size");
  signature_.clear();
  if (signed_) {
    std::string_view extension =
        std::string_view(line).substr(std::min(semicolon + 1, line.size()));
    if (!extension.starts_with(signature_mark)) return bad("a chunk lacks its chunk-signature");
    signature_ = std::string(extension.substr(signature_mark.size()));
    if (signature_.size() != 64) return bad("a chunk-signature must have 64 hex digits");
    hasher_.emplace(Hash::sha256);
  } else if (semicolon < line.size()) {
    return bad("an unsigned chunk must not have extensions");
  }
  if (decoded_length_ && left_ > *decoded_length_ - payload_bytes_)
    return bad(
        fmt::format("more data than x-amz-decoded-content-length says ({})", *decoded_length_));
  payload_bytes_ += left_;
  last_ = left_ == 0;
  if (!last_) {
    state_ = State::data;
    return {};
  }
  if (decoded_length_ && payload_bytes_ != *decoded_length_)
    return bad(fmt::format("{} bytes of data where x-amz-decoded-content-length says {}",
                           payload_bytes_, *decoded_length_));
  TRY(chunk_ended());
  state_ = State::trailers;
  return {};
}

Result<> AwsChunkedDecoder::chunk_ended() {
  if (!signed_) return {};
  std::string expected = signer_->chunk(hex(hasher_->finish()));
  hasher_.reset();
  if (!constant_time_equal(expected, signature_))
    return bad_signature("the signature of a chunk does not match");
  return {};
}

Result<> AwsChunkedDecoder::trailer_line() {
  std::string line = std::exchange(line_, {});
  if (line.empty()) {
    // With signed trailers some clients put an empty line before the trailers' signature; the end
    // is the empty line after it.
    bool waits =
        with_trailer_ && signed_ && trailer_signature_.empty() && !trailers_.fields().empty();
    return waits ? Result<>{} : body_ended();
  }
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > max_trailer_bytes) return bad("the trailers are too long");
  if (!with_trailer_) return bad("trailers where none were announced");
  auto field = cut(line, ':');
  if (!field || !is_token(field->first))
    return bad("'" + printable(line.substr(0, 60)) + "' is not a trailer");
  std::string name = to_lower(field->first);
  std::string value(trim(field->second));
  if (!trailer_signature_.empty() || trailers_.has(name)) return bad("a trailer too many: " + name);
  if (name == trailer_signature_name)
    trailer_signature_ = value;
  else
    trailers_.add(std::move(name), std::move(value));
  return {};
}

Result<> AwsChunkedDecoder::body_ended() {
  if (with_trailer_ && signed_) {
    std::string expected = signer_->trailer(canonical_trailers(trailers_));
    if (!constant_time_equal(expected, trailer_signature_))
      return bad_signature("the signature of the trailers does not match");
  }
  state_ = State::done;
  return {};
}

Result<> AwsChunkedDecoder::finish() const {
  if (state_ == State::done) return {};
  return bad("the body ends too early");
}

std::string aws_chunk(std::string_view data, sigv4::ChunkSigner* signer) {
  std::string out = fmt::format("{:x}", data.size());
  if (signer) out.append(";").append(signature_mark).append(signer->chunk(sha256_hex(data)));
  out += "\r\n";
  if (!data.empty()) out.append(data).append("\r\n");
  return out;
}

std::string aws_chunked_end(const Headers& trailers, sigv4::ChunkSigner* signer) {
  std::string out;
  for (const auto& [name, value] : trailers.fields())
    out.append(name).append(":").append(value).append("\r\n");
  if (signer && !trailers.fields().empty())
    out.append(trailer_signature_name)
        .append(":")
        .append(signer->trailer(canonical_trailers(trailers)))
        .append("\r\n");
  return out += "\r\n";
}

}  // namespace croft::wire
