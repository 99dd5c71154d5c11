// HTTP/1.1 messages to and from bytes: incremental parsers (Boost.Beast's, behind a pointer, with
// croft's own strict checks in front) and serialisers. For net/. Pure; one object a message; loop
// thread only. The caller owns the input buffer and shows it from the first byte not yet consumed.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/http.h"

namespace croft::wire {

struct Http1Limits {
  size_t header_bytes = 16 << 10;  ///< start line and headers; also chunk lines and trailers
  size_t header_count = 100;
  size_t target_bytes = 8 << 10;
};

/// What one call of body() made of the input.
struct BodyPiece {
  size_t consumed = 0;
  std::string_view
      data;  ///< inside the input; empty when more input is needed or the body is at its end
};

/// Errors of both parsers are Code::syntax with the fact "http_status" for the answer: 400, 413,
/// 414, 417, 431, 501, 505. After an error the connection is of no further use. Refused (RFC 9112,
/// and what smuggling is made of): duplicate or missing Host, obs-fold, bare CR or LF, control
/// characters, non-ASCII targets, Transfer-Encoding with Content-Length, anything in
/// Transfer-Encoding but "chunked" once, more than one Content-Length or a list of them.
class RequestParser {
 public:
  explicit RequestParser(Http1Limits limits = {});
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;
  ~RequestParser();

  /// Bytes consumed by the whole head, or 0 when more input is needed (show it again, longer).
  Result<size_t> head(std::string_view input);
  const RequestHead& request() const;  ///< after head()
  std::optional<uint64_t> content_length() const;
  bool chunked() const;
  bool expects_continue() const;
  bool has_body() const;  ///< a body of at least one byte, or chunked

  Result<BodyPiece> body(std::string_view input);
  bool done() const;  ///< the whole message
  const Headers& trailers() const;
  /// Ready for the next message of the connection.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ResponseParser {
 public:
  /// `to_head`: the answer to a HEAD request has no body whatever its headers say.
  explicit ResponseParser(bool to_head = false, Http1Limits limits = {.header_bytes = 64 << 10});
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;
  ~ResponseParser();

  Result<size_t> head(std::string_view input);
  const ResponseHead& response() const;
  bool interim() const;  ///< 1xx: reset() and go on with head()
  std::optional<uint64_t> content_length() const;
  bool keep_alive() const;  ///< after done(): the connection may be used again

  Result<BodyPiece> body(std::string_view input);
  /// The peer closed: fine for a body without length, else Code::unavailable "cut short".
  Result<> end_of_stream();
  bool done() const;
  const Headers& trailers() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Head as bytes, with the empty line. Code::invalid_argument for a header name or value, method or
/// target that could not be read back as written (line breaks in a value).
Result<std::string> serialize(const RequestHead& head);
Result<std::string> serialize(const ResponseHead& head);
/// "1f\r\n": before each piece of a chunked body, "\r\n" after it.
std::string chunk_head(size_t bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
inline constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// RFC 9110 tchar only, at least one.
bool is_token(std::string_view text);
/// No control characters but tab; no blanks at either end.
bool is_field_value(std::string_view text);

}  // namespace croft::wire
