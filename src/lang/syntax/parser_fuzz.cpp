// Any bytes: lexer, parser and formatter end without a crash; what parses formats to something that
// formats to itself, with the same tree and the same comments.
#include <cstdlib>
#include <string>

#include "lang/format/format.h"
#include "lang/format/shape.h"
#include "lang/syntax/tree.h"

using croft::lang::Tree;

namespace {

Tree tree_of(const std::string& text) {
  return croft::lang::parse(std::make_shared<const croft::model::SourceText>("fuzz.sf", text), {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto once = croft::lang::format("fuzz.sf", text);
  if (!once) return 0;
  auto twice = croft::lang::format("fuzz.sf", *once);
  if (!twice || *twice != *once) std::abort();
  Tree before = tree_of(text), after = tree_of(*once);
  if (croft::lang::shape_of(before) != croft::lang::shape_of(after)) std::abort();
  if (croft::lang::comments_of(before) != croft::lang::comments_of(after)) std::abort();
  return 0;
}
