#include "wire/http1.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"

namespace croft::wire {
namespace {

namespace bh = boost::beast::http;
using boost::beast::string_view;
using ErrorCode = boost::beast::error_code;

constexpr size_t max_method_bytes = 32;
constexpr size_t shortest_chunked_end = 5;

/// Letters, digits and some more, as a table: every header name of every message is held to one.
class CharacterSet {
 public:
  explicit constexpr CharacterSet(std::string_view more) {
    for (char c = '0'; c <= '9'; ++c) in_[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) in_[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) in_[static_cast<unsigned char>(c)] = true;
    for (char c : more) in_[static_cast<unsigned char>(c)] = true;
  }
  constexpr bool holds_all(std::string_view text) const {
    for (char c : text)
      if (!in_[static_cast<unsigned char>(c)]) return false;
    return true;
  }

 private:
  std::array<bool, 256> in_{};
};

std::string_view view(string_view text) {
  return {text.data(), text.size()};
}

Error bad(int status, std::string what) {
  return Error(Code::syntax, std::move(what)).fact("http_status", std::to_string(status));
}

/// Looks for the end of a head and refuses what Beast lets pass: lines not ended by CR LF,
/// obs-fold, control characters, non-ASCII start lines. Goes on where it stopped when shown more
/// input.
struct HeadScan {
  size_t at = 0;     // first byte not yet looked at
  size_t line = 0;   // start of the current line
  size_t lines = 0;  // whole lines so far

  static bool plain(char c) { return c >= 0x20 && c < 0x7f; }

  /// The size of the head with its empty line; 0 when it is not whole.
  Result<size_t> run(std::string_view input, const Http1Limits& limits) {
    size_t end = std::min(input.size(), limits.header_bytes);
    for (; at < input.size(); ++at) {
      // Most bytes are plain text in the middle of a line.
      if (at > line && at < end && input[at - 1] != '\r')
        while (at + 1 < end && plain(input[at])) ++at;
      if (at >= limits.header_bytes)
        return fail(lines == 0 ? bad(414, "the start line is too long")
                               : bad(431, "the headers are too long"));
      auto c = static_cast<unsigned char>(input[at]);
      if (c == '\n') {
        if (at == line || input[at - 1] != '\r') return fail(bad(400, "a line ends with LF alone"));
        if (at == line + 1) return at + 1;
        if (++lines > limits.header_count + 1) return fail(bad(431, "too many headers"));
        line = at + 1;
        continue;
      }
      if (at > line && input[at - 1] == '\r') return fail(bad(400, "CR inside a line"));
      if (at == line && (c == ' ' || c == '\t')) return fail(bad(400, "a folded header line"));
      if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
        return fail(bad(400, "a control character in the head"));
      if (lines == 0 && c >= 0x80) return fail(bad(400, "the start line is not ASCII"));
    }
    return 0;
  }
};

/// Beast's parser, writing down what it finds.
template <bool is_request>
class Adapter final : public bh::basic_parser<is_request> {
 public:
  std::string method, target, reason;
  int version = 11;
  int status = 0;
  Headers headers;
  Headers trailers;
  std::string_view piece;
  const char* trailer_start = nullptr;
  size_t trailer_limit = 100;
  bool in_body = false;

  explicit Adapter(const Http1Limits& limits) : trailer_limit(limits.header_count) {
    this->body_limit(boost::none);
    this->header_limit(static_cast<uint32_t>(limits.header_bytes + 1));
  }

