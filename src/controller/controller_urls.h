// Where operators reach the controllers of one store, so that whoever knows one of them can go to
// another. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "aio/task.h"
#include "store/store.h"

namespace croft::controller {

/// Of the controller of that name, from now on; no URL: nobody reaches it any more.
aio::Task<Result<>> keep_controller_url(store::Store& store, std::string name, std::string url);
/// Those that may be up, at most a few dozen.
aio::Task<Result<std::vector<std::string>>> controller_urls(store::Store& store);

}  // namespace croft::controller
