#include "cli/tunnel.h"

#include "cli/login.h"
#include "controller/hosts/tunnel.h"

namespace croft::cli {

namespace json = wire::json;

namespace {
constexpr size_t read_bytes = 64 << 10;
}

Tunnel::Target Tunnel::target(std::string_view path) {
  return {std::string(path.substr(0, path.find(':'))), std::string(path), ""};
}

aio::Task<Result<std::unique_ptr<Tunnel>>> Tunnel::open(aio::World& world, std::string home,
                                                        Target target, json::Object request) {
  CO_TRY(check_here(home, "what goes to a machine through the controller"));
  auto stream = co_await world.net.connect(aio::Address{.path = controller::tunnel_socket(home)});
  if (!stream)
    co_return fail(Error(Code::unavailable, "no controller runs under " + home)
                       .fact("no_controller", "true")
                       .hint("`croft up` starts one"));
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
