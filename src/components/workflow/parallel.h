// Actions side by side, and what the end of one means. Loop thread only.
#pragma once
#include <optional>
#include <string>

#include "aio/sync.h"
#include "engine/component.h"

namespace croft::components {

class Parallel : public engine::Component {
 public:
  aio::Task<Result<>> work(engine::Context& context) override;

 protected:
  /// An action has ended and `left` others have not: how it ends with that, or nullopt.
  virtual std::optional<model::TerminationRecord> verdict(model::TerminationRecord record,
                                                          size_t left);
  virtual bool ends_when_empty() const { return true; }
  virtual void leave(engine::Context& context, model::TerminationRecord record);

 private:
  aio::Task<Result<>> follow(engine::Context& context, std::string name);
  aio::Task<Result<>> failed(engine::Context& context, std::string name, Error error);
  void ended(model::TerminationRecord record);

  bool asynchronous_ = false, ends_on_bad_end_ = true, ends_on_bad_deploy_ = true;
  size_t left_ = 0;
  std::optional<model::TerminationRecord> end_;
  aio::Signal changed_;
};

}  // namespace croft::components
