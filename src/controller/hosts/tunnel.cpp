#include "controller/hosts/tunnel.h"

#include <fmt/format.h>
#include <unistd.h>

#include "aio/cancel.h"
#include "aio/scope.h"

namespace croft::controller {

namespace json = wire::json;

std::string tunnel_socket(std::string_view home) {
  return fmt::format("{}/tunnel.sock", home);
}

namespace {

constexpr size_t read_bytes = 64 << 10;
constexpr Duration first_word = Duration::seconds(15);

class Tunnel {
 public:
  Tunnel(std::unique_ptr<aio::Stream> stream, FindHost find)
      : stream_(std::move(stream)), find_(std::move(find)) {}
  aio::Task<Result<>> serve(aio::World& world);

 private:
  aio::Task<Result<protocol::Frame>> read();
  aio::Task<Result<>> write(std::string frame);
  aio::Task<Result<>> tell(json::Object document) {
    co_return co_await write(protocol::frame_text({'J', 0, json::compact(document)}));
  }
  aio::Task<Result<json::Object>> open(const json::Object& asked);
  aio::Task<Result<>> from_client();
  aio::Task<Result<>> from_host(uint32_t number, std::shared_ptr<RemoteHost::Channel> channel);
  aio::Task<Result<>> all_from_host();

  std::unique_ptr<aio::Stream> stream_;
  FindHost find_;
  protocol::FrameReader reader_;
  std::shared_ptr<RemoteHost> host_;
  std::map<uint32_t, std::shared_ptr<RemoteHost::Channel>> channels_;
  uint32_t main_ = 0;
  aio::Mutex writing_;
};

aio::Task<Result<protocol::Frame>> Tunnel::read() {
  std::vector<char> buffer(read_bytes);
  for (;;) {
    if (auto frame = CO_TRY(reader_.next())) co_return std::move(*frame);
    size_t got = CO_TRY(co_await stream_->read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "hung up");
    reader_.add({buffer.data(), got});
  }
}

aio::Task<Result<>> Tunnel::write(std::string frame) {
  auto lock = CO_TRY(co_await writing_.lock());
  std::vector<std::string_view> pieces{frame};
  co_return co_await stream_->write(std::move(pieces));
}

aio::Task<Result<json::Object>> Tunnel::open(const json::Object& asked) {
  const auto* request = CO_TRY(json::object_at(asked, "request"));
  host_ = CO_TRY(find_({.application = CO_TRY(json::string_at(asked, "application")),
                        .component = CO_TRY(json::string_or(asked, "component", "")),
                        .instance = CO_TRY(json::string_or(asked, "instance", "")),
                        .what = CO_TRY(json::string_or(*request, "what", ""))}));
  auto opened = CO_TRY(co_await host_->open(*request));
  channels_ = std::move(opened.channels);
  main_ = opened.number;
  co_return std::move(opened.answer);
}

aio::Task<Result<>> Tunnel::from_client() {
  for (;;) {
    auto frame = CO_TRY(co_await read());
    if (frame.kind == 'D') {
      CO_TRY(co_await host_->send(frame.channel, std::move(frame.bytes)));
      continue;
    }
    auto asked = CO_TRY(json::parse_object(frame.bytes, "a request"));
    std::string action = CO_TRY(json::string_at(asked, "action"));
    if (action != "resize" && action != "kill")
      co_return fail(Code::invalid_argument, fmt::format("'{}' is not asked here", action));
    auto done = co_await host_->call(action, *CO_TRY(json::object_at(asked, "request")));
    // The command may have ended meanwhile; its end is on its way.
    if (!done && done.error().code == Code::cancelled) co_return fail(std::move(done).error());
  }
}

aio::Task<Result<>> Tunnel::from_host(uint32_t number,
                                      std::shared_ptr<RemoteHost::Channel> channel) {
  for (;;) {
    auto bytes = co_await channel->data.pop();
    if (!bytes) {
      // Closed, or we are told to stop: the end of the main channel says which.
      if ((co_await aio::here()).cancelled()) co_return fail(std::move(bytes).error());
      co_return Result<>{};
    }
    CO_TRY(co_await write(protocol::frame_text({'D', number, std::move(*bytes)})));
  }
}

aio::Task<Result<>> Tunnel::all_from_host() {
  aio::Scope scope(co_await aio::here());
  auto main = channels_.at(main_);
  for (auto& [number, channel] : channels_) scope.spawn(from_host(number, channel));
  CO_TRY(co_await scope.join());
  protocol::Closed closed = main->closed.value_or(protocol::Closed{});
  json::Object document;
  if (closed.error)
    document["error"] = protocol::to_json(*closed.error);
  else
    document["closed"] = closed.result;
  co_return co_await tell(std::move(document));
}

aio::Task<Result<>> Tunnel::serve(aio::World& world) {
  auto first = CO_TRY(co_await aio::deadline(world.clock, first_word, read(), "what is asked"));
  auto asked = json::parse_object(first.bytes, "a request");
  Result<json::Object> answer = asked ? co_await open(*asked) : fail(std::move(asked).error());
  if (!answer) co_return co_await tell({{"error", protocol::to_json(answer.error())}});
  CO_TRY(co_await tell({{"answer", std::move(*answer)}}));
  auto outcome = co_await aio::race(all_from_host(), from_client());
  co_return co_await host_->close(main_);
}

}  // namespace

aio::Task<Result<>> serve_tunnel(aio::World& world, std::unique_ptr<aio::Stream> stream,
                                 FindHost find) {
  int64_t uid = stream->credentials().uid;
  if (uid > 0 && uid != static_cast<int64_t>(getuid())) co_return Result<>{};
  Tunnel tunnel(std::move(stream), std::move(find));
  // That somebody hung up is no news.
  auto done = co_await tunnel.serve(world);
  if (!done && done.error().code == Code::cancelled && (co_await aio::here()).cancelled())
    co_return done;
  co_return Result<>{};
}

}  // namespace croft::controller
