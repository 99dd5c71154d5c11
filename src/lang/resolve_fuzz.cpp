// Any text through all passes, with tight limits: an error or a description, never a crash, a hang
// or memory without bound; what is printed resolves again, and so does what the formatter makes.
#include <cstdlib>
#include <string>

#include "lang/format/format.h"
#include "lang/lang.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft;
  lang::Options options;
  options.limits.components = 5000;
  options.limits.attributes = 50'000;
  options.limits.text_bytes = 1 << 20;
  options.limits.nesting = 200;
  options.limits.chain = 2000;
  options.limits.steps = 5'000'000;
  std::string text(reinterpret_cast<const char*>(data), size);
  auto description = lang::resolve("fuzz.sf", text, options);
  if (!description) {
    if (description.error().render().empty()) std::abort();
    return 0;
  }
  // The formatter changes how a description looks, never what it means.
  auto formatted = lang::format("fuzz.sf", text);
  if (!formatted) std::abort();
  auto same = lang::resolve("fuzz.sf", *formatted, options);
  if (!same || same->digest != description->digest) std::abort();
  std::string printed = lang::print(*description->config);
  lang::Options wide;
  auto again = lang::resolve("again.sf", "sfConfig extends {\n" + printed + "}\n", wide);
  // Variables of the solver print as names that nothing defines; everything else reads back.
  if (!again && printed.find("VAR") == std::string::npos && again.error().code == Code::syntax)
    std::abort();
  return 0;
}
