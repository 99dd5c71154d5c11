#include "net/http_server.h"

#include <fmt/format.h>

#include <list>

#include "aio/sync.h"
#include "base/log.h"
#include "net/http_connection.h"

namespace croft::net {
namespace {

constexpr Duration drain_time = Duration::seconds(5);
constexpr Duration accept_pause = Duration::milliseconds(50);
constexpr Duration crowded_pause = Duration::milliseconds(10);
constexpr size_t closed_at_once = 16;  ///< to make room

using Connections = std::list<HttpConnection*>;

}  // namespace

struct HttpServer::State {
  aio::World& world;
  Handler handler;
  ServerLimits limits;
  aio::Semaphore places;
  size_t open = 0;
  Connections everyone = {};  ///< of all listeners

  static aio::Task<Result<>> converse(State& state, const Handler& handler, Connections& all,
                                      std::unique_ptr<aio::Stream> stream) {
    HttpConnection connection(state.world, handler, state.limits, std::move(stream));
    ++state.open;
    auto place = all.insert(all.end(), &connection);
    auto known = state.everyone.insert(state.everyone.end(), &connection);
    co_await connection.run();
    state.everyone.erase(known);
    all.erase(place);
    --state.open;
    state.places.release();
    co_return Result<>{};
  }

  /// A place for one more. While there is none, connections that are only held open give way: a
  /// client that keeps many must not lock the others out.
  static aio::Task<Result<>> make_room(State& state) {
    while (state.places.free() == 0) {
      Moment now = state.world.clock.now();
      size_t closed = 0;
      for (HttpConnection* connection : state.everyone) {
        auto since = connection->idle_since();
        if (!since || now - *since < state.limits.idle_crowded) continue;
        connection->drain();
        if (++closed == closed_at_once) break;
      }
      CO_TRY(co_await state.world.clock.sleep(crowded_pause));
    }
    co_return co_await state.places.acquire();
  }

  /// Accepts until cancelled (an error of that code) or the listener is closed.
  static aio::Task<Result<>> accept(State& state, const Handler& handler, Connections& all,
                                    aio::Scope& scope, aio::Listener& listener) {
    for (;;) {
      CO_TRY(co_await make_room(state));
      auto stream = co_await listener.accept();
      if (stream) {
        scope.spawn(converse(state, handler, all, std::move(*stream)));
        continue;
      }
      state.places.release();
      if (stream.error().code == Code::cancelled) co_return fail(std::move(stream).error());
      if (stream.error().code == Code::unavailable) co_return Result<>{};
      // Out of descriptors or memory: what is open goes on, and closing it makes room.
      log::warn("http", "{}", stream.error().line());
      CO_TRY(co_await state.world.clock.sleep(accept_pause));
    }
  }
};

HttpServer::HttpServer(aio::World& world, Handler handler, ServerLimits limits)
    : state_(new State{world, std::move(handler), limits, aio::Semaphore(limits.connections)}) {}

HttpServer::~HttpServer() {
  CHECK(state_->open == 0, "an HttpServer was destroyed while serve() runs");
}

aio::Task<Result<>> HttpServer::serve(std::unique_ptr<aio::Listener> listener) {
  return serve(std::move(listener), state_->handler);
}

aio::Task<Result<>> HttpServer::serve(std::unique_ptr<aio::Listener> listener, Handler handler) {
  aio::Context context = co_await aio::here();
  // Cancelling serve() must not cut open requests: they hang under a scope of their own.
  aio::Scope scope(aio::Context{context.executor, nullptr});
  Connections connections;
  auto accepted = co_await State::accept(*state_, handler, connections, scope, *listener);
  listener->close();
  for (HttpConnection* connection : connections) connection->drain();
  auto& clock = state_->world.clock;
  auto timer = clock.call_at(clock.now() + drain_time, [&scope] { scope.cancel(); });
  auto joined = co_await scope.join();
  clock.stop(timer);
  if (!accepted && accepted.error().code != Code::cancelled)
    co_return fail(std::move(accepted).error());
  co_return joined;
}

size_t HttpServer::open_connections() const {
  return state_->open;
}

aio::Task<Result<std::unique_ptr<aio::Stream>>> Exchange::upgrade(std::string protocol) {
  co_return fail(Code::unsupported, fmt::format("{} is not spoken here", protocol));
}

aio::Task<Result<std::string>> Exchange::read_all(Bytes limit) {
  auto most = static_cast<uint64_t>(limit.count());
  auto too_large = [&] {
    return fail(Error(Code::resource_exhausted, "the request's body is larger than " + limit.text())
                    .fact("http_status", "413")
                    .fact("answer_status", "413"));
  };
  if (content_length().value_or(0) > most) co_return too_large();
  std::string body;
  body.resize(static_cast<size_t>(std::min<uint64_t>(content_length().value_or(4096), 1 << 20)) +
              1);
  size_t size = 0;
  for (;;) {
    if (size == body.size()) body.resize(body.size() * 2);
    size_t got = CO_TRY(co_await read_body({body.data() + size, body.size() - size}));
    if (got == 0) break;
    size += got;
    if (size > most) co_return too_large();
  }
  body.resize(size);
  co_return body;
}

}  // namespace croft::net
