// Events between components: texts that are sent along links. Who is registered with a component is
// looked up when it sends, among all that are deployed, so nobody can register too late: what is
// deployed hears everything that is sent after. What is sent along `sendTo` to a component that is
// not there, or has not started, waits for its start. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "engine/component.h"

namespace croft::components {

class EventBus : public engine::Component {
 public:
  /// Takes in what a queue it registers with has kept.
  aio::Task<Result<>> start(engine::Context& context) override;
  /// Default: passes it on.
  aio::Task<Result<>> receive(engine::Context& context, std::string event) override;

 protected:
  /// Who registers later gets everything that it has had: a queue.
  virtual bool gives_again() const { return false; }
  /// To all that `sendTo` names or that have registered with it.
  aio::Task<Result<>> pass_on(engine::Context& context, std::string event);

 private:
  int passing_ = 0;
};

/// The schema's attributes of all that send or hear events.
std::vector<model::AttributeSchema> bus_attributes();

}  // namespace croft::components
