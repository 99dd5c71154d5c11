// The way to a host through the controller of this home: commands, logs, files, ports. The other
// end is controller/hosts/tunnel.h. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "aio/world.h"
#include "protocol/agent.h"
#include "wire/json.h"

namespace croft::cli {

class Tunnel {
 public:
  /// Where: a component's path "shop:web:server", or with `instance` a machine of an application.
  struct Target {
    std::string application, component, instance;
  };
  /// "shop:web" -> application "shop", component "shop:web".
  static Target target(std::string_view path);

  /// Code::unavailable with the fact "no_controller" when nothing listens.
  static aio::Task<Result<std::unique_ptr<Tunnel>>> open(aio::World& world, std::string home,
                                                         Target target, wire::json::Object request);

  struct Piece {
    bool errors = false;                       ///< of a command's stderr
    std::string bytes;                         ///< empty: this direction has ended
    std::optional<wire::json::Object> closed;  ///< the end of all, instead of bytes
  };
  /// What comes next. An error that the host told is returned as it is.
  aio::Task<Result<Piece>> receive();
  /// To its standard input, file or port; empty: no more comes.
  aio::Task<Result<>> send(std::string bytes);
  /// "resize" {"rows","columns"}, "kill" {"signal"}.
  aio::Task<Result<>> ask(std::string action, wire::json::Object request);
  const wire::json::Object& answer() const { return answer_; }

 private:
  explicit Tunnel(std::unique_ptr<aio::Stream> stream) : stream_(std::move(stream)) {}
  aio::Task<Result<protocol::Frame>> read();
  aio::Task<Result<>> write(protocol::Frame frame);

  std::unique_ptr<aio::Stream> stream_;
  protocol::FrameReader reader_;
  wire::json::Object answer_;
  uint32_t channel_ = 0, errors_ = 0;
};

}  // namespace croft::cli
