#include "aio/read_durable.h"

namespace croft::aio {

Task<Result<std::string>> read_durable(World& world, std::string path, Bytes limit) {
  std::string text = CO_TRY(co_await world.disk.read_file(path, limit));
  auto file = CO_TRY(co_await world.disk.open(path, OpenMode::read));
  CO_TRY(co_await file->sync());
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  CO_TRY(co_await world.disk.sync_dir(std::move(folder)));
  co_return text;
}

}  // namespace croft::aio
