// The built-in image: this machine's /usr with a fresh root around it. Here the fresh part is made,
// once a farm: /etc from what packages ship (never from what the operator changed), empty /var,
// /home, /root, and a /usr/local of its own. Nothing private of the host is read into it.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::sandbox {

/// Makes `folder`/root and `folder`/usr from the host's packages, unless they exist. `init` is the
/// program that becomes /usr/local/sbin/{poweroff,reboot,halt,shutdown} inside. Blocking.
Result<> make_base_image(const std::string& folder, std::string_view init);

}  // namespace croft::sandbox
