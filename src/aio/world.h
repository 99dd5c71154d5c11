// Everything outside a computation: time, network, disk, processes, chance. One loop thread per
// World. aio/real is libuv; aio/sim is virtual time, a simulated network and disk, and one seed.
// A World& is passed down; there is no global one. Loop thread only, except Pools' work functions.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aio/task.h"
#include "base/units.h"

namespace croft::aio {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Moment now() = 0;  ///< CLOCK_BOOTTIME: goes on while the machine sleeps
  virtual WallTime wall() = 0;
  /// Code::cancelled when the waiting coroutine is cancelled.
  virtual Task<Result<>> sleep(Duration duration);

  using TimerId = uint64_t;
  /// Calls `function` on the loop once `at` has come, unless stopped before.
  virtual TimerId call_at(Moment at, std::move_only_function<void()> function) = 0;
  /// No effect when it has run already.
  virtual void stop(TimerId timer) = 0;
};

/// "127.0.0.1:8080", "[::1]:8080", or "unix:/path".
struct Address {
  std::string host;  ///< an IP address in text form; empty for a unix socket
  uint16_t port = 0;
  std::string path;  ///< of a unix socket
  bool is_unix() const { return !path.empty(); }
  std::string text() const;
  static Result<Address> parse(std::string_view text);
  friend bool operator==(const Address&, const Address&) = default;
};

/// Who is at the other end of a unix socket (SO_PEERCRED); -1 where it is not one.
struct PeerCredentials {
  int64_t pid = -1;
  int64_t uid = -1;
  int64_t gid = -1;
};

class File;

/// A connected byte stream. One reader and one writer at a time.
class Stream {
 public:
  virtual ~Stream() = default;  ///< closes
  /// At least one byte, or 0 at the end of the stream.
  virtual Task<Result<size_t>> read(std::span<char> into) = 0;
  /// All of it, in one system call where possible (head and body together). The views must stay
  /// valid until it returns.
  virtual Task<Result<>> write(std::vector<std::string_view> pieces) = 0;
  /// The bytes of a file: sendfile where the transport allows it.
  virtual Task<Result<>> send_file(File& file, uint64_t offset, uint64_t length);
  /// No more writes; the peer reads the end. Reads go on.
  virtual Task<Result<>> shutdown() = 0;
  /// Both directions, at once; pending operations end with Code::unavailable.
  virtual void close() = 0;
  virtual Address peer() const = 0;
  virtual PeerCredentials credentials() const { return {}; }
};

class Listener {
 public:
  virtual ~Listener() = default;  ///< closes; a unix socket's file goes too
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual Address local() const = 0;
  virtual void close() = 0;
};

/// A bound datagram socket (UDP). One receiver at a time; sends may overlap.
class Datagrams {
 public:
  struct Received {
    size_t size = 0;
    bool truncated = false;  ///< it was longer than the buffer
    Address from;
  };
  virtual ~Datagrams() = default;  ///< closes
  virtual Task<Result<Received>> receive(std::span<char> into) = 0;
  /// What is there already; nullopt: nothing that is known of. For who takes many at a time.
  virtual std::optional<Received> try_receive(std::span<char> into) {
    static_cast<void>(into);
    return std::nullopt;
  }
  /// Handed to the network, which may lose it.
  virtual Task<Result<>> send(Address to, std::string_view data) = 0;
  virtual Address local() const = 0;
  virtual void close() = 0;
};

class Net {
 public:
  virtual ~Net() = default;
  /// Errors: Code::unavailable (refused, unreachable), Code::timeout by the caller's deadline.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Address to) = 0;
  /// Port 0: the kernel chooses. A unix socket is made with mode 0600.
  virtual Result<std::unique_ptr<Listener>> listen(const Address& at) = 0;
  /// Takes over a listening or connected socket made elsewhere (another network namespace).
  virtual Result<std::unique_ptr<Listener>> adopt_listener(int fd) = 0;
  virtual Result<std::unique_ptr<Stream>> adopt_stream(int fd) = 0;
  /// Port 0: the kernel chooses.
  virtual Result<std::unique_ptr<Datagrams>> datagrams(const Address& at) = 0;
  virtual Result<std::unique_ptr<Datagrams>> adopt_datagrams(int fd) = 0;
  /// Addresses of a name, in the order to try; a literal address gives itself.
  virtual Task<Result<std::vector<std::string>>> resolve(std::string host) = 0;
  /// Readiness of a raw descriptor (netlink, pidfd, packet sockets): returns when readable.
  virtual Task<Result<>> readable(int fd) = 0;
};

struct FileInfo {
  bool is_directory = false;
  uint64_t size = 0;
  WallTime modified;
  uint32_t mode = 0;
};