 private:
  void on_request_impl(bh::verb, string_view verb, string_view to, int http, ErrorCode&) override {
    method = view(verb), target = view(to), version = http;
  }
  void on_response_impl(int code, string_view text, int http, ErrorCode&) override {
    status = code, reason = view(text), version = http;
  }
  void on_field_impl(bh::field, string_view name, string_view value, ErrorCode& ec) override {
    Headers& into = in_body ? trailers : headers;
    if (in_body && trailers.fields().size() == trailer_limit) {
      ec = bh::error::header_limit;
      return;
    }
    into.add(std::string(view(name)), std::string(view(value)));
  }
  void on_header_impl(ErrorCode&) override { in_body = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(string_view body, ErrorCode&) override {
    piece = view(body);
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view extensions, ErrorCode&) override {
    if (size == 0) trailer_start = extensions.data() + extensions.size() + 2;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, ErrorCode&) override {
    piece = view(body);
    return body.size();
  }
  void on_finish_impl(ErrorCode&) override {}
};

Error from_beast(const ErrorCode& ec) {
  if (ec == bh::error::header_limit) return bad(431, "the headers are too long");
  if (ec == bh::error::bad_version) return bad(505, "not HTTP/1.0 or HTTP/1.1");
  if (ec == bh::error::bad_method) return bad(400, "the method is not a token");
  if (ec == bh::error::bad_target) return bad(400, "the request target is not readable");
  return bad(400, "not readable as HTTP: " + ec.message());
}

/// The framing headers, held to one reading: this is what request smuggling lives on.
Result<> check_framing(const Headers& headers, int version) {
  size_t codings = headers.count("transfer-encoding");
  size_t lengths = headers.count("content-length");
  if (codings > 1) return fail(bad(400, "more than one Transfer-Encoding"));
  if (lengths > 1) return fail(bad(400, "more than one Content-Length"));
  if (codings == 1 && lengths == 1)
    return fail(bad(400, "Transfer-Encoding together with Content-Length"));
  if (codings == 1 && version < 11) return fail(bad(400, "Transfer-Encoding in HTTP/1.0"));
  if (codings == 1 && !equals_ignore_case(headers.value("transfer-encoding"), "chunked"))
    return fail(bad(400, "a Transfer-Encoding other than 'chunked'"));
  if (lengths == 1) {
    auto length = parse_u64(headers.value("content-length"));
    if (!length || *length > INT64_MAX) return fail(bad(400, "Content-Length is not a number"));
  }
  return {};
}

/// Feeds `input` to the parser until there is a piece of the body, its end, or nothing left.
template <bool is_request>
Result<BodyPiece> read_body(Adapter<is_request>& parser, std::string_view input,
                            const Http1Limits& limits) {
  BodyPiece out;
  while (!parser.is_done() && out.consumed < input.size()) {
    std::string_view rest = input.substr(out.consumed);
    // Beast asserts this at the last chunk. Nothing is held up: after every chunk at least the
    // shortest end ("0 CRLF CRLF") still has to come.
    if (parser.chunked() && rest.size() < shortest_chunked_end) break;
    parser.piece = {};
    ErrorCode ec;
    out.consumed += parser.put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
    if (ec == bh::error::need_more) {
      if (input.size() - out.consumed > limits.header_bytes)
        return fail(bad(431, "a chunk line or the trailers are too long"));
      break;
    }
    if (ec) return fail(bad(400, "the body is not readable: " + ec.message()));
    if (parser.piece.empty()) continue;
    out.data = parser.piece;
    break;
  }
  if (parser.is_done() && parser.trailer_start) {
    const char* end = input.data() + out.consumed;
    for (const char* at = parser.trailer_start; at < end; ++at)
      if ((*at == ' ' || *at == '\t') && at[-1] == '\n')
        return fail(bad(400, "a folded trailer line"));
    parser.trailer_start = nullptr;
  }
  return out;
}

bool good_host(std::string_view host) {
  static constexpr CharacterSet allowed("-._~:[]%!$&'()*+;=");
  return !host.empty() && allowed.holds_all(host);
}

/// "/path", "*" for OPTIONS, or "http://host/path", which is turned into "/path".
Result<> check_target(RequestHead& head) {
  std::string_view target = head.target;
  if (target.find('#') != std::string_view::npos)
    return fail(bad(400, "a fragment in the request target"));
  if (target.starts_with('/')) return {};
  if (target == "*" && head.method == "OPTIONS") return {};
  if (head.method == "CONNECT") return fail(bad(501, "CONNECT is not served"));
  size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || (!equals_ignore_case(target.substr(0, scheme), "http") &&
                                           !equals_ignore_case(target.substr(0, scheme), "https")))
    return fail(bad(400, "the request target must begin with '/'"));
  std::string_view rest = target.substr(scheme + 3);
  size_t end = std::min(rest.find_first_of("/?"), rest.size());
  if (!equals_ignore_case(rest.substr(0, end), head.headers.value("host")))
    return fail(bad(400, "Host and the request target name different hosts"));
  rest.remove_prefix(end);
  head.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return {};
}

}  // namespace

struct RequestParser::State {
  Http1Limits limits;
  HeadScan scan;
  std::optional<Adapter<true>> parser;
  RequestHead head;
  bool expects_continue = false;
  bool blank_seen = false;

