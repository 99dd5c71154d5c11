// Whatever arrives at the front door before anybody is known: the head of a request, its address,
// its signature and the first look at an S3 body. Nothing may crash, and nobody may get in.
#include "aio/sim/sim_world.h"
#include "farm/api/dispatch.h"
#include "farm/s3/local_farm.h"
#include "wire/http1.h"

using namespace croft;

namespace {

struct Target {
  aio::SimWorld sim{1};
  std::unique_ptr<farm::s3::LocalFarm> farm;
  Target() {
    auto opened = sim.run(farm::s3::LocalFarm::open(sim.world()));
    CHECK(opened, "the farm opens");
    farm = std::move(*opened);
  }
};

aio::Task<Result<int>> knock(farm::s3::LocalFarm& farm, wire::RequestHead head, std::string body) {
  farm::s3::MemoryExchange exchange(std::move(head), std::move(body));
  CO_TRY(co_await farm.door().handle(exchange, {}));
  co_return exchange.status;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Target target;
  wire::RequestParser parser;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto used = parser.head(input);
  if (!used || *used == 0) return 0;
  auto status =
      target.sim.run(knock(*target.farm, parser.request(), std::string(input.substr(*used))));
  CHECK(status, "every request is answered");
  bool open_to_all = parser.request().path() == "/_croft/health";
  CHECK(open_to_all || *status >= 400, "a request that nobody signed was served");
  return 0;
}
