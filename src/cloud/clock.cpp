#include "cloud/clock.h"

#include "base/log.h"

namespace croft::cloud {

namespace {
// The service refuses from 5 minutes (EC2) or 15 (S3); less is no reason.
constexpr Duration tolerated = Duration::minutes(4);
}  // namespace

WallTime time_at(const Connection& connection, const net::Url& url) {
  return connection.world.clock.wall() + connection.retrier.clock_ahead(url.authority());
}

void learn_time(const Connection& connection, const net::Url& url, const net::Response& answer,
                Error& refusal) {
  if (answer.status != 400 && answer.status != 401 && answer.status != 403) return;
  auto theirs = WallTime::parse_http_date(answer.headers.value("date"));
  if (!theirs) return;
  Duration wrong = *theirs - time_at(connection, url);
  if (wrong < tolerated && Duration() - wrong < tolerated) return;
  Duration ahead = *theirs - connection.world.clock.wall();
  log::warn("cloud", "the clock of {} is {} {} ours: requests are signed with its time",
            url.authority(), (ahead < Duration() ? Duration() - ahead : ahead).text(),
            ahead < Duration() ? "behind" : "ahead of");
  connection.retrier.set_clock_ahead(url.authority(), ahead);
  refusal.code = Code::unavailable;
  refusal.fact("sent", "no");
}

}  // namespace croft::cloud
