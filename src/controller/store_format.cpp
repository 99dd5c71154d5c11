#include "controller/store_format.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/backup.h"

namespace croft::controller {

namespace {

constexpr const char* format_key = "v1/format";

int last_of(const std::vector<FormatStep>& steps) {
  return steps.empty() ? first_format : steps.back().to;
}

/// Written whole or not at all: a file of that name is a whole one.
aio::Task<Result<>> keep_backup(aio::World& world, store::Store& store, std::string home,
                                int format) {
  std::string file = fmt::format("{}/controller/format-{}.backup", home, format);
  if (co_await world.disk.info(file)) co_return Result<>{};
  std::string text;
  CO_TRY(co_await back_up(world, store, home, [&text](std::string lines) -> aio::Task<Result<>> {
    text += lines;
    co_return Result<>{};
  }));
  CO_TRY(entries_of(text));
  CO_TRY(co_await world.disk.write_file(file, std::move(text), 0600));
  log::info("controller", "the store as it was, in format {}, is kept in {}", format, file);
  co_return Result<>{};
}

}  // namespace

const std::vector<FormatStep>& format_steps() {
  static const std::vector<FormatStep> steps;  // this is the first format
  return steps;
}

int present_format() {
  return last_of(format_steps());
}

aio::Task<Result<>> bring_up_to_date(aio::World& world, store::Store& store, std::string home,
                                     const std::vector<FormatStep>& steps) {
  int present = last_of(steps);
  auto kept = CO_TRY(co_await store.get(format_key));
  if (!kept) {
    CO_TRY(co_await store.commit({{format_key, 0}},
                                 {{.key = format_key, .value = fmt::format("{}", present)}}));
    co_return Result<>{};
  }
  auto number = parse_u64(kept->value);
  if (!number || *number > static_cast<uint64_t>(present))
    co_return fail(Error(Code::unsupported,
                         fmt::format("a newer croft has written this store (format {}, and this "
                                     "one reads up to {})",
                                     printable(kept->value), present))
                       .hint("run that croft; nothing was changed"));
  auto format = static_cast<int>(*number);
  if (format == present) co_return Result<>{};
  CO_TRY(co_await keep_backup(world, store, home, format));
  uint64_t modified = kept->modified;
  for (const FormatStep& step : steps) {
    if (step.to <= format) continue;
    log::info("controller", "the store becomes format {}: {}", step.to, step.what);
    auto done = co_await step.change(store);
    if (!done)
      co_return fail(std::move(done).error().frame(
          fmt::format("bringing the store to format {} ({})", step.to, step.what)));
    world.crash.pass("format step");
    modified = CO_TRY(co_await store.commit(
        {{format_key, modified}}, {{.key = format_key, .value = fmt::format("{}", step.to)}}));
    world.crash.pass("format step is marked");
  }
  co_return Result<>{};
}

}  // namespace croft::controller
