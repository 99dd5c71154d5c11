// PCRE2's compiler to machine code is a quarter of a megabyte that croft never asks for (no pattern
// is given to pcre2_jit_compile). What the rest of the library refers to stands here; none of it is
// reached while a pattern has no machine code.
#include <cstdlib>

extern "C" {
void _pcre2_jit_free_8(void*, void*) {
  abort();
}
int _pcre2_jit_check_exec_8(void*) {
  abort();
}
int pcre2_jit_match_8(const void*, const void*, size_t, size_t, unsigned, void*, void*) {
  abort();
}
}
