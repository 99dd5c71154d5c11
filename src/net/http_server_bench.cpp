// Small requests a second over kept connections, against nginx serving a plain file of the same
// size, one worker each, in turns. Prints the medians and their ratio; needs nginx and wrk.
//   http_server_bench [ROUNDS] [SECONDS]
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "aio/real/real_world.h"
#include "base/text.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace croft::net {
namespace {

const std::string page(512, 'x');

aio::Task<Result<>> answer(Exchange& exchange) {
  co_return co_await exchange.respond(200, {{"Content-Type", "application/octet-stream"}}, page);
}

struct Folder {
  char path[32] = "/tmp/croft-bench-XXXXXX";
  Folder() { CHECK(mkdtemp(path), "no temporary folder"); }
  ~Folder() {
    for (const char* name : {"page", "nginx.conf", "log", "pid"})
      unlink((std::string(path) + "/" + name).c_str());
    rmdir(path);
  }
  std::string file(std::string_view name) const { return fmt::format("{}/{}", path, name); }
};

aio::Task<Result<std::string>> output_of(aio::World& world, std::vector<std::string> command) {
  aio::ProcessOptions options;
  options.command = std::move(command);
  options.environment = {"PATH=/usr/bin:/bin"};
  options.pipe_output = true;
  auto child = CO_TRY(world.processes.start(std::move(options)));
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await child->read(buffer));
    if (got == 0) break;
    out.append(buffer.data(), got);
  }
  CO_TRY(co_await child->wait());
  co_return out;
}

aio::Task<Result<double>> rate(aio::World& world, std::string url, int connections, int seconds) {
  std::vector<std::string> command{"wrk", "-t1", fmt::format("-c{}", connections),
                                   fmt::format("-d{}s", seconds), url};
  std::string out = CO_TRY(co_await output_of(world, std::move(command)));
  size_t at = out.find("Requests/sec:");
  if (at == std::string::npos) co_return fail(Code::unavailable, "wrk says: " + printable(out));
  if (out.find("Non-2xx") != std::string::npos)
    co_return fail(Code::internal, "wrk saw errors: " + printable(out));
  co_return std::strtod(out.c_str() + at + 13, nullptr);
}

/// nginx with one worker; its port is found by trying.
struct Nginx {
  std::unique_ptr<aio::Child> child;
  std::string url;
  Nginx() = default;
  Nginx(Nginx&&) = default;
  ~Nginx() {
    if (child) static_cast<void>(child->kill(SIGTERM));
  }
};

aio::Task<Result<Nginx>> start_nginx(aio::World& world, const Folder& folder) {
  std::ofstream(folder.file("page")) << page;
  uint16_t port = static_cast<uint16_t>(20000 + world.random.below(20000));
  std::ofstream(folder.file("nginx.conf")) << fmt::format(
      "daemon off; master_process off; pid {0}/pid; error_log {0}/log;\n"
      "events {{ worker_connections 256; }}\n"
      "http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n"
      "  server {{ listen 127.0.0.1:{1}; root {0}; }} }}\n",
      folder.path, port);
  Nginx nginx;
  aio::ProcessOptions options;
  options.command = {"nginx",     "-e", folder.file("log"),       "-p",
                     folder.path, "-c", folder.file("nginx.conf")};
  options.environment = {"PATH=/usr/sbin:/usr/bin:/bin"};
  nginx.child = CO_TRY(world.processes.start(std::move(options)));
  nginx.url = fmt::format("http://127.0.0.1:{}/page", port);
  HttpClient client(world);
  ClientRequest request;
  request.url = CO_TRY(Url::parse(nginx.url));
  for (int tries = 0;; ++tries) {
    auto response = co_await client.send(request);
    if (response && response->status == 200) co_return nginx;
    if (tries == 100) co_return fail(Code::unavailable, "nginx does not answer");
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(20)));
  }
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

aio::Task<Result<>> compare(aio::World& world, std::string ours, int rounds, int seconds) {
  Folder folder;
  Nginx nginx = CO_TRY(co_await start_nginx(world, folder));
  for (int connections : {1, 16}) {
    std::vector<double> croft_rates, nginx_rates;
    for (int round = 0; round < rounds; ++round) {
      croft_rates.push_back(CO_TRY(co_await rate(world, ours, connections, seconds)));
      nginx_rates.push_back(CO_TRY(co_await rate(world, nginx.url, connections, seconds)));
    }
    double croft = median(croft_rates), peer = median(nginx_rates);
    fmt::print("{:>2} connections: croft {:.0f} requests/s, nginx {:.0f}, ratio {:.2f}\n",
               connections, croft, peer, croft / peer);
    std::fflush(stdout);
  }
  co_return Result<>{};
}

aio::Task<Result<>> bench(aio::World& world, HttpServer& server, int rounds, int seconds) {
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
  std::string url = "http://" + listener->local().text() + "/page";
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(std::move(listener)));
  auto result = co_await compare(world, url, rounds, seconds);
  scope.cancel();
  CO_TRY(co_await scope.join());
  co_return result;
}

}  // namespace
}  // namespace croft::net

int main(int argc, char** argv) {
  using namespace croft;
  int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  int seconds = argc > 2 ? std::atoi(argv[2]) : 2;
  auto real = aio::RealWorld::open();
  if (!real) return fmt::print(stderr, "{}\n", real.error().render()), 1;
  net::HttpServer server((*real)->world(), net::answer);
  auto result = (*real)->run(net::bench((*real)->world(), server, rounds, seconds));
  if (!result) return fmt::print(stderr, "{}\n", result.error().render()), 1;
}
