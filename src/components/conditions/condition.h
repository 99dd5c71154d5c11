// Conditions: components that can be asked whether something holds. Loop thread only.
#pragma once
#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

/// Asked at start and at liveness checks where its attributes say so.
class Condition : public engine::Component {
 public:
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;

 private:
  aio::Task<Result<>> must_hold(engine::Context& context, std::string attribute, std::string when);
};

engine::ComponentType condition_type_of(std::string name, std::string doc,
                                        std::vector<model::AttributeSchema> attributes,
                                        std::function<std::unique_ptr<engine::Component>()> make);

}  // namespace croft::components
