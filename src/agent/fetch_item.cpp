// Something fetched over HTTP, checked, and put or unpacked in its place.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "agent/item.h"
#include "agent/unpack.h"
#include "aio/scope.h"
#include "aio/system_error.h"
#include "base/digest.h"
#include "base/text.h"
#include "net/http_client.h"

namespace croft::agent {
namespace {

constexpr int tries = 5;
constexpr int redirects_max = 5;
constexpr size_t piece_bytes = 256 << 10;

std::unexpected<Error> refused(const char* what, const std::string& path) {
  return fail(aio::system_error(errno, fmt::format("cannot {} '{}'", what, path)));
}

/// A file that goes unless it was put in place.
struct Temporary {
  std::string path;
  int fd = -1;
  ~Temporary() {
    if (fd >= 0) ::close(fd);
    if (!path.empty()) unlink(path.c_str());
  }
};

/// Without the query: a presigned one is as good as a password for a while.
std::string shown(const std::string& url) {
  return url.substr(0, url.find('?'));
}

class FetchItem final : public Item {
 public:
  FetchItem(Place& place, model::HostWork work,
            std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)),
        fetch_(std::get<model::FetchWork>(work_.what)) {}

  aio::Task<Result<>> keep() override;
  aio::Task<Result<>> end(const model::HostWork* next) override;

 private:
  aio::Task<Result<>> fetch_once();
  aio::Task<Result<std::unique_ptr<net::ResponseStream>>> open(net::HttpClient& client);
  aio::Task<Result<>> pour(net::ResponseStream& from, Temporary& into);
  Result<> place(Temporary& file, const User& owner);

  const model::FetchWork& fetch_;  // in work_
};

aio::Task<Result<std::unique_ptr<net::ResponseStream>>> FetchItem::open(net::HttpClient& client) {
  std::string url = fetch_.url;
  for (int i = 0; i <= redirects_max; ++i) {
    net::ClientRequest request;
    request.url = CO_TRY(net::Url::parse(url));
    request.deadline = fetch_.within;
    auto stream = CO_TRY(co_await client.open(std::move(request)));
    int status = stream->head().status;
    if (status == 200) co_return stream;
    std::string_view location = stream->head().headers.value("Location");
    bool redirected =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!redirected || location.empty())
      co_return fail(Error(status >= 500 || status == 429 ? Code::unavailable : Code::not_found,
                           fmt::format("{} answers {}", shown(url), status)));
    if (location.starts_with('/')) {
      net::Url next = CO_TRY(net::Url::parse(url));
      next.target = location;
      url = next.text();
    } else {
      url = location;
    }
  }
  co_return fail(Code::unavailable, fmt::format("{} redirects without end", shown(fetch_.url)));
}

aio::Task<Result<>> FetchItem::pour(net::ResponseStream& from, Temporary& into) {
  Hasher hasher(Hash::sha256);
  std::string buffer(piece_bytes, '\0');
  uint64_t total = 0;
  for (;;) {
    size_t got = CO_TRY(co_await from.read(buffer));
    if (got == 0) break;
    total += got;
    if (total > static_cast<uint64_t>(fetch_.most.count()))
      co_return fail(Code::resource_exhausted,
                     fmt::format("{} has more than {}", shown(fetch_.url), fetch_.most.text()));
    std::string_view piece(buffer.data(), got);
    hasher.update(piece);
    CO_TRY(co_await aio::blocking(place_.world, aio::Pool::disk, [&]() -> Result<> {
      ssize_t put = ::write(into.fd, piece.data(), piece.size());
      if (put >= 0 && put < static_cast<ssize_t>(piece.size())) errno = ENOSPC;
      if (put != static_cast<ssize_t>(piece.size())) return refused("write", into.path);
      return {};
    }));
  }
  std::string digest = hex(hasher.finish());
  if (fetch_.sha256.empty() || digest == to_lower(fetch_.sha256)) co_return Result<>{};
  co_return fail(Code::corrupt, fmt::format("{} has the digest {}, not {}", shown(fetch_.url),
                                            digest, fetch_.sha256));
}

