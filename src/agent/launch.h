// Starting the programs of host work, and finding them again. A workload runs in a session of its
// own, as its own user, with its own limits, in a cgroup of its own where that is possible; it
// leaves a mark (FOLDER/pids/PID, written before its first instruction) by which the next agent
// finds it. Linux. Loop thread only.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cgroup.h"
#include "aio/world.h"
#include "base/signals.h"
#include "model/host_work.h"

namespace croft::agent {

/// Whose a workload is, as its mark says.
struct Mark {
  std::string name, digest;
  int64_t restarts = 0;
  uint64_t log_from = 0;  ///< where its output begins in the log file
  int pid = 0;
  uint64_t started = 0;  ///< ticks since the machine's start (proc(5), starttime)
};

struct User {
  int64_t uid = -1, gid = -1;
  std::vector<uint32_t> groups;
  std::string name, home = "/", shell = "/bin/sh";
};
struct Launch {
  std::vector<std::string> command;  ///< looked up in the PATH of `environment`
  std::vector<std::string> environment;
  std::optional<User> user;  ///< none: the agent's
  std::string directory;
  model::ProcessLimits limits;
  std::string output_file;  ///< stdout and stderr are appended; made, and given to the user
  int input = -1;           ///< becomes stdin; else /dev/null
  int output = -1;          ///< becomes stdout and stderr instead of the file
  int errors = -1;          ///< becomes stderr instead of `output`
  bool terminal = false;    ///< `input` is a terminal, to become the controlling one
  std::string cgroup;       ///< name of its own; empty: none
  std::optional<Mark> mark;
};

/// From /etc/passwd and /etc/group as they are now. Empty names: the agent's own.
Result<User> find_user(const std::string& user, const std::string& group);

struct Ended {
  int code = 0, signal = 0;
  bool known = true;  ///< false: it ended while nobody looked
};
std::string text_of(const Ended& ended);  ///< "exit status 1", "killed by signal 9 (KILL)"

/// A started program. Dropping it does not end it.
class Running {
 public:
  Running(aio::World& world, int pid, int pidfd, std::string ends_file,
          std::optional<Cgroup> cgroup)
      : world_(&world),
        pid_(pid),
        pidfd_(pidfd),
        ends_file_(std::move(ends_file)),
        cgroup_(std::move(cgroup)) {}
  Running(Running&& other) noexcept;
  Running& operator=(Running&&) = delete;
  ~Running();

  int pid() const { return pid_; }
  /// Its number is another's by now: it has ended, and no signal goes by that number.
  void has_another_number() { renumbered_ = true; }
  /// Returns when it has ended. May be asked again.
  aio::Task<Result<Ended>> wait();
  Result<> signal(int number);      ///< the program itself
  Result<> signal_all(int number);  ///< all processes of its session and cgroup
  /// KILL to all of it until nothing is left, at most a while; takes the cgroup away.
  aio::Task<Result<>> clear();

 private:
  Ended learn();
  bool anyone_left() const;
  aio::World* world_;
  int pid_, pidfd_;
  std::string ends_file_;
  std::optional<Cgroup> cgroup_;
  std::optional<Ended> ended_;
  bool renumbered_ = false;  ///< another has its number, which none of its session then still has
};

class Launcher {
 public:
  /// `folder` has pids/ and ends/, which exist.
  Launcher(aio::World& world, std::string folder, Cgroups& cgroups)
      : world_(world), folder_(std::move(folder)), cgroups_(cgroups) {}
  /// The program runs (its exec has succeeded) when this returns. Blocks for well under 1 ms.
  Result<Running> start(const Launch& launch);
  /// The workloads that marks tell of, dead ones too.
  std::vector<Mark> marks() const;
  /// Ended ones too: wait() tells how it ended, as far as anyone knows.
  Running adopt(const Mark& mark, const std::string& cgroup);
  void forget(const Mark& mark);
  /// The cgroup of that name, as far as there is one.
  Cgroup group(const std::string& cgroup) const { return cgroups_.existing(cgroup); }
  /// Set and asked for by who supervises: that it was ready once.
  void note_ready(int pid) const;
  bool was_ready(int pid) const;

 private:
  std::string mark_file(int pid) const;
  aio::World& world_;
  std::string folder_;
  Cgroups& cgroups_;
};

/// Of a process that runs: ticks; nullopt when there is none.
std::optional<uint64_t> start_ticks(int pid);

}  // namespace croft::agent
