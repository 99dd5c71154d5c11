#include "probe/probe.h"

#include <fmt/format.h>
#include <signal.h>

#include "aio/scope.h"
#include "base/text.h"
#include "net/http_client.h"

namespace croft::probe {
namespace {

constexpr Bytes page_most = Bytes::mib(1);
constexpr size_t output_most = 4096;
constexpr size_t line_most = 64 << 10;  // a longer line is looked at in pieces

aio::Task<Result<>> connects(aio::World& world, std::string host, uint16_t port) {
  auto addresses = CO_TRY(co_await world.net.resolve(host));
  Result<> last = fail(Code::not_found, fmt::format("'{}' has no address", host));
  for (const std::string& address : addresses) {
    auto stream = co_await world.net.connect({address, port, ""});
    if (stream) co_return Result<>{};
    last = fail(std::move(stream).error());
  }
  co_return last;
}

aio::Task<Result<>> answers(aio::World& world, model::Probe probe) {
  auto response = CO_TRY(co_await page(world, probe, page_most));
  if (response.status < probe.least || response.status > probe.most)
    co_return fail(Code::unavailable, probe.least == probe.most
                                          ? fmt::format("{} answers {}, not {}", probe.url,
                                                        response.status, probe.least)
                                          : fmt::format("{} answers {}, not {} to {}", probe.url,
                                                        response.status, probe.least, probe.most));
  if (probe.pattern.empty()) co_return Result<>{};
  Pattern pattern = CO_TRY(Pattern::compile(probe.pattern));
  if (CO_TRY(pattern.found_in(response.body))) co_return Result<>{};
  co_return fail(Code::unavailable,
                 fmt::format("{} answers without '{}'", probe.url, probe.pattern));
}

aio::Task<Result<std::string>> output_and_end(aio::Child& child) {
  std::string text;
  std::array<char, 1024> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await child.read(buffer));
    if (got == 0) break;
    if (text.size() < output_most) text.append(buffer.data(), got);
  }
  auto status = CO_TRY(co_await child.wait());
  if (status.code == 0 && status.signal == 0) co_return text;
  std::string how = status.signal ? fmt::format("was killed by signal {}", status.signal)
                                  : fmt::format("ended with {}", status.code);
  std::string_view last = trim(text);
  last = last.substr(last.rfind('\n') == std::string_view::npos ? 0 : last.rfind('\n') + 1);
  co_return fail(Code::unavailable,
                 last.empty() ? how : fmt::format("{}: {}", how, printable(last.substr(0, 200))));
}

aio::Task<Result<>> succeeds(aio::World& world, model::Probe probe, Surroundings around) {
  aio::ProcessOptions options;
  options.command = probe.command;
  options.environment = std::move(around.environment);
  if (options.environment.empty())
    options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  options.directory = around.directory;
  options.pipe_output = true;
  options.new_session = true;
  auto child = CO_TRY(world.processes.start(std::move(options)));
  auto ended = co_await output_and_end(*child);
  if (ended) co_return Result<>{};
  // Asked to stop waiting (or the pipe broke): the program must not outlive the question.
  if (ended.error().code == Code::cancelled) {
    auto killed = child->kill(SIGKILL);
    static_cast<void>(killed);
    auto reaped = co_await aio::shield(child->wait());
    static_cast<void>(reaped);
  }
  co_return fail(std::move(ended).error().frame(fmt::format("asking '{}'", probe.command.front())));
}

aio::Task<Result<>> ask_kind(aio::World& world, model::Probe probe, Surroundings around) {
  switch (probe.kind) {
    case model::Probe::Kind::port:
      co_return co_await connects(world, probe.host, probe.port);
    case model::Probe::Kind::http:
      co_return co_await answers(world, std::move(probe));
    case model::Probe::Kind::file: {
      auto info = co_await world.disk.info(probe.path);
      if (info) co_return Result<>{};
      co_return fail(std::move(info).error());
    }
    case model::Probe::Kind::command:
      if (probe.command.empty())
        co_return fail(Code::invalid_argument, "a command probe has no command");
      co_return co_await succeeds(world, std::move(probe), std::move(around));
    case model::Probe::Kind::log: {
      Pattern pattern = CO_TRY(Pattern::compile(probe.pattern));
      LogScan scan(world, around.log_file, around.log_from, std::move(pattern));
      if (CO_TRY(co_await scan.look())) co_return Result<>{};
      co_return fail(Code::unavailable,
                     fmt::format("no line with '{}' was written", probe.pattern));
    }
    case model::Probe::Kind::notify:
      break;
  }
  co_return fail(Code::unsupported, "only who supervises a process hears its READY=1");
}

std::string subject(const model::Probe& probe) {
  switch (probe.kind) {
    case model::Probe::Kind::port:
      return fmt::format("port {}:{}", probe.host, probe.port);
    case model::Probe::Kind::http:
      return probe.url;
    case model::Probe::Kind::file:
      return probe.path;
    case model::Probe::Kind::command:
      return probe.command.empty() ? "a command" : "'" + probe.command.front() + "'";
    case model::Probe::Kind::log:
      return "the log";
    case model::Probe::Kind::notify:
      return "READY=1";
  }
  return "a question";
}

}  // namespace

aio::Task<Result<net::Response>> page(aio::World& world, const model::Probe& probe, Bytes most) {
  net::ClientRequest request;
  request.url = CO_TRY(net::Url::parse(probe.url));
  request.deadline = probe.timeout;
  request.connect_deadline = probe.timeout;
  request.answer_limit = most;
  // A service on its own machine has seldom a certificate for the name it is probed by.
  net::HttpClient client(world, {.idle_per_host = 0, .verify_tls = false});
  co_return co_await client.send(std::move(request));
}

aio::Task<Result<>> ask(aio::World& world, model::Probe probe, Surroundings around) {
  std::string what = "asking " + subject(probe);
  Duration limit = probe.timeout;
  co_return co_await aio::deadline(
      world.clock, limit, ask_kind(world, std::move(probe), std::move(around)), std::move(what));
}

Result<bool> LogScan::take(std::string_view bytes) {
  partial_ += bytes;
  size_t begin = 0;
  for (size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (TRY(pattern_.found_in(std::string_view(partial_).substr(begin, end - begin)))) return true;
  partial_.erase(0, begin);
  if (partial_.empty()) return false;
  if (TRY(pattern_.found_in(partial_))) return true;
  if (partial_.size() > line_most) partial_.clear();
  return false;
}

aio::Task<Result<bool>> LogScan::look() {
  auto file = co_await world_.disk.open(path_, aio::OpenMode::read);
  if (!file && file.error().code == Code::not_found) co_return false;
  if (!file) co_return fail(std::move(file).error());
  if (CO_TRY(co_await (*file)->size()) < at_) {
    at_ = 0;
    partial_.clear();
  }
  std::string buffer(line_most, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await (*file)->read_at(at_, buffer));
    if (got == 0) co_return false;
    at_ += got;
    if (CO_TRY(take(std::string_view(buffer).substr(0, got)))) co_return true;
  }
}

}  // namespace croft::probe
