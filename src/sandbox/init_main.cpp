// croft-init: process 1 of a machine. Static, small, without libraries. It runs user data once, at
// the first boot; reaps; keeps the console, which lies outside of the machine and is limited; ends
// or restarts everything when asked. Under the names poweroff, halt, reboot and shutdown it is the
// command that asks process 1 to do so.
//
// What it finds open: 3 the boot sheet, 4 the console file, 5 the note that says why it ended.
// Signals: SIGTERM from outside with the grace in ms as value: stop; SIGRTMIN+5: restart. From
// inside SIGTERM, SIGRTMIN+3, SIGRTMIN+4: power off; SIGRTMIN+5: restart (as with systemd).
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/sheet.h"

namespace {

using croft::sandbox::Sheet;

constexpr int boot_fd = 3;
constexpr int console_fd = 4;
constexpr int note_fd = 5;
constexpr off_t console_limit = 512 * 1024;  // then the oldest are dropped
constexpr off_t console_kept = 256 * 1024;
constexpr int default_grace_ms = 10'000;
constexpr int kill_patience_ms = 5'000;
constexpr int look_every_ms = 60'000;  // whether anybody knows this machine
const char* const marker = "/var/lib/cloud/instance/sem/user-data";
const char* const script_folder = "/var/lib/cloud/instance/scripts";
const char* const boot_folder = "/var/lib/cloud/scripts/per-boot";

int64_t now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

void write_fully(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t done = write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    text.remove_prefix(static_cast<size_t>(done));
  }
}

class Console {
 public:
  void open() {
    struct stat info{};
    size_ = fstat(console_fd, &info) == 0 ? info.st_size : 0;
  }
  void write(std::string_view text) {
    if (pwrite(console_fd, text.data(), text.size(), size_) == static_cast<ssize_t>(text.size())) {
      size_ += static_cast<off_t>(text.size());
    }
    if (size_ > console_limit) drop_oldest();
  }
  void say(const std::string& text) { write("croft-init: " + text + "\n"); }
  /// Removed with the farm's folder: nobody will ever find this machine again.
  bool is_gone() const {
    struct stat info{};
    return fstat(console_fd, &info) == 0 && info.st_nlink == 0;
  }

 private:
  void drop_oldest() {
    std::string kept(static_cast<size_t>(console_kept), '\0');
    ssize_t got = pread(console_fd, kept.data(), kept.size(), size_ - console_kept);
    if (got < 0) got = 0;
    if (pwrite(console_fd, kept.data(), static_cast<size_t>(got), 0) < 0) got = 0;
    if (ftruncate(console_fd, got) != 0) return;
    size_ = got;
  }
  off_t size_ = 0;
};

void make_folders(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at == path.size() || path[at] == '/') mkdir(path.substr(0, at).c_str(), 0755);
  }
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool put_file(const std::string& path, std::string_view text, mode_t mode, bool append) {
  make_folders(folder_of(path));
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), mode);
  if (fd < 0) return false;
  write_fully(fd, text);
  fchmod(fd, mode);
  close(fd);
  return true;
}

/// Ids by name from /etc/passwd (or /etc/group); getpwnam would load shared libraries.
long id_of(const char* table, const std::string& name) {
  FILE* file = fopen(table, "re");
  if (file == nullptr) return -1;
  char line[1024];
  long id = -1;
  while (id < 0 && fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, name.c_str(), name.size()) != 0 || line[name.size()] != ':') continue;
    const char* field = strchr(line + name.size() + 1, ':');
    if (field != nullptr) id = strtol(field + 1, nullptr, 10);
  }
  fclose(file);
  return id;
}

struct Script {
  std::string name;
  std::string path;
};

class Init {
 public:
  int run();

 private:
  enum class Wish { none, stop, power_off, restart };

  bool read_boot_sheet();
  void first_boot();
  void later_boot();
  void write_file(const std::string& entry);
  void start_next_script();
  void reap();
  void take_signal();
  void copy_output(int fd);
  void end_processes(int grace_ms);
  void note(std::string_view why) {
    if (ftruncate(note_fd, 0) == 0) pwrite(note_fd, why.data(), why.size(), 0);
  }

  Sheet sheet_;
  Console console_;
  int signals_ = -1;
  int output_[2] = {-1, -1};
  int fifo_ = -1;
  int log_ = -1;
  std::vector<Script> scripts_;
  size_t next_script_ = 0;
  pid_t running_ = 0;
  bool user_data_ = false;
  Wish wish_ = Wish::none;
  int grace_ms_ = default_grace_ms;
};

