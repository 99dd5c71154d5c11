#include "controller/hosts/agent_program.h"

#include "base/digest.h"

// The build gives CROFT_AGENT_IMAGE, the path of the linked croft-agent.
asm(R"(
  .section .rodata
  .global croft_agent_image_begin
  .global croft_agent_image_end
  .balign 16
croft_agent_image_begin:
  .incbin ")" CROFT_AGENT_IMAGE R"("
croft_agent_image_end:
  .byte 0
  .text
)");

extern "C" const char croft_agent_image_begin[];
extern "C" const char croft_agent_image_end[];

namespace croft::controller {

const engine::AgentProgram& agent_program() {
  static const engine::AgentProgram program = [] {
    std::string_view bytes(croft_agent_image_begin,
                           static_cast<size_t>(croft_agent_image_end - croft_agent_image_begin));
    return engine::AgentProgram{bytes, sha256_hex(bytes)};
  }();
  return program;
}

}  // namespace croft::controller
