// Any bytes: lexer, parser and formatter end without a crash; what parses formats to something that
// formats to itself.
#include <cstdlib>
#include <string>

#include "lang/format/format.h"
#include "lang/syntax/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto once = croft::lang::format("fuzz.sf", text);
  if (!once) return 0;
  auto twice = croft::lang::format("fuzz.sf", *once);
  if (!twice || *twice != *once) std::abort();
  return 0;
}
