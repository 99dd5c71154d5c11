// The fleet's sockets inside its machines: served while the machine runs, closed before it ends.
#include <unistd.h>

#include "base/log.h"
#include "farm/ec2/fleet.h"

namespace croft::farm::ec2 {

namespace {
constexpr Duration detach_deadline = Duration::seconds(6);  // open requests have 5 s to end
}

void Fleet::attach(const std::string& id, std::map<std::string, int> sockets) {
  auto inside = std::make_shared<Inside>();
  inside->sockets = std::move(sockets);
  inside_[id] = inside;
  if (scope_)
    scope_->spawn(serve(id, inside));
  else
    waiting_inside_.emplace_back(id, inside);
}

aio::Task<Result<>> Fleet::detach(std::string id) {
  auto found = inside_.find(id);
  if (found == inside_.end()) co_return Result<>{};
  std::shared_ptr<Inside> inside = found->second;
  inside_.erase(found);
  inside->ended = true;
  if (inside->scope) inside->scope->cancel();
  if (!inside->started && !scope_) {
    for (auto& [name, descriptor] : inside->sockets) ::close(descriptor);
    inside->sockets.clear();
    co_return Result<>{};
  }
  auto closed = co_await aio::deadline(world_.clock, detach_deadline, inside->closed.wait(),
                                       "closing sockets inside " + id);
  if (!closed && closed.error().code != Code::timeout) co_return closed;
  if (!closed) log::warn("ec2", "{}", closed.error().line());
  co_return Result<>{};
}

aio::Task<Result<>> Fleet::serve(std::string id, std::shared_ptr<Inside> inside) {
  inside->started = true;
  aio::Scope scope(co_await aio::here());
  inside->scope = &scope;
  for (auto& [name, descriptor] : inside->sockets) {
    if (inside->ended || !options_.serve)
      ::close(descriptor);
    else
      scope.spawn(serve_one(id, name, descriptor));
  }
  auto result = co_await scope.join();
  inside->scope = nullptr;
  inside->closed.set();
  if (!result && result.error().code != Code::cancelled)
    log::warn("ec2", "{}: {}", id, result.error().line());
  co_return Result<>{};
}

aio::Task<Result<>> Fleet::serve_one(std::string id, std::string name, int descriptor) {
  auto done = co_await options_.serve(id, name, descriptor);
  // One deaf service of one instance must not end its others.
  if (!done && done.error().code != Code::cancelled)
    log::warn("ec2", "{} {}: {}", id, name, done.error().line());
  co_return Result<>{};
}

}  // namespace croft::farm::ec2
