// The body of an upload, from the component that an attribute names. Loop thread only.
#pragma once
#include <string>

#include "engine/context.h"

namespace croft::components {

struct Body {
  std::string bytes;
  std::string content_type;
};

/// Empty where the component has no such attribute. Files up to 64 MiB.
aio::Task<Result<Body>> body_of(engine::Context& context, std::string attribute);

}  // namespace croft::components
