// croft controller backup, restore: all that a controller knows, in one file.
#include "controller/backup.h"

#include "cli/application.h"
#include "cli/login.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr Bytes largest = Bytes(int64_t{4} << 30);
constexpr size_t piece = 64 << 10;

aio::Task<Result<int>> backup(aio::World& world, Invocation& invocation) {
  std::string file = invocation.positional(0);
  ControllerClient client(world, invocation.home);
  auto stream = CO_TRY(co_await client.open("/v1/backup"));
  std::string text, buffer(piece, '\0');
  while (size_t got = CO_TRY(co_await stream->read(buffer))) text.append(buffer, 0, got);
  auto written = co_await world.disk.write_file(file, text);
  if (!written) co_return fail(std::move(written).error().frame("writing the backup to " + file));
  // Looked at as `restore` will: one that is cut is told now.
  auto entries = CO_TRY(controller::entries_of(text));
  if (invocation.json)
    invocation.terminal.print(
        json::pretty(json::Object{{"file", file}, {"entries", entries}, {"bytes", text.size()}}));
  else
    invocation.terminal.print(
        fmt::format("{}: {} entries, {} bytes; it opens what is secret here: "
                    "keep it so",
                    file, entries, text.size()));
  co_return exit_code::done;
}

int run_backup(Invocation& invocation) {
  return run_verb(invocation, backup);
}

aio::Task<Result<int>> restore(aio::World& world, Invocation& invocation) {
  CO_TRY(check_here(invocation.home, "restoring"));
  auto text = CO_TRY(co_await world.disk.read_file(invocation.positional(0), largest));
  auto entries = CO_TRY(co_await controller::restore(world, invocation.home, std::move(text)));
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{{"entries", entries}}));
  else
    invocation.terminal.print(
        fmt::format("{} entries are in {}: the next croft up or down goes on "
                    "from them. No other controller may have them any more",
                    entries, invocation.home));
  co_return exit_code::done;
}

int run_restore(Invocation& invocation) {
  return run_verb(invocation, restore);
}

}  // namespace

Command controller_backup_command() {
  return {
      .path = "controller backup",
      .summary = "write all that the controller knows into one file",
      .details =
          "Applications, journals, events, history, secrets (sealed) and the keys that open them: "
          "mode 0600, and to be kept as a secret. The controller goes on meanwhile.",
      .example = "croft controller backup croft.backup",
      .positionals = {{"FILE", "is written, and replaced where it is there"}},
      .options = {},
      .run = run_backup};
}

Command controller_restore_command() {
  return {
      .path = "controller restore",
      .summary = "bring what a backup holds into a fresh home",
      .details =
          "The controller that starts there goes on as after a crash: what was rented since the "
          "backup "
          "is not in its record, and croft audit finds it by its tags. The old controller must be "
          "gone: two with one record would both act.",
      .example = "croft controller restore croft.backup --home /var/lib/croft",
      .positionals = {{"FILE", "of croft controller backup"}},
      .options = {},
      .run = run_restore};
}

}  // namespace croft::cli
