// What all clients of a process share: one HTTP connection pool and one retrier, whose budget per
// endpoint keeps croft's parts from multiplying load together. Loop thread only.
#pragma once
#include <functional>
#include <string>

#include "aio/world.h"
#include "net/http_client.h"
#include "net/retry.h"

namespace croft::cloud {

/// References: they must outlive every client made from it.
struct Connection {
  aio::World& world;
  net::HttpClient& http;
  net::Retrier& retrier;
};

/// Told before each pause of a retried call: "http://...: 503 SlowDown; next try in 1.2 s".
using Waiting = std::function<void(const std::string&)>;

}  // namespace croft::cloud
