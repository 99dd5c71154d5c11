// The rest of the checklist: known ways out of containers, what two machines must not share, and
// bombs beside a neighbour that has to go on answering.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/text.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

namespace croft::sandbox {
namespace {

class EscapeRoutesTest : public TestFarm {};

/// What `pid` sees of itself, by the name of the namespace.
std::map<std::string, std::string> namespaces_of(const std::string& pid) {
  std::map<std::string, std::string> out;
  for (const char* name : {"mnt", "pid", "net", "ipc", "uts", "user", "cgroup"}) {
    char text[64] = {};
    std::string path = fmt::format("/proc/{}/ns/{}", pid, name);
    if (readlink(path.c_str(), text, sizeof text - 1) > 0) out[name] = text;
  }
  return out;
}

TEST_F(EscapeRoutesTest, NamespacesAndIdsAreSharedWithNobody) {
  Machine one = start(spec(130)), two = start(spec(131));
  auto host = namespaces_of("self");
  auto first = namespaces_of(std::to_string(one.pid)),
       second = namespaces_of(std::to_string(two.pid));
  ASSERT_EQ(first.size(), 7u);
  for (const auto& [name, id] : first) {
    EXPECT_NE(id, host[name]) << name << " is the host's";
    EXPECT_NE(id, second[name]) << name << " is the neighbour's";
  }
  std::set<int64_t> begins;
  for (int pid : {one.pid, two.pid})
    for (const char* kind : {"uid_map", "gid_map"}) {
      auto map = read_whole(fmt::format("/proc/{}/{}", pid, kind));
      ASSERT_TRUE(map);
      std::vector<int64_t> numbers;
      for (const std::string& word : split(*map, ' '))
        if (auto number = parse_i64(trim(word))) numbers.push_back(*number);
      ASSERT_EQ(numbers.size(), 3u) << *map;
      EXPECT_EQ(numbers[0], 0);
      EXPECT_EQ(numbers[2], 65536);
      EXPECT_EQ(numbers[1] % 65536, 0) << "ranges that begin there cannot overlap in part";
      EXPECT_GT(numbers[1], 65535) << "ids of this computer";
      begins.insert(numbers[1]);
    }
  EXPECT_EQ(begins.size(), 2u) << "each has a range of its own";
}

TEST_F(EscapeRoutesTest, OldWaysOutAreClosed) {
  ASSERT_TRUE(write_new(folder_ + "-secret", "of this computer", 0644));
  std::string script = fmt::format("secret={}-secret\n", folder_) + R"sh(
say() { echo "$1: ${2:-nothing}"; }
# chroot without chdir, then up: stops at the machine's own root.
say chroot "$(perl -e 'mkdir "/root/c"; chroot "/root/c"; chdir ".." for 1..64; chroot "."; print -e $ARGV[0] ? "out" : -e "/etc/hostname" ? "own root" : "lost"' $secret)"
say proc-root "$(cat /proc/1/root$secret 2>/dev/null)"
say proc-cwd "$(cat /proc/1/cwd$secret 2>/dev/null)"
say init-write "$( (exec 3<>/proc/1/exe) 2>/dev/null && echo open || echo refused)"
say init-memory "$( (exec 3<>/proc/1/mem) 2>/dev/null && echo open || echo refused)"
kill -9 1; say init-kill "still here"
say core-limit "$(ulimit -c unlimited 2>/dev/null && echo raised || echo stays)"
say file-limit "$(ulimit -n 10000000 2>/dev/null && echo raised || echo stays)"
cp /usr/bin/perl /root/suid; chmod 4755 /root/suid; chmod 755 /root
say suid "$(setpriv --reuid 1000 --clear-groups /root/suid -e 'print $> == 0 ? "root" : "user"')"
say caps "$(cp /usr/bin/perl /root/caps; setcap cap_net_admin+ep /root/caps 2>/dev/null; setpriv --reuid 1000 --clear-groups sh -c '/root/caps -e 1; awk "/CapEff/{print \$2}" /proc/self/status')"
say hidden "$(setpriv --reuid 1000 --clear-groups sh -c 'cat /proc/1/environ /proc/1/cmdline 2>/dev/null | wc -c')"
say masked "$(for f in timer_list sched_debug kcore keys latency_stats acpi scsi; do cat /proc/$f 2>/dev/null; done | wc -c)"
say proc-sys "$(find /proc/sys/kernel /proc/sys/vm /proc/sys/fs -maxdepth 1 -type f -writable 2>/dev/null | while read f; do (echo 0 > $f) 2>/dev/null && echo $f; done)"
say mounts "$(awk '$5 != "/dev" && $5 != "/dev/pts" && ($6 !~ /nosuid/) {print $5}' /proc/self/mountinfo | tr '\n' ' ')"
say devices "$(awk '$5 !~ "^/(dev|proc)/?" && ($6 !~ /nodev/) {print $5}' /proc/self/mountinfo | tr '\n' ' ')"
say sockets "$(cat /proc/net/unix | grep -c '@')"
say release-agent "$(find / -xdev -name release_agent 2>/dev/null)"
say disks "$(find /dev -type b)"
say memory-of-kernel "$(ls /dev/mem /dev/kmsg /dev/port /dev/kvm /dev/fuse /dev/loop-control 2>/dev/null)"
say hidden-host "$(grep -c . /proc/modules 2>/dev/null)"
say uts "$(hostname elsewhere 2>/dev/null; hostname)"
)sh";
  auto results = results_of(132, script);
  EXPECT_EQ(results["chroot"], "own root");
  EXPECT_EQ(results["proc-root"], "nothing");
  EXPECT_EQ(results["proc-cwd"], "nothing");
  EXPECT_EQ(results["init-write"], "refused");
  EXPECT_EQ(results["init-memory"], "refused");
  EXPECT_EQ(results["init-kill"], "still here");
  EXPECT_EQ(results["core-limit"], "stays");
  EXPECT_EQ(results["file-limit"], "stays");
  EXPECT_EQ(results["suid"], "user");
  EXPECT_EQ(results["caps"], "0000000000000000");
  EXPECT_EQ(results["hidden"], "0");
  EXPECT_EQ(results["masked"], "0");
  EXPECT_EQ(results["proc-sys"], "nothing");
  EXPECT_EQ(results["mounts"], "nothing");
  EXPECT_EQ(results["devices"], "nothing");
  EXPECT_EQ(results["sockets"], "0");
  EXPECT_EQ(results["release-agent"], "nothing");
  EXPECT_EQ(results["disks"], "nothing");
  EXPECT_EQ(results["memory-of-kernel"], "nothing");
  EXPECT_THAT(console_, ::testing::Not(::testing::HasSubstr("of this computer")));
  if (HasFailure()) fmt::print("{}", console_);
  unlink((folder_ + "-secret").c_str());
}

TEST_F(EscapeRoutesTest, NoMulticastAndNoBroadcast) {
  start(spec(133, R"sh(#!/bin/bash
perl -MSocket -e '$|=1; socket(S,PF_INET,SOCK_DGRAM,0); setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1); bind(S,sockaddr_in(5005,INADDR_ANY));
setsockopt(S,IPPROTO_IP,35,inet_aton("239.1.2.3").inet_aton("10.77.0.133")) or print "join: $!\n"; print "serving\n";
while(recv(S,$m,99,0)){print "got: $m\n"}' &
)sh"));
  console_with(spec(133).id, "serving");
  // What all may hear, then what one may: the last proves that the way is open.
  results_of(
      134,
      R"sh(perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,0); setsockopt(S,SOL_SOCKET,SO_BROADCAST,1);
setsockopt(S,IPPROTO_IP,33,pack("C",8));
for $to ("239.1.2.3","224.0.0.1","255.255.255.255","10.77.255.255") { send(S,"everybody",0,sockaddr_in(5005,inet_aton($to))) }
send(S,"one",0,sockaddr_in(5005,inet_aton("10.77.0.133"))) or print "send: $!\n"'
)sh");
  std::string seen = console_with(spec(133).id, "got: one");
  EXPECT_THAT(seen, ::testing::HasSubstr("got: one"));
  EXPECT_THAT(seen, ::testing::Not(::testing::HasSubstr("everybody")));
}

/// A machine that answers each caller with a number that only grows while it lives.
constexpr const char* neighbour = R"sh(#!/bin/sh
perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>7000,Listen=>5,ReuseAddr=>1) or die $!;
$|=1; print "serving\n"; while($c=$s->accept){$n++; open F,">/root/proof" or $n="disk: $!"; print F $n; close F or $n="disk: $!"; print $c "alive $n"; close $c}' &
)sh";

