// Any text is a schedule or an error, and the minute that a schedule names lies ahead.
#include "agent/cron.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto cron = croft::agent::Cron::parse({reinterpret_cast<const char*>(data), size});
  if (!cron) return 0;
  auto now = croft::WallTime::from_unix_seconds(1'700'000'000);
  auto next = cron->next(now);
  CHECK(!next || *next > now, "a schedule names a time that is over");
  return 0;
}