  Result<size_t> parse_head(std::string_view input) {
    // RFC 9112 2.2: one empty line before a request is ignored (old clients send it after a body).
    size_t blank = blank_seen ? 2 : 0;
    if (!blank_seen && scan.at == 0 && input.starts_with('\r')) {
      if (input.size() < 2) return 0;
      if (input[1] != '\n') return fail(bad(400, "CR inside a line"));
      blank_seen = true;
      blank = 2;
    }
    size_t size = TRY(scan.run(input.substr(blank), limits));
    if (size == 0) return 0;
    if (size == 2) return fail(bad(400, "an empty request"));
    parser.emplace(limits);
    ErrorCode ec;
    size_t used = parser->put(boost::asio::const_buffer(input.data() + blank, size), ec);
    if (!ec && parser->is_header_done() && used < size) ec = bh::error::bad_field;
    // need_more after the fields means only that the body begins later.
    if (ec && !(ec == bh::error::need_more && parser->is_header_done()))
      return fail(from_beast(ec));
    if (!parser->is_header_done()) return fail(bad(400, "the head is not readable"));
    head.method = std::move(parser->method);
    head.target = std::move(parser->target);
    head.headers = std::move(parser->headers);
    head.keep_alive = parser->keep_alive();
    head.http10 = parser->version < 11;
    TRY(check_head(parser->version));
    return blank + size;
  }

  Result<> check_head(int version) {
    if (head.method.size() > max_method_bytes) return fail(bad(501, "an unknown method"));
    if (head.target.size() > limits.target_bytes)
      return fail(bad(414, "the request target is too long"));
    size_t hosts = head.headers.count("host");
    if (hosts > 1) return fail(bad(400, "more than one Host"));
    if (hosts == 0 && version >= 11) return fail(bad(400, "Host is missing"));
    if (hosts == 1 && !good_host(head.headers.value("host")))
      return fail(bad(400, "Host is not a host name"));
    TRY(check_framing(head.headers, version));
    auto expect = head.headers.get("expect");
    // An empty one expects nothing.
    if (expect && !trim(*expect).empty() && version >= 11) {
      if (head.headers.count("expect") > 1 || !equals_ignore_case(*expect, "100-continue"))
        return fail(bad(417, "an expectation other than 100-continue"));
      expects_continue = true;
    }
    return check_target(head);
  }
};

RequestParser::RequestParser(Http1Limits limits) : state_(std::make_unique<State>()) {
  state_->limits = limits;
}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

Result<size_t> RequestParser::head(std::string_view input) {
  return state_->parse_head(input);
}
const RequestHead& RequestParser::request() const {
  return state_->head;
}
std::optional<uint64_t> RequestParser::content_length() const {
  return parse_u64(state_->head.headers.value("content-length"));
}
bool RequestParser::chunked() const {
  return state_->parser && state_->parser->chunked();
}
bool RequestParser::expects_continue() const {
  return state_->expects_continue;
}
bool RequestParser::has_body() const {
  return chunked() || content_length().value_or(0) > 0;
}
Result<BodyPiece> RequestParser::body(std::string_view input) {
  CHECK(state_->parser, "RequestParser::body() before head()");
  return read_body(*state_->parser, input, state_->limits);
}
bool RequestParser::done() const {
  return state_->parser && state_->parser->is_done();
}
const Headers& RequestParser::trailers() const {
  CHECK(state_->parser, "RequestParser::trailers() before head()");
  return state_->parser->trailers;
}
void RequestParser::reset() {
  Http1Limits limits = state_->limits;
  *state_ = State{.limits = limits};
}

struct ResponseParser::State {
  Http1Limits limits;
  bool to_head = false;
  HeadScan scan;
  std::optional<Adapter<false>> parser;
  ResponseHead head;