TEST_F(EscapeRoutesTest, BombsLeaveTheNeighbourAlone) {
  start(spec(135, neighbour));
  console_with(spec(135).id, "serving");
  // Each ends by its machine's own limits; then the bomber asks the neighbour, over the network.
  std::string ask =
      "ask() { echo \"after $1: $(timeout 20 bash -c 'exec 3<>/dev/tcp/10.77.0.135/7000 && cat "
      "<&3' 2>/dev/null || echo nobody)\"; }\n";
  auto results = results_of(136, ask + R"sh(
perl -e 'for (1..20000) { open($f[$_], "<", "/dev/null") or do { $n = $_; last } } print "fds: ", ($n > 0 && $n <= 1024 ? "limited" : "not limited"), "\n"'
ask fds
perl -e 'for (1..2000) { $p = fork; if (!defined $p) { $failed = 1; last } if (!$p) { sleep 600; exit } push @p, $p }
kill 9, @p; waitpid $_, 0 for @p; print "forks: ", ($failed ? "limited" : "not limited"), "\n"'
ask forks
dd if=/dev/zero of=/root/bomb bs=1M count=4096 2>/dev/null; echo "disk: $([ $(stat -c %s /root/bomb) -lt 70000000 ] && echo limited)"; rm /root/bomb
ask disk
perl -e 'mkdir "/root/many"; for (1..200000) { open F,">/root/many/$_" or do { print "inodes: limited\n"; last }; close F }'; rm -rf /root/many
ask inodes
perl -e 'push @x, "a" x 10000000 for 1..1000' 2>/dev/null; echo "memory: $?"
ask memory
head -c 1G /dev/zero > /dev/shm/bomb 2>/dev/null; echo "shm: $([ $(stat -c %s /dev/shm/bomb) -lt 300000000 ] && echo limited)"; rm -f /dev/shm/bomb
ask shm
)sh");
  for (const char* bomb : {"fds", "forks", "disk", "inodes", "shm"})
    EXPECT_EQ(results[bomb], "limited") << bomb;
  EXPECT_EQ(results["memory"], "137");
  int answers = 0;
  for (const char* bomb : {"fds", "forks", "disk", "inodes", "memory", "shm"})
    EXPECT_EQ(results[fmt::format("after {}", bomb)], fmt::format("alive {}", ++answers));
  // The farm goes on, too, and the bomber can be ended.
  destroy(spec(136).id);
  start(spec(137, "#!/bin/sh\necho well\n"));
  EXPECT_THAT(console_with(spec(137).id, "user data finished"), ::testing::HasSubstr("well"));
  if (HasFailure()) fmt::print("{}", console_);
}

}  // namespace
}  // namespace croft::sandbox
