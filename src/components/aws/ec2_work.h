// What the components that ask EC2 once have in common. Loop thread only.
#pragma once
#include <vector>

#include "cloud/ec2.h"
#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

/// A component that calls EC2 with the access key that its attributes hold.
class Ec2Work : public engine::Component {
 public:
  aio::Task<Result<std::optional<engine::Keys>>> account(engine::Context& context) override;

 protected:
  aio::Task<Result<cloud::Ec2>> client(engine::Context& context);
};

/// After how long what was asked for is looked at first; each further look waits twice as long. The
/// embedded farm, whose machines take milliseconds, does not mind.
Duration first_look(const engine::Context& context);

/// Their schema's attributes: id, key and the rest of AwsAuthorizedWorkflowService.
std::vector<model::AttributeSchema> ec2_attributes(std::vector<model::AttributeSchema> more);
/// Texts of a vector attribute.
Result<std::vector<std::string>> strings_of(const engine::Context& context,
                                            std::string_view attribute);

}  // namespace croft::components