  Result<size_t> parse_head(std::string_view input) {
    size_t size = TRY(scan.run(input, limits));
    if (size == 0) return 0;
    parser.emplace(limits);
    parser->skip(to_head);
    ErrorCode ec;
    size_t used = parser->put(boost::asio::const_buffer(input.data(), size), ec);
    if (!ec && parser->is_header_done() && used < size) ec = bh::error::bad_field;
    if (ec && !(ec == bh::error::need_more && parser->is_header_done()))
      return fail(from_beast(ec));
    if (!parser->is_header_done()) return fail(bad(400, "the head is not readable"));
    head.status = parser->status;
    head.reason = std::move(parser->reason);
    head.headers = std::move(parser->headers);
    if (head.status < 100 || head.status > 599)
      return fail(bad(400, fmt::format("status {}", head.status)));
    if (head.status == 101) return fail(bad(400, "the server switches protocols unasked"));
    TRY(check_framing(head.headers, parser->version));
    return size;
  }
};

ResponseParser::ResponseParser(bool to_head, Http1Limits limits)
    : state_(std::make_unique<State>()) {
  state_->to_head = to_head;
  state_->limits = limits;
}
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;
ResponseParser::~ResponseParser() = default;

Result<size_t> ResponseParser::head(std::string_view input) {
  return state_->parse_head(input);
}
const ResponseHead& ResponseParser::response() const {
  return state_->head;
}
bool ResponseParser::interim() const {
  return state_->head.status / 100 == 1;
}
std::optional<uint64_t> ResponseParser::content_length() const {
  return parse_u64(state_->head.headers.value("content-length"));
}
bool ResponseParser::keep_alive() const {
  return state_->parser && done() && state_->parser->keep_alive();
}
Result<BodyPiece> ResponseParser::body(std::string_view input) {
  CHECK(state_->parser, "ResponseParser::body() before head()");
  return read_body(*state_->parser, input, state_->limits);
}
Result<> ResponseParser::end_of_stream() {
  if (done()) return {};
  ErrorCode ec = bh::error::partial_message;
  if (state_->parser && state_->parser->is_header_done()) state_->parser->put_eof(ec);
  if (ec) return fail(Code::unavailable, "the answer was cut short");
  return {};
}
bool ResponseParser::done() const {
  return state_->parser && state_->parser->is_done();
}
const Headers& ResponseParser::trailers() const {
  CHECK(state_->parser, "ResponseParser::trailers() before head()");
  return state_->parser->trailers;
}
void ResponseParser::reset() {
  bool to_head = state_->to_head;
  Http1Limits limits = state_->limits;
  *state_ = State{.limits = limits, .to_head = to_head};
}

bool is_token(std::string_view text) {
  static constexpr CharacterSet tchar("!#$%&'*+-.^_`|~");
  return !text.empty() && tchar.holds_all(text);
}

bool is_field_value(std::string_view text) {
  if (!text.empty() && (trim(text).size() != text.size())) return false;
  return std::ranges::all_of(text, [](char c) {
    auto u = static_cast<unsigned char>(c);
    return (u >= 0x20 || u == '\t') && u != 0x7f;
  });
}

namespace {
Result<> append_headers(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (!is_token(name))
      return fail(Code::invalid_argument, "'" + printable(name) + "' is not a header name");
    if (!is_field_value(value))
      return fail(Code::invalid_argument,
                  "the value of header " + name + " has control characters or outer blanks");
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out += "\r\n";
  return {};
}
}  // namespace

Result<std::string> serialize(const RequestHead& head) {
  bool good_target = !head.target.empty() && std::ranges::all_of(head.target, [](char c) {
    return c > 0x20 && c < 0x7f && c != '#';
  });
  if (!is_token(head.method) || !good_target)
    return fail(Code::invalid_argument,
                fmt::format("'{} {}' is not a request line", printable(head.method),
                            printable(head.target)));
  std::string out;
  out.reserve(256);
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  TRY(append_headers(out, head.headers));
  return out;
}

Result<std::string> serialize(const ResponseHead& head) {
  if (head.status < 100 || head.status > 999 || !is_field_value(head.reason))
    return fail(Code::invalid_argument,
                fmt::format("'{} {}' is not a status", head.status, printable(head.reason)));
  std::string out;
  out.reserve(256);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", head.status,
                 head.reason.empty() ? reason_phrase(head.status) : std::string_view(head.reason));
  TRY(append_headers(out, head.headers));
  return out;
}

std::string chunk_head(size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

}  // namespace croft::wire
