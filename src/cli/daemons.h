// The two processes that `up` starts on this machine when they do not run: the controller of a home
// and its embedded farm. Both are this same binary, in a session of their own.
#pragma once
#include <optional>
#include <string>

#include "aio/world.h"
#include "terminal/terminal.h"

namespace croft::cli {

struct EmbeddedFarm {
  std::string url;       ///< "http://127.0.0.1:40123": the same over restarts
  std::string data;      ///< HOME/farm
  bool started = false;  ///< by this call
};

/// Starts the controller of `home` unless one answers. True when this call started it. When the new
/// process ends early its log's last lines are in the Error.
aio::Task<Result<bool>> ensure_controller(aio::World& world, terminal::Terminal& terminal,
                                          std::string home);

/// The same for the farm of `home`. `only_for`: the process with whose end a farm that this call
/// starts goes, even where that process was killed.
aio::Task<Result<EmbeddedFarm>> ensure_farm(aio::World& world, terminal::Terminal& terminal,
                                            std::string home, std::optional<int> only_for = {});

/// The farm of `home` when it runs; Code::unavailable otherwise.
aio::Task<Result<EmbeddedFarm>> running_farm(aio::World& world, std::string home);

/// Until a serving process that was told to end has ended: it removes its pid file as its last act,
/// when its store is closed. Code::timeout after 30 s; `name` is for that error.
aio::Task<Result<>> until_ended(aio::World& world, std::string name, std::string pid_file);

/// HOME/farm
std::string farm_folder(const std::string& home);

}  // namespace croft::cli
