// Passwords and secret keys: a text, a Secret, or a component that knows where one is. Never
// logged, published or stored. Loop thread only.
#pragma once
#include <string>

#include "base/secret.h"
#include "engine/component.h"

namespace croft::components {

/// The secret that an attribute holds or leads to: a text, a Secret, or a FilePassword,
/// InlinePassword or PropertyPassword, deployed or not.
aio::Task<Result<Secret>> secret_of(engine::Context& context, std::string attribute);

/// Who signs requests; what is absent stays empty.
aio::Task<Result<engine::Keys>> keys_of(engine::Context& context, std::string user,
                                        std::string secret);

}  // namespace croft::components
