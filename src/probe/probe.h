// Questions about a place, asked from the machine that this runs on: does a port accept, does a
// page answer, is a file there, does a command succeed, was a line written. One implementation for
// agents, components and the eye from outside. Loop thread only.
#pragma once
#include <string>

#include "aio/world.h"
#include "base/pattern.h"
#include "model/host_work.h"
#include "net/http_client.h"

namespace croft::probe {

/// What a command probe's program gets beside PATH; and where the output is that a log probe reads.
struct Surroundings {
  std::vector<std::string> environment;  ///< NAME=value; empty: PATH alone
  std::string directory;
  std::string log_file;
  uint64_t log_from = 0;  ///< lines before this offset do not count
};

/// Asks once; at most `probe.timeout`. Success is yes; the error says for people why not. A notify
/// probe is answered by who supervises the process: Code::unsupported here.
aio::Task<Result<>> ask(aio::World& world, model::Probe probe, Surroundings around = {});

/// GET of the probe's page, whatever the status; at most `most` of it.
aio::Task<Result<net::Response>> page(aio::World& world, const model::Probe& probe, Bytes most);

/// Reads what a growing text file has got since the last look, line by line; an incomplete last
/// line counts as a line too, and is looked at again. A file that became shorter is begun anew.
class LogScan {
 public:
  LogScan(aio::World& world, std::string path, uint64_t from, Pattern pattern)
      : world_(world), path_(std::move(path)), at_(from), pattern_(std::move(pattern)) {}
  /// Was a matching line there? A file that is not there has none.
  aio::Task<Result<bool>> look();

 private:
  Result<bool> take(std::string_view bytes);
  aio::World& world_;
  std::string path_;
  uint64_t at_;
  std::string partial_;
  Pattern pattern_;
};

}  // namespace croft::probe
