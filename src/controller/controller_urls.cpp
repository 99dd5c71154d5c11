#include "controller/controller_urls.h"

namespace croft::controller {
namespace {
const std::string urls_at = "v1/controllers/";
constexpr size_t most = 32;
}  // namespace

aio::Task<Result<>> keep_controller_url(store::Store& store, std::string name, std::string url) {
  std::string key = urls_at + name;
  auto before = CO_TRY(co_await store.get(key));
  if ((before ? before->value : "") == url) co_return Result<>{};
  std::optional<std::string> value;
  if (!url.empty()) value = std::move(url);
  std::vector<store::Change> changes;
  changes.push_back({std::move(key), std::move(value)});
  CO_TRY(co_await store.commit({}, std::move(changes)));
  co_return Result<>{};
}

aio::Task<Result<std::vector<std::string>>> controller_urls(store::Store& store) {
  std::vector<std::string> out;
  for (auto& entry : CO_TRY(co_await store.range(store::prefix(urls_at, most))))
    out.push_back(std::move(entry.value));
  co_return out;
}

}  // namespace croft::controller
