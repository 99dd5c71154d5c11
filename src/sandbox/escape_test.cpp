// The sandbox's checklist: each line tries an escape from inside of a machine and must fail.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "base/text.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

namespace croft::sandbox {
namespace {

class EscapeTest : public TestFarm {};

TEST_F(EscapeTest, SystemCallsAreRefused) {
  // Perl's syscall() and errno show what the kernel answers; a killed child shows as its signal.
  std::string script = R"sh(
try() { out=$(perl -e '@a = map { $_ + 0 } @ARGV; $r = syscall($a[0], @a[1..$#a]); print $r < 0 ? "errno ".($!+0) : "allowed"' "${@:2}" 2>/dev/null); s=$?
  [ $s -gt 128 ] && out="signal $((s-128))"; echo "$1: $out"; }
try clone3 435 0 0
try io_uring 425 8 0
try clone-user 56 268435456 0 0 0 0
try unshare-user 272 268435456
try unshare-mount 272 131072
try mount 165 0 0 0 0 0
try umount 166 0 0
try pivot_root 155 0 0
try setns 308 0 0
try open_tree 428 0 0 1
try fsopen 430 0 0
try open_by_handle 304 0 0 0
try ptrace 101 0 0 0 0
try process_vm_readv 310 1 0 0 0 0 0
try pidfd_getfd 438 0 0 0
try perf_event_open 298 0 0 -1 -1 0
try userfaultfd 323 0
try keyctl 250 0 0
try add_key 248 0 0 0 0 0
try reboot 169 0 0 0 0
try settimeofday 164 0 0
try swapon 167 0 0
try syslog 103 3 0 0
try quotactl 179 0 0 0 0
try acct 163 0
try iopl 172 3
try init_module 175 0 0 0
try delete_module 176 0 0
try kexec 246 0 0 0 0
try bpf 321 0 0 0
try socket-packet 41 17 3 0
try socket-vsock 41 40 1 0
try socket-alg 41 38 5 0
try compat 1073741863
try tiocsti 16 0 21522 0
)sh";
  auto results = results_of(100, script);
  const std::string enosys = "errno 38", eperm = "errno 1", family = "errno 97",
                    killed = "signal 31";
  const std::pair<const char*, std::string> expected[] = {
      {"clone3", enosys},        {"io_uring", enosys},
      {"clone-user", eperm},     {"unshare-user", eperm},
      {"unshare-mount", eperm},  {"mount", eperm},
      {"umount", eperm},         {"pivot_root", eperm},
      {"setns", eperm},          {"open_tree", eperm},
      {"fsopen", eperm},         {"open_by_handle", eperm},
      {"ptrace", eperm},         {"process_vm_readv", eperm},
      {"pidfd_getfd", eperm},    {"perf_event_open", eperm},
      {"userfaultfd", eperm},    {"keyctl", eperm},
      {"add_key", eperm},        {"reboot", eperm},
      {"settimeofday", eperm},   {"swapon", eperm},
      {"syslog", eperm},         {"quotactl", eperm},
      {"acct", eperm},           {"iopl", eperm},
      {"init_module", killed},   {"delete_module", killed},
      {"kexec", killed},         {"bpf", killed},
      {"socket-packet", family}, {"socket-vsock", family},
      {"socket-alg", family},    {"compat", enosys},
      {"tiocsti", eperm}};
  for (const auto& [name, answer] : expected) EXPECT_EQ(results[name], answer) << name;
  if (HasFailure()) fmt::print("{}", console_);
}

TEST_F(EscapeTest, FilesAndIdentityAreTheMachinesOwn) {
  std::string script = R"sh(
echo "uid map: $(awk '{print $1, $3, ($2 >= 1879048192)}' /proc/self/uid_map)"
echo "nnp: $(awk '/NoNewPrivs/{print $2}' /proc/self/status) seccomp $(awk '/^Seccomp:/{print $2}' /proc/self/status)"
echo "bounding: $(awk '/CapBnd/{print $2}' /proc/self/status)"
size() { cat /proc/$1 2>/dev/null | wc -c; }
echo "kcore: $(size kcore) kallsyms $(size kallsyms) keys $(size keys)"
(echo b > /proc/sysrq-trigger) 2>/dev/null; echo "sysrq: still here"
echo "core pattern: $( (echo x > /proc/sys/kernel/core_pattern) 2>&1 | grep -c 'Read-only\|denied')"
echo "forward: $( (echo 1 > /proc/sys/net/ipv4/ip_forward) 2>&1 | grep -c 'Read-only\|denied')"
echo "init exe: $(readlink /proc/1/exe || echo hidden)"
echo "init fds: $(ls /proc/1/fd 2>/dev/null | wc -l)"
echo "sys: $(ls -A /sys | wc -l)"
echo "dev: $(ls /dev | tr '\n' ' ')"
echo "device: $(mknod /tmp/disk b 254 0 2>&1 | grep -c 'not permitted')"
echo "fds: $(ls /proc/self/fd | tr '\n' ' ')"
echo "files: $(ulimit -Sn) core $(ulimit -c)"
echo "tty: $( (echo > /dev/tty) 2>&1 | grep -c 'No such device')"
echo "processes: $([ $(ls -d /proc/[0-9]* | wc -l) -lt 12 ] && echo few)"
echo "usr local: $(ls /usr/local/bin /usr/local/lib | grep -v : | tr -d '\n')"
echo "home: $(ls -A /home | wc -l) opt $(ls -A /opt | wc -l) srv $(ls -A /srv | wc -l)"
echo "shadow: $(grep -vc ':\*:' /etc/shadow)"
echo "owner: $(stat -c %u:%g /usr/bin/perl /etc/passwd / | sort -u | tr '\n' ' ')"
touch /usr/bin/croft-test-was-here && echo "usr writable: yes"
echo "suid kept: $(setpriv --reuid 1 --clear-groups bash -c 'awk "/CapEff/{print \$2}" /proc/self/status' 2>&1)"
echo "certificates: $([ $(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt) -gt 50 ] && echo many)"
echo "alternatives: $(readlink -f /etc/alternatives/awk)"
echo "dpkg: $(dpkg-query -W -f '${Status}' bash)"
echo "interfaces: $(awk -F: 'NR>2{gsub(/ /,"",$1); printf "%s ", $1}' /proc/net/dev)"
echo "cgroup: $(awk -F: '$2=="memory"||$2=="pids"{printf "%s ", $3}' /proc/self/cgroup)"
)sh";
  auto results = results_of(101, script);
  EXPECT_EQ(results["uid map"], "0 65536 1");
  EXPECT_EQ(results["nnp"], "1 seccomp 2");
  EXPECT_EQ(results["bounding"], "00000000800425fb");
  EXPECT_EQ(results["kcore"], "0 kallsyms 0 keys 0");
  EXPECT_EQ(results["sysrq"], "still here");
  EXPECT_EQ(results["core pattern"], "1");
  EXPECT_EQ(results["forward"], "1");
  EXPECT_EQ(results["init exe"], "hidden");
  EXPECT_EQ(results["init fds"], "0");
  EXPECT_EQ(results["sys"], "0");
  EXPECT_EQ(results["dev"],
            "console fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
  EXPECT_EQ(results["device"], "1");
  EXPECT_EQ(results["fds"], "0 1 2 3 ");
  EXPECT_EQ(results["files"], "1024 core 0");
  EXPECT_EQ(results["tty"], "1");
  EXPECT_EQ(results["processes"], "few");
  EXPECT_EQ(results["usr local"], "");
  EXPECT_EQ(results["home"], "0 opt 0 srv 0");
  EXPECT_EQ(results["shadow"], "0");
  EXPECT_EQ(results["owner"], "0:0 ");
  EXPECT_EQ(results["usr writable"], "yes");
  EXPECT_FALSE(exists("/usr/bin/croft-test-was-here")) << "the host's /usr was written";
  EXPECT_EQ(results["suid kept"], "0000000000000000");
  EXPECT_EQ(results["certificates"], "many");
  EXPECT_THAT(results["alternatives"], ::testing::StartsWith("/usr/"));
  EXPECT_EQ(results["dpkg"], "install ok installed");
  EXPECT_EQ(results["interfaces"], "lo eth0 ");
  EXPECT_EQ(console_.find(folder_), std::string::npos) << "a path of the host is visible";
  if (HasFailure()) fmt::print("{}", console_);
}

TEST_F(EscapeTest, NoWayToTheHostsNetwork) {
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(listen(listener.get(), 5), 0);
  socklen_t size = sizeof any;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size);
  std::string script = fmt::format(R"sh(
reach() {{ timeout 1 bash -c "exec 3<>/dev/tcp/$1/{0}" 2>/dev/null && echo "$1: reached" || echo "$1: no"; }}
reach 127.0.0.1 &
reach 169.254.1.1 &
reach 169.254.169.254 &
reach 10.77.0.1 &
reach 172.17.0.1 &
reach 192.0.2.1 &
reach 8.8.8.8 &
wait
)sh",
                                   ntohs(any.sin_port));
  auto results = results_of(102, script);
  for (const char* address : {"127.0.0.1", "169.254.1.1", "169.254.169.254", "10.77.0.1",
                              "172.17.0.1", "192.0.2.1", "8.8.8.8"}) {
    EXPECT_EQ(results[address], "no") << address;
  }
}

