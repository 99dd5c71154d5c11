#include "cli/log_merge.h"

#include <utility>

namespace croft::cli {

namespace {
constexpr size_t line_most = 1 << 20;
}  // namespace

size_t LogMerge::add(bool late) {
  sources_.emplace_back().behind = !late;
  if (!late) ++empty_behind_;
  return sources_.size() - 1;
}

void LogMerge::push(size_t source, LogLine line) {
  Source& from = sources_[source];
  if (from.lines.empty()) {
    heads_.emplace(line.time.ns, source);
    if (from.behind) --empty_behind_;
  }
  from.lines.push_back(std::move(line));
}

void LogMerge::take(size_t source, WallTime time, std::string_view bytes) {
  Source& from = sources_[source];
  while (!bytes.empty()) {
    if (!from.since) from.since = time;
    size_t end = bytes.find('\n');
    from.held += bytes.substr(0, end);
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
    if (end == bytes.npos && from.held.size() <= line_most) break;
    push(source, {*std::exchange(from.since, std::nullopt), std::exchange(from.held, {})});
  }
  flush();
}

void LogMerge::caught_up(size_t source) {
  Source& from = sources_[source];
  if (std::exchange(from.behind, false) && from.lines.empty()) --empty_behind_;
  flush();
}

void LogMerge::end(size_t source) {
  Source& from = sources_[source];
  if (from.since)
    push(source, {*std::exchange(from.since, std::nullopt), std::exchange(from.held, {})});
  caught_up(source);
}

void LogMerge::flush() {
  while (empty_behind_ == 0 && !heads_.empty()) {
    size_t source = heads_.extract(heads_.begin()).value().second;
    Source& from = sources_[source];
    LogLine line = std::move(from.lines.front());
    from.lines.pop_front();
    if (!from.lines.empty())
      heads_.emplace(from.lines.front().time.ns, source);
    else if (from.behind)
      ++empty_behind_;
    print_(source, line);
  }
}

}  // namespace croft::cli
