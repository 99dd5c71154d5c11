#include "sandbox/init_image.h"

// The build gives CROFT_INIT_IMAGE, the path of the linked croft-init.
asm(R"(
  .section .rodata
  .global croft_init_image_begin
  .global croft_init_image_end
  .balign 16
croft_init_image_begin:
  .incbin ")" CROFT_INIT_IMAGE R"("
croft_init_image_end:
  .byte 0
  .text
)");

extern "C" const char croft_init_image_begin[];
extern "C" const char croft_init_image_end[];

namespace croft::sandbox {

std::string_view init_image() {
  return {croft_init_image_begin,
          static_cast<size_t>(croft_init_image_end - croft_init_image_begin)};
}

}  // namespace croft::sandbox