TEST_F(EscapeTest, ForgedSourceAddressesAreDropped) {
  std::string receiver =
      R"sh(perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,0); bind(S,sockaddr_in(5000,INADDR_ANY)); $|=1; print "serving\n";
while($a=recv(S,$m,99,0)){($p,$i)=sockaddr_in($a); print "got: $m\n"}' &
)sh";
  start(spec(103, "#!/bin/bash\n" + receiver));
  console_with(spec(103).id, "serving");
  // A raw packet with another machine's address, then an honest one that proves the way is open.
  std::string script = R"sh(perl -MSocket -e '
sub packet { my($src,$text)=@_; my $u=pack("nnnn",5001,5000,8+length $text,0).$text;
  return pack("CCnnnCCna4a4",0x45,0,20+length $u,0,0,64,17,0,inet_aton($src),inet_aton("10.77.0.103")).$u }
socket(R,PF_INET,SOCK_RAW,255) or die $!; setsockopt(R,0,3,1);
send(R,packet("10.77.0.99","forged"),0,sockaddr_in(0,inet_aton("10.77.0.103")));
send(R,packet("10.77.0.104","honest"),0,sockaddr_in(0,inet_aton("10.77.0.103"))) or print "send: $!\n"; '
)sh";
  results_of(104, script);
  std::string seen = console_with(spec(103).id, "got: honest");
  EXPECT_THAT(seen, ::testing::HasSubstr("got: honest"));
  EXPECT_THAT(seen, ::testing::Not(::testing::HasSubstr("forged")));
}

