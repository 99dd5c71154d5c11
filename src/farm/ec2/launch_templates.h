// Launch templates, for RunInstances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// The parameters of RunInstances; launch templates hold them too.
Schema run_instances_schema();
/// The call's parameters over those of the template that it names.
/// The tags by which an instance says what it was launched from.
Result<Tags> template_tags(Core& core, const Call& call);
Result<Params> with_template(Core& core, const Call& call);

/// A version's parameters.
Fields fields_of(const TemplateVersion& version);
/// The inside of launchTemplateData.
void write_template_data(Xml& xml, const TemplateVersion& version);
/// GetLaunchTemplateData: what would launch such an instance again.
Answer launch_template_data(Core& core, const Call& call);

}  // namespace croft::farm::ec2