/// An open file. Positions are explicit, so reads and writes may overlap in time.
class File {
 public:
  virtual ~File() = default;  ///< closes
  /// Bytes read, fewer only at the end of the file.
  virtual Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) = 0;
  virtual Task<Result<>> write_at(uint64_t offset, std::string_view data) = 0;
  virtual Task<Result<>> sync() = 0;  ///< fdatasync
  virtual Task<Result<uint64_t>> size() = 0;
  virtual Task<Result<>> truncate(uint64_t size) = 0;
  /// The descriptor for sendfile; -1 in the simulation.
  virtual int descriptor() const { return -1; }
};

enum class OpenMode { read, read_write, create, create_new };

class SyncDisk;

class Disk {
 public:
  virtual ~Disk() = default;
  /// create: made if absent (mode 0600), kept if present; create_new: Code::already_exists.
  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) = 0;
  /// The whole file, at most `limit` bytes (Code::resource_exhausted above).
  virtual Task<Result<std::string>> read_file(std::string path, Bytes limit) = 0;
  /// Whole or not at all, durable on return: temporary file, sync, rename, sync of the folder. A
  /// crash may leave "`path`.tmp.*" beside it.
  virtual Task<Result<>> write_file(std::string path, std::string data, uint32_t mode = 0600) = 0;
  virtual Task<Result<>> rename(std::string from, std::string to) = 0;
  virtual Task<Result<>> remove(std::string path) = 0;  ///< a file; Code::not_found
  virtual Task<Result<>> remove_tree(std::string path) = 0;
  virtual Task<Result<>> make_dirs(std::string path, uint32_t mode = 0700) = 0;
  virtual Task<Result<>> sync_dir(std::string path) = 0;
  virtual Task<Result<std::vector<std::string>>> list(std::string path) = 0;  ///< names, sorted
  virtual Task<Result<FileInfo>> info(std::string path) = 0;                  ///< Code::not_found
  /// In the simulation: the same files for a library that does its own input and output (SQLite).
  /// Null in a RealWorld, where such a library asks the kernel.
  virtual SyncDisk* sync_disk() { return nullptr; }
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<uint8_t> out) = 0;
  uint64_t next();
  uint64_t below(uint64_t bound);     ///< uniform in [0, bound); `bound` > 0
  double unit();                      ///< uniform in [0, 1)
  std::string hex_id(size_t digits);  ///< lower-case hex
};

/// How a program is started. The environment is given whole; nothing is inherited but what stands
/// here.
struct ProcessOptions {
  std::vector<std::string> command;      ///< absolute path or looked up in PATH; then arguments
  std::vector<std::string> environment;  ///< NAME=value
  std::string directory;
  std::string output_file;            ///< stdout and stderr are appended here; else /dev/null
  bool new_session = false;           ///< setsid: outlives its parent's terminal
  std::vector<int> pass_descriptors;  ///< become 3, 4, ... in the child
  bool pipe_input = false;            ///< Child::write feeds its stdin
  bool pipe_output = false;           ///< Child::read gives its stdout
};

struct ExitStatus {
  int code = 0;
  int signal = 0;
};

class Child {
 public:
  virtual ~Child() = default;  ///< does not kill
  virtual int pid() const = 0;
  virtual Task<Result<ExitStatus>> wait() = 0;
  virtual Result<> kill(int signal) = 0;
  virtual Task<Result<>> write(std::string data) = 0;
  /// The child reads the end of its stdin.
  virtual void close_input() = 0;
  virtual Task<Result<size_t>> read(std::span<char> into) = 0;
};

class Processes {
 public:
  virtual ~Processes() = default;
  virtual Result<std::unique_ptr<Child>> start(ProcessOptions options) = 0;
  /// Completes when one of the signals arrives. SIGINT and SIGTERM mostly. From the first call on
  /// these signals are caught for good; one that arrives between two calls is kept for the next.
  virtual Task<Result<int>> signal(std::vector<int> numbers) = 0;
};

/// Threads for work that blocks. In the simulation the work runs inline, at its turn.
enum class Pool { disk, dns, hash };

class Pools {
 public:
  virtual ~Pools() = default;
  /// `work` on a pool thread, then `done` on the loop thread.
  virtual void submit(Pool pool, std::move_only_function<void()> work,
                      std::move_only_function<void()> done) = 0;
};

/// Numbered places where a crash test may kill the process: every durable step and outside call,
/// before and after. Real: CROFT_CRASH_AT=N kills at the Nth, CROFT_CRASH_LOG=FILE lists them.
/// Any thread.
class CrashPoints {
 public:
  virtual ~CrashPoints() = default;
  virtual void pass(std::string_view name) = 0;
};

struct World {
  Executor& executor;
  Clock& clock;
  Net& net;
  Disk& disk;
  Processes& processes;
  Random& random;
  Pools& pools;
  CrashPoints& crash;
};

}  // namespace croft::aio