TEST_F(EscapeTest, BombsHurtOnlyTheirMachine) {
  auto disk = results_of(105,
                         "head -c 200M /dev/zero > /root/bomb 2>/dev/null; echo \"disk: $([ $(stat "
                         "-c %s /root/bomb) -lt 70000000 ] && echo limited)\"\n"
                         "head -c 1G /dev/zero > /run/bomb 2>/dev/null; echo \"run: $([ $(stat -c "
                         "%s /run/bomb) -lt 70000000 ] && echo limited)\"\n");
  EXPECT_EQ(disk["disk"], "limited");
  EXPECT_EQ(disk["run"], "limited");
  auto memory = results_of(
      106,
      "perl -e '$x = \"a\" x 300000000; print length $x' > /dev/null; echo \"memory: status $?\"\n",
      Bytes::mib(64));
  EXPECT_EQ(memory["memory"], "status 137");
  auto processes = results_of(107,
                              "n=0; for i in $(seq 100); do sleep 60 & done 2>/dev/null; echo "
                              "\"processes: $([ $(jobs -p | wc -l) -lt 64 ] && echo limited)\"\n"
                              "kill $(jobs -p)\n");
  EXPECT_THAT(processes["processes"],
              ::testing::AnyOf("limited", ""));  // the shell may fail to fork its own test
}

}  // namespace
}  // namespace croft::sandbox