bool Init::read_boot_sheet() {
  std::string data;
  char buffer[16384];
  for (;;) {
    ssize_t got = read(boot_fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    data.append(buffer, static_cast<size_t>(got));
  }
  close(boot_fd);
  return Sheet::decode(data, sheet_) && !sheet_.empty();
}

/// "path\0mode\0owner\0a\0content": a file of #cloud-config's write_files ("a": append).
void Init::write_file(const std::string& entry) {
  std::string part[4];
  size_t at = 0;
  for (std::string& field : part) {
    size_t end = entry.find('\0', at);
    if (end == std::string::npos) return;
    field = entry.substr(at, end - at);
    at = end + 1;
  }
  mode_t mode = static_cast<mode_t>(strtol(part[1].c_str(), nullptr, 8));
  if (!put_file(part[0], std::string_view(entry).substr(at), mode, part[3] == "a")) {
    console_.say("cannot write " + part[0] + ": " + strerror(errno));
    return;
  }
  if (part[2].empty()) return;
  size_t colon = part[2].find(':');
  long user = id_of("/etc/passwd", part[2].substr(0, colon));
  long group = colon == std::string::npos ? -1 : id_of("/etc/group", part[2].substr(colon + 1));
  if (user < 0) {
    console_.say("no user '" + part[2] + "' for " + part[0]);
  } else if (chown(part[0].c_str(), static_cast<uid_t>(user), static_cast<gid_t>(group)) != 0) {
    console_.say("cannot give " + part[0] + " to " + part[2] + ": " + strerror(errno));
  }
}

/// What cloud-init does at every boot; at the first one user data only brings these scripts.
void Init::later_boot() {
  dirent** names = nullptr;
  int count = scandir(boot_folder, &names, nullptr, alphasort);
  for (int i = 0; i < count; ++i) {
    std::string path = std::string(boot_folder) + "/" + names[i]->d_name;
    if (names[i]->d_name[0] != '.' && access(path.c_str(), X_OK) == 0)
      scripts_.push_back({names[i]->d_name, path});
    free(names[i]);
  }
  free(names);
}

void Init::first_boot() {
  if (sheet_.number("first_boot") == 0) return later_boot();
  make_folders(folder_of(marker));
  // Made before anything runs: user data runs at most once, whatever happens to the farm meanwhile.
  int fd = open(marker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    if (errno == EEXIST)
      later_boot();
    else
      console_.say(std::string("user data is not run: cannot create ") + marker + ": " +
                   strerror(errno));
    return;
  }
  close(fd);
  for (const auto& [key, value] : sheet_.entries()) {
    if (key == "say") console_.say(value);
    if (key == "file") write_file(value);
    if (key != "script") continue;
    size_t end = value.find('\0');
    if (end == std::string::npos) continue;
    Script script{value.substr(0, end), std::string(script_folder) + "/" + value.substr(0, end)};
    if (put_file(script.path, std::string_view(value).substr(end + 1), 0700, false)) {
      scripts_.push_back(std::move(script));
    } else {
      console_.say("cannot write " + script.path + ": " + strerror(errno));
    }
  }
  user_data_ = !scripts_.empty();
  if (user_data_) {
    make_folders("/var/log");
    log_ = open("/var/log/cloud-init-output.log",
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
  }
}

void Init::start_next_script() {
  while (running_ == 0 && next_script_ < scripts_.size()) {
    const Script& script = scripts_[next_script_++];
    pid_t pid = fork();
    if (pid < 0) {
      console_.say("cannot start " + script.name + ": " + strerror(errno));
      continue;
    }
    if (pid == 0) {
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      // Who made us ignores SIGTERM and others; a program that inherits that cannot be stopped in
      // time.
      for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
      setsid();
      prctl(PR_SET_DUMPABLE, 1);
      dup2(output_[1], 1);
      dup2(output_[1], 2);
      if (chdir("/") != 0) _exit(126);
      char* const argv[] = {const_cast<char*>(script.path.c_str()), nullptr};
      execv(argv[0], argv);
      dprintf(2, "croft-init: cannot run %s: %s\n", script.name.c_str(), strerror(errno));
      _exit(127);
    }
    running_ = pid;
  }
  if (running_ == 0 && user_data_ && next_script_ == scripts_.size()) {
    user_data_ = false;
    put_file("/var/lib/cloud/instance/boot-finished", "", 0644, false);
    console_.say("user data finished");
  }
}

void Init::reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != running_) continue;
    running_ = 0;
    copy_output(output_[0]);
    const std::string& name = scripts_[next_script_ - 1].name;
    if (WIFSIGNALED(status))
      console_.say(name + " was ended by signal " + std::to_string(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
      console_.say(name + " ended with " + std::to_string(WEXITSTATUS(status)));
    if (wish_ == Wish::none) start_next_script();
  }
}

void Init::copy_output(int fd) {
  char buffer[16384];
  constexpr int most_rounds = 16;  // then the others get their turn
  for (int round = 0; round < most_rounds; ++round) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) return;
    std::string_view text(buffer, static_cast<size_t>(got));
    console_.write(text);
    if (log_ >= 0 && fd == output_[0]) write_fully(log_, text);
  }
}

