#include "cli/tunnel.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/session.h"
#include "controller/hosts/tunnel.h"
#include "net/tls.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t read_bytes = 64 << 10;
constexpr size_t head_bytes = 64 << 10;
constexpr Duration answer_within = Duration::seconds(30);

aio::Task<Result<std::unique_ptr<aio::Stream>>> connect_here(aio::World& world, std::string home) {
  auto stream = co_await world.net.connect(aio::Address{.path = controller::tunnel_socket(home)});
  if (!stream)
    co_return fail(Error(Code::unavailable, "no controller runs under " + home)
                       .fact("no_controller", "true")
                       .hint("`croft up` starts one"));
  co_return stream;
}

/// The body of an answer that is no tunnel: it is small, and as long as its head says.
aio::Task<Result<std::string>> body_of(aio::Stream& stream, const std::string& head) {
  constexpr std::string_view name = "\r\ncontent-length:";
  std::string lower = to_lower(head);
  size_t at = lower.find(name), length = 0;
  if (at != std::string::npos) {
    std::string_view rest = std::string_view(lower).substr(at + name.size());
    length = parse_u64(trim(rest.substr(0, rest.find('\r')))).value_or(0);
  }
  std::string text;
  std::vector<char> buffer(read_bytes);
  while (text.size() < std::min(length, head_bytes)) {
    auto got = co_await stream.read(buffer);
    if (!got || *got == 0) break;
    text.append(buffer.data(), *got);
  }
  co_return text;
}

/// Until the end of the head, which nothing of the other side follows: the first frame is ours.
aio::Task<Result<>> upgrade(aio::Stream& stream, std::string head) {
  std::vector<std::string_view> pieces{head};
  CO_TRY(co_await stream.write(std::move(pieces)));
  std::string answer;
  char one;
  while (!answer.ends_with("\r\n\r\n")) {
    size_t got = CO_TRY(co_await stream.read({&one, 1}));
    if (got == 0 || answer.size() > head_bytes)
      co_return fail(Code::unavailable, "the controller hung up");
    answer += one;
  }
  if (answer.starts_with("HTTP/1.1 101 ")) co_return Result<>{};
  std::string body = CO_TRY(co_await body_of(stream, answer));
  auto told = json::parse_object(body, "the controller's answer");
  Error unknown(Code::unavailable, "the controller lets nobody through");
  co_return fail(told ? error_from_answer(*told, unknown.what) : unknown);
}

aio::Task<Result<std::unique_ptr<aio::Stream>>> connect_there(aio::World& world, Login login,
                                                              Tunnel::Target target,
                                                              std::string what) {
  login = CO_TRY(co_await leading(world, std::move(login)));
  auto url = CO_TRY(net::Url::parse(login.url));
  auto addresses = CO_TRY(co_await world.net.resolve(url.host));
  auto plain = CO_TRY(co_await world.net.connect(
      aio::Address{.host = addresses.front(), .port = url.port, .path = {}}));
  auto stream = CO_TRY(net::tls_client(CO_TRY(net::TlsContext::client_of(login.fingerprint)),
                                       std::move(plain), url.host));
  std::string head = fmt::format(
      "POST /v1/tunnel/{}?component={}&instance={}&what={} HTTP/1.1\r\nHost: {}\r\n"
      "Connection: Upgrade\r\nUpgrade: {}\r\nAuthorization: Bearer {}\r\n\r\n",
      path_segment(target.application), path_segment(target.component),
      path_segment(target.instance), path_segment(what), url.authority(),
      controller::tunnel_protocol, login.token.reveal());
  CO_TRY(co_await aio::deadline(world.clock, answer_within, upgrade(*stream, std::move(head)),
                                "the controller to open a tunnel"));
  co_return stream;
}

}  // namespace

Tunnel::Target Tunnel::target(std::string_view path) {
  return {std::string(path.substr(0, path.find(':'))), std::string(path), ""};
}

aio::Task<Result<std::unique_ptr<Tunnel>>> Tunnel::open(aio::World& world, std::string home,
                                                        Target target, json::Object request) {
  auto login = CO_TRY(login_of(home));
  std::string what = CO_TRY(json::string_or(request, "what", ""));
  auto stream = login ? co_await connect_there(world, *std::move(login), target, std::move(what))
                      : co_await connect_here(world, home);
  if (!stream) co_return fail(std::move(stream).error());
  std::unique_ptr<Tunnel> out(new Tunnel(std::move(*stream)));
  json::Object asked{{"application", target.application},
                     {"component", target.component},
                     {"instance", target.instance},
                     {"request", std::move(request)}};
  CO_TRY(co_await out->write({'J', 0, json::compact(asked)}));
  auto first = CO_TRY(co_await out->read());
  auto told = CO_TRY(json::parse_object(first.bytes, "the controller's answer"));
  if (const auto* error = CO_TRY(json::object_if(told, "error")))
    co_return fail(protocol::error_from_json(*error));
  out->answer_ = *CO_TRY(json::object_at(told, "answer"));
  out->channel_ = static_cast<uint32_t>(CO_TRY(json::int_at(out->answer_, "channel")));
  out->errors_ = static_cast<uint32_t>(CO_TRY(json::int_or(out->answer_, "errors", 0)));
  co_return out;
}

aio::Task<Result<protocol::Frame>> Tunnel::read() {
  std::vector<char> buffer(read_bytes);
  for (;;) {
    if (auto frame = CO_TRY(reader_.next())) co_return std::move(*frame);
    size_t got = CO_TRY(co_await stream_->read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "the controller hung up");
    reader_.add({buffer.data(), got});
  }
}

aio::Task<Result<>> Tunnel::write(protocol::Frame frame) {
  std::string text = protocol::frame_text(frame);
  std::vector<std::string_view> pieces{text};
  co_return co_await stream_->write(std::move(pieces));
}

aio::Task<Result<Tunnel::Piece>> Tunnel::receive() {
  auto frame = CO_TRY(co_await read());
  Piece out;
  if (frame.kind == 'D') {
    out.errors = errors_ != 0 && frame.channel == errors_;
    out.bytes = std::move(frame.bytes);
    co_return out;
  }
  auto told = CO_TRY(json::parse_object(frame.bytes, "the controller's message"));
  if (const auto* error = CO_TRY(json::object_if(told, "error")))
    co_return fail(protocol::error_from_json(*error));
  out.closed = *CO_TRY(json::object_at(told, "closed"));
  co_return out;
}

aio::Task<Result<>> Tunnel::send(std::string bytes) {
  co_return co_await write({'D', channel_, std::move(bytes)});
}

aio::Task<Result<>> Tunnel::ask(std::string action, json::Object request) {
  request["channel"] = channel_;
  json::Object asked{{"action", action}, {"request", std::move(request)}};
  co_return co_await write({'J', 0, json::compact(asked)});
}

}  // namespace croft::cli
