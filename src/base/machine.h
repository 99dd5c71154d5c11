// How the machine that croft runs on is called. Asked of the kernel alone: no packet is sent.
#pragma once
#include <string>

namespace croft {

/// "localhost" when it has no name.
std::string host_name();
/// Its first IPv4 address beside the loopback's; "127.0.0.1" when it has none.
std::string host_address();

}  // namespace croft
