#include "base/log.h"

#include <cstdlib>

// Header-only here, once: a shared spdlog would cost every start of the binary its loading.
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace croft::log {
namespace {

spdlog::level::level_enum convert(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

Level from_environment(Level fallback) {
  const char* text = std::getenv("CROFT_LOG");
  std::string_view word = text ? text : "";
  if (word == "debug") return Level::debug;
  if (word == "info") return Level::info;
  if (word == "warn") return Level::warn;
  if (word == "error") return Level::error;
  if (word == "off") return Level::off;
  return fallback;
}

std::shared_ptr<spdlog::logger> make(spdlog::sink_ptr sink, Level level) {
  auto logger = std::make_shared<spdlog::logger>("croft", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(convert(level));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::shared_ptr<spdlog::logger>& current() {
  static std::shared_ptr<spdlog::logger> logger =
      make(std::make_shared<spdlog::sinks::stderr_sink_mt>(), from_environment(Level::warn));
  return logger;
}

}  // namespace

Result<void> open(const std::string& file, Level level) {
  level = from_environment(level);
  if (file.empty()) {
    current() = make(std::make_shared<spdlog::sinks::stderr_sink_mt>(), level);
    return {};
  }
  try {
    current() = make(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file), level);
  } catch (const spdlog::spdlog_ex& problem) {
    return fail(Code::io, fmt::format("cannot write the log {}: {}", file, problem.what()));
  }
  return {};
}

void set_level(Level level) {
  current()->set_level(convert(level));
}
bool enabled(Level level) {
  return current()->should_log(convert(level));
}

void write(Level level, std::string_view module, std::string_view text) {
  current()->log(convert(level), "{}: {}", module, text);
}

}  // namespace croft::log
