// Descriptions that are read while an application runs, from its own files. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "engine/component.h"
#include "lang/lang.h"

namespace croft::components {

/// The sfConfig of a description in the work folder (or in what --allow-files opens), or of one
/// that croft ships; checked like one given to `croft up`. Files that it includes lie there, too.
aio::Task<Result<model::ComponentPtr>> described_in(engine::Context& context, std::string file,
                                                    Where where,
                                                    std::vector<lang::Setting> settings = {});

}  // namespace croft::components