void Init::take_signal() {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    // A sender outside of the machine's pid namespace has no pid here.
    bool outside = info.ssi_pid == 0;
    int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) continue;
    grace_ms_ = outside && info.ssi_code == SI_QUEUE ? info.ssi_int : default_grace_ms;
    if (number == SIGRTMIN + 5)
      wish_ = Wish::restart;
    else if (number == SIGTERM && outside)
      wish_ = Wish::stop;
    else if (number == SIGTERM || number == SIGRTMIN + 3 || number == SIGRTMIN + 4)
      wish_ = Wish::power_off;
  }
}

void Init::end_processes(int grace_ms) {
  auto wait_until = [this](int64_t deadline) {
    for (;;) {
      int status = 0;
      pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid < 0 && errno == ECHILD) return true;
      if (pid > 0) continue;
      copy_output(output_[0]);
      copy_output(fifo_);
      int64_t left = deadline - now_ms();
      if (left <= 0) return false;
      pollfd waits[] = {{signals_, POLLIN, 0}, {output_[0], POLLIN, 0}};
      poll(waits, 2, static_cast<int>(left < 100 ? left : 100));
      signalfd_siginfo info{};
      while (read(signals_, &info, sizeof info) == sizeof info) {
      }
    }
  };
  running_ = 0;
  bool done = false;
  if (grace_ms > 0) {
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    done = wait_until(now_ms() + grace_ms);
  }
  if (!done) {
    kill(-1, SIGKILL);
    wait_until(now_ms() + kill_patience_ms);
  }
  copy_output(output_[0]);
  copy_output(fifo_);
}

int Init::run() {
  // Nobody inside may take our descriptors or read our memory.
  prctl(PR_SET_DUMPABLE, 0);
  fcntl(console_fd, F_SETFD, FD_CLOEXEC);
  fcntl(note_fd, F_SETFD, FD_CLOEXEC);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  signals_ = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  console_.open();
  if (signals_ < 0 || pipe2(output_, O_CLOEXEC | O_NONBLOCK) != 0) {
    note("init: cannot set up");
    return 1;
  }
  fcntl(output_[1], F_SETFL, 0);  // programs do not expect their output to be non-blocking
  fifo_ = open("/dev/console", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (!read_boot_sheet()) {
    note("init: the farm ended while the machine was being made");
    return 1;
  }
  console_.say("booting " + sheet_.text("hostname"));
  first_boot();
  for (;;) {
    start_next_script();
    pollfd waits[] = {{signals_, POLLIN, 0}, {output_[0], POLLIN, 0}, {fifo_, POLLIN, 0}};
    poll(waits, fifo_ >= 0 ? 3 : 2, look_every_ms);
    // Whoever should end it then may be dead as well.
    if (console_.is_gone()) return 0;
    copy_output(output_[0]);
    if (fifo_ >= 0) copy_output(fifo_);
    take_signal();
    reap();
    if (wish_ == Wish::none) continue;
    Wish wish = wish_;
    wish_ = Wish::none;
    console_.say(wish == Wish::restart ? "restarting" : "stopping");
    end_processes(grace_ms_);
    if (wish != Wish::restart) {
      sync();
      note(wish == Wish::stop ? "stopped" : "poweroff");
      return 0;
    }
    user_data_ = false;
    scripts_.clear();
    next_script_ = 0;
    console_.say("booting " + sheet_.text("hostname"));
    later_boot();
  }
}

int ask_process_one(int argc, char** argv) {
  const char* slash = strrchr(argv[0], '/');
  std::string_view name = slash != nullptr ? slash + 1 : argv[0];
  bool restart = name == "reboot";
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "-r" || word == "--reboot") restart = true;
  }
  if (name == "croft-init") {
    fprintf(stderr,
            "croft-init is process 1 of a croft machine; poweroff and reboot are its commands\n");
    return 64;
  }
  if (kill(1, restart ? SIGRTMIN + 5 : SIGRTMIN + 4) != 0) {
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (getpid() != 1) return ask_process_one(argc, argv);
  return Init().run();
}
