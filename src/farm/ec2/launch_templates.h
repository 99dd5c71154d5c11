// Launch templates, for RunInstances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// The parameters of RunInstances; launch templates hold them too.
Schema run_instances_schema();
/// The call's parameters over those of the template that it names.
Result<Params> with_template(Core& core, const Call& call);

}  // namespace croft::farm::ec2