Result<> FetchItem::place(Temporary& file, const User& owner) {
  bool root = geteuid() == 0;
  if (root && fchown(file.fd, static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
    return refused("give away", file.path);
  if (fchmod(file.fd, static_cast<mode_t>(fetch_.mode)) != 0)
    return refused("set the mode of", file.path);
  if (fsync(file.fd) != 0) return refused("write", file.path);
  if (::rename(file.path.c_str(), fetch_.path.c_str()) != 0)
    return refused("put in place", fetch_.path);
  file.path.clear();
  return {};
}

aio::Task<Result<>> FetchItem::fetch_once() {
  User owner = CO_TRY(find_user(fetch_.owner, fetch_.group));
  CO_TRY(make_parents(fetch_.path));
  Temporary file;
  std::string name = fetch_.path + ".croft-XXXXXX";
  file.fd = mkostemp(name.data(), O_CLOEXEC);
  if (file.fd < 0) co_return refused("write beside", fetch_.path);
  file.path = name;
  {
    // Its certificates cost megabytes: they go when the thing is here.
    net::HttpClient client(place_.world, {.idle_per_host = 0});
    auto stream = CO_TRY(co_await open(client));
    CO_TRY(co_await pour(*stream, file));
  }
  if (!fetch_.unpack) co_return place(file, owner);
  say(Phase::starting, "unpacks");
  co_return co_await unpack(place_.world, {.archive = file.path,
                                           .into = fetch_.path,
                                           .strip = fetch_.strip,
                                           .owner = owner,
                                           .within = fetch_.within,
                                           .most = fetch_.most});
}

aio::Task<Result<>> FetchItem::keep() {
  if (!fetch_.path.starts_with('/') || fetch_.path.ends_with('/'))
    co_return fail(Code::invalid_argument,
                   fmt::format("'{}' is no absolute path", printable(fetch_.path)));
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  if (done && done->digest == work_.digest && access(fetch_.path.c_str(), F_OK) == 0) {
    say(Phase::ready);
    co_return Result<>{};
  }
  Result<> fetched;
  Duration pause = Duration::milliseconds(500);
  for (int i = 1; i <= tries; ++i, pause = pause * 2) {
    say(Phase::starting, "fetches " + shown(fetch_.url));
    fetched = co_await aio::deadline(place_.world.clock, fetch_.within, fetch_once(),
                                     "fetching " + shown(fetch_.url));
    if (fetched || fetched.error().code != Code::unavailable) break;
    if (i == tries) break;
    say(Phase::starting,
        fmt::format("{}; tried again in {}", fetched.error().line(), pause.text()));
    CO_TRY(co_await place_.world.clock.sleep(pause));
  }
  CO_TRY(std::move(fetched));
  CO_TRY(co_await place_.folder.save_done(work_.name,
                                          {work_.digest, 0, 0, "", "", place_.world.clock.wall()}));
  say(Phase::ready);
  co_return Result<>{};
}

aio::Task<Result<>> FetchItem::end(const model::HostWork* next) {
  const auto* then = next ? std::get_if<model::FetchWork>(&next->what) : nullptr;
  bool same = then && then->path == fetch_.path && then->unpack == fetch_.unpack;
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  // What it never put there is not its own.
  if (done && !same) {
    std::error_code error;
    if (fetch_.unpack)
      std::filesystem::remove_all(fetch_.path, error);
    else
      std::filesystem::remove(fetch_.path, error);
    if (error)
      co_return fail(
          aio::system_error(error.value(), fmt::format("cannot remove '{}'", fetch_.path)));
  }
  co_return co_await place_.folder.erase_done(work_.name);
}

}  // namespace

std::unique_ptr<Item> make_fetch_item(Place& place, model::HostWork work,
                                      std::function<void(const model::WorkState&)> changed) {
  return std::make_unique<FetchItem>(place, std::move(work), std::move(changed));
}

}  // namespace croft::agent
