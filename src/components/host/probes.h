// Questions as components: HttpProbe, TcpProbe, FileProbe, CommandProbe, LogProbe, NotifyProbe; as
// parts of a process (`ready`, `alive`), conditions, or what is watched. Loop thread only.
#pragma once
#include "components/host/fields.h"
#include "model/host_work.h"

namespace croft::components {

/// The question that the component asks. Code::type_mismatch for one that is no probe.
Result<model::Probe> probe_of(const Fields& fields);
/// The same for the part `name`; nullopt where there is none.
Result<std::optional<model::Probe>> probe_in(const Fields& fields, std::string_view name);

}  // namespace croft::components
