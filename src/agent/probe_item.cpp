// A question asked again and again from this host.
#include "agent/item.h"
#include "probe/probe.h"

namespace croft::agent {
namespace {

class ProbeItem final : public Item {
 public:
  ProbeItem(Place& place, model::HostWork work,
            std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)) {}

  aio::Task<Result<>> keep() override {
    const model::Probe probe = std::get<model::ProbeWork>(work_.what).probe;
    say(Phase::starting);
    for (int refused = 0;;) {
      auto answer = co_await probe::ask(place_.world, probe);
      if (!answer && answer.error().code == Code::cancelled) co_return answer;
      refused = answer ? 0 : refused + 1;
      if (answer)
        say(Phase::ready);
      else if (refused >= probe.failures)
        say(Phase::failing, answer.error().line());
      CO_TRY(co_await place_.world.clock.sleep(probe.period));
    }
  }
  aio::Task<Result<>> end(const model::HostWork*) override { co_return Result<>{}; }
};

}  // namespace

std::unique_ptr<Item> make_probe_item(Place& place, model::HostWork work,
                                      std::function<void(const model::WorkState&)> changed) {
  return std::make_unique<ProbeItem>(place, std::move(work), std::move(changed));
}

}  // namespace croft::agent
