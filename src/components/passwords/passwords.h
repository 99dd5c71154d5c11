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

/// The same for an attribute of a component below it.
aio::Task<Result<Secret>> secret_in(engine::Context& context, model::ComponentPtr part,
                                    std::string attribute);
/// It is a Secret, a FilePassword or one of its kind.
bool gives_secret(const model::Component& component);

/// Who signs requests; what is absent stays empty.
aio::Task<Result<engine::Keys>> keys_of(engine::Context& context, std::string user,
                                        std::string secret);

}  // namespace croft::components
