// What is to be so on a host, as data: the agent makes it so and keeps it so by itself, also while
// the controller is away. Component types turn their attributes into it (components/host/),
// protocol carries it, agent executes it, probe asks the questions in it. Pure data. An item is the
// same as before when its name and digest are: then nothing is touched.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "base/units.h"

namespace croft::model {

/// A question whose answer is yes or no.
struct Probe {
  enum class Kind {
    port,     ///< a TCP connection to `host`:`port` is accepted
    http,     ///< GET `url` answers within `least`..`most`; the body matches `pattern`, if any
    file,     ///< `path` exists
    command,  ///< `command` ends with 0
    log,      ///< a line of the process's output matches `pattern` (since its start)
    notify,   ///< the process said READY=1 (sd_notify); only for being ready
  };
  Kind kind = Kind::port;
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string url;
  int least = 200, most = 399;
  std::string path;
  std::vector<std::string> command;
  std::string pattern;                      ///< a regular expression
  Duration timeout = Duration::seconds(5);  ///< of one try
  Duration period = Duration::seconds(1);   ///< between tries
  int failures = 3;                         ///< so many in a row mean no
  friend bool operator==(const Probe&, const Probe&) = default;
};
std::string_view name_of(Probe::Kind kind);  ///< "port", "http", ...

/// What a process may use. 0: not limited.
struct ProcessLimits {
  Bytes memory;
  int cpu_permille = 0;  ///< of one core
  int processes = 0;
  int files = 0;  ///< open descriptors
  Bytes core;     ///< of a core dump; 0: none is written
  friend bool operator==(const ProcessLimits&, const ProcessLimits&) = default;
};

/// A secret for a process: never in its arguments, nor in its environment.
struct SecretFile {
  std::string name;  ///< file in the process's secrets folder (tmpfs, its user alone may read it)
  Secret value;
};

struct ProcessWork {
  std::vector<std::string> command;  ///< absolute path, or looked up in PATH; then arguments
  std::map<std::string, std::string>
      environment;          ///< beside PATH, HOME, USER, CREDENTIALS_DIRECTORY
  std::string user, group;  ///< empty: the agent's
  std::string directory;    ///< empty: its own folder
  /// A folder in /run that is its user's, made anew after each start of the machine, which empties
  /// /run; RUNTIME_DIRECTORY names it.
  std::string runtime_directory;
  ProcessLimits limits;
  std::vector<SecretFile> secrets;  ///< CREDENTIALS_DIRECTORY names their folder
  std::optional<Probe> ready;       ///< none: it is ready once it runs
  Duration ready_within = Duration::minutes(1);
  std::optional<Probe> alive;  ///< asked while it runs; no: it is ended and started again
  enum class Restart { always, on_failure, never };
  Restart restart = Restart::always;
  Duration backoff = Duration::milliseconds(100);  ///< doubles with each start that did not last
  Duration backoff_most = Duration::seconds(30);
  int crash_loop = 5;  ///< so many starts in a row that did not last are a crash loop
  std::string stop_signal = "TERM";
  Duration stop_within = Duration::seconds(10);  ///< then KILL, to all its processes
  Bytes log_most = Bytes::mib(16);               ///< of its output, in `log_files` files
  int log_files = 4;
  /// Where it tells figures of its own: an http or a file probe; the text format of Prometheus.
  std::optional<Probe> metrics;
  std::vector<std::string> metric_names;  ///< only these; empty: the first ones
};

/// A program that runs once to its end; that it ended well is remembered, also over a restart.
struct RunWork {
  std::vector<std::string> command;
  std::string input;  ///< to its standard input: a script
  std::map<std::string, std::string> environment;
  std::string user, group, directory;
  std::vector<SecretFile> secrets;
  Duration within = Duration::minutes(5);
  std::string creates;            ///< it is not run where this path exists
  std::vector<std::string> undo;  ///< run when the item is removed; failures are told, not more
  std::string schedule;  ///< "m h dom mon dow" (crontab(5), UTC): run then, again and again
};

struct FileWork {
  enum class Kind { file, directory };
  Kind kind = Kind::file;
  std::string path;  ///< absolute
  std::string content;
  bool secret = false;  ///< the content is
  int mode = 0644;
  std::string owner, group;  ///< empty: the agent's
  bool keep = false;         ///< stays when the item is removed
};

/// Something fetched, checked, and put or unpacked at `path`.
struct FetchWork {
  std::string url;      ///< http or https (a presigned one for objects of S3)
  std::string sha256;   ///< lower-case hex; empty: not checked
  std::string path;     ///< of the file, or with `unpack` of the folder
  bool unpack = false;  ///< tar (also .gz, .xz, .zst) or zip
  int strip = 0;        ///< leading folders of the archive's names to drop
  int mode = 0644;
  std::string owner, group;
  Bytes most = Bytes::gib(4);
  Duration within = Duration::minutes(15);
};

/// Only a question, asked again and again from the host.
struct ProbeWork {
  Probe probe;
};

struct HostWork {
  std::string name;    ///< the component's path, "shop:web:server"
  std::string digest;  ///< of all the rest: another one means the item changed
  std::variant<ProcessWork, RunWork, FileWork, FetchWork, ProbeWork> what;
};

/// How an item is.
struct WorkState {
  enum class Phase {
    waiting,   ///< accepted, not begun
    starting,  ///< a process that is not ready yet; a program, a fetch under way
    ready,     ///< so it is
    backoff,   ///< ended, started again soon
    failing,   ///< it is not so: a crash loop, a probe that says no, a program that failed
    ended,     ///< a process that is not started again (restart says so)
    stopping,
    gone,
  };
  std::string name;
  std::string digest;  ///< of the item it is; empty: its secrets went with the machine's memory
  Phase phase = Phase::waiting;
  std::string why;  ///< for people: "exit status 1, started again in 400 ms"
  int64_t pid = 0;
  int64_t restarts = 0;                       ///< since the item is what it is
  std::optional<int> exit_code, exit_signal;  ///< of the last end
  WallTime since;                             ///< of the phase
  std::string output;                         ///< the last lines of a program that ended
  friend bool operator==(const WorkState&, const WorkState&) = default;
};
std::string_view name_of(WorkState::Phase phase);  ///< "waiting", "starting", ...

/// What the processes of an item use of their host, and what they tell of themselves.
struct WorkUsage {
  Duration cpu;       ///< since the start of those that live, of children that ended included
  Bytes memory;       ///< resident
  int64_t files = 0;  ///< open descriptors
  int64_t processes = 0;
  std::map<std::string, double> metrics;  ///< by name: ProcessWork::metrics
  friend bool operator==(const WorkUsage&, const WorkUsage&) = default;
};

}  // namespace croft::model
