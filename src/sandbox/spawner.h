// The process that makes machines: single-threaded (threads cannot enter user namespaces), started
// by open_machines as "croft sandbox-spawner" with its socket as descriptor 3. It lives as long as
// the farm that started it; machines and the router outlive both.
#pragma once

namespace croft::sandbox {

/// The whole of the hidden subcommand. Exit status 0 when the farm has ended or asked for it.
int spawner_main(int argc, char** argv);

constexpr int spawner_socket = 3;

}  // namespace croft::sandbox
