// Any bytes as a file of values: settings or an error, and settings that the language reads.
#include <cstdlib>
#include <string>

#include "cli/values.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft;
  auto settings =
      cli::settings_from_text("fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size));
  if (!settings) {
    if (settings.error().render().empty()) std::abort();
    return 0;
  }
  // What a file gives is always a literal that the language reads.
  for (const auto& setting : *settings)
    if (auto value = lang::parse_value(setting.text);
        !value && value.error().code != Code::resource_exhausted)
      std::abort();
  return 0;
}
