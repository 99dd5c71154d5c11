// Disks of running machines that grow, what machines moved over their links, and what is left of
// those that are destroyed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

namespace croft::sandbox {
namespace {

class MachineDisks : public TestFarm {};

aio::Task<Result<>> until_empty(aio::World& world, std::string folder) {
  for (int look = 0; look < 2000 && !list_folder(folder).empty(); ++look)
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(10)));
  co_return Result<>{};
}

TEST_F(MachineDisks, AVolumeGrowsWhileAMachineWritesToIt) {
  MachineSpec wanted =
      spec(40,
           "#!/bin/bash\nsize() { echo \"$1 $(df -m --output=size /volumes/sdf | "
           "tail -1) MiB\"; }\nsize before\nwhile ((s=$(df -m --output=size "
           "/volumes/sdf | tail -1), s < 300)); do echo x >> /volumes/sdf/log; "
           "done\nsize after\ntest -s /volumes/sdf/log && echo written all along\n");
  VolumeSpec volume{"sdf", folder_ + "/volumes/one.img", "", Bytes::mib(128)};
  wanted.volumes = {volume};
  start(wanted);
  ASSERT_THAT(console_with(wanted.id, "before"), ::testing::HasSubstr("before"));
  volume.size = Bytes::mib(512);
  auto grown = run(machines_->grow_volume(wanted.id, volume));
  if (grown) {
    EXPECT_THAT(console_with(wanted.id, "all along"), ::testing::HasSubstr("after"));
    // The same again is no error: a farm that died in between asks again.
    EXPECT_TRUE(run(machines_->grow_volume(wanted.id, volume)));
  } else {
    // A container without CAP_SYS_RESOURCE: nothing changed, and it grows at its next use.
    EXPECT_EQ(grown.error().code, Code::permission_denied) << grown.error().render();
    EXPECT_EQ(std::filesystem::file_size(volume.image), static_cast<uintmax_t>(128 << 20));
  }
  ASSERT_TRUE(run(machines_->stop(wanted.id, Duration())));
  volume.size = Bytes::mib(700);
  wanted.volumes = {volume};
  ASSERT_TRUE(run(machines_->destroy(wanted.id)));
  wanted = spec(40,
                "#!/bin/bash\necho \"volume of $(df -m --output=size /volumes/sdf | tail -1 | tr "
                "-d ' ') MiB\"\n");
  wanted.volumes = {volume};
  start(wanted);
  EXPECT_EQ(std::filesystem::file_size(volume.image), static_cast<uintmax_t>(700 << 20))
      << "one that nobody used meanwhile grows when it is used next";
  EXPECT_THAT(console_with(wanted.id, "volume of"), ::testing::HasSubstr("volume of 6"));
  destroy(wanted.id);
}

TEST_F(MachineDisks, BytesThatArrivedAreCountedAlsoOfAMachineThatEndedWithoutTheFarm) {
  const std::string id = spec(41).id;
  start(spec(40));
  auto of = [&](const std::vector<Traffic>& all) -> std::optional<Traffic> {
    for (const Traffic& one : all)
      if (one.id == id) return one;
    return std::nullopt;
  };
  Machine machine = start(spec(41,
                               "#!/bin/bash\nfor i in $(seq 50); do echo 0123456789 > "
                               "/dev/udp/10.77.0.99/9; echo 0123456789 > /dev/udp/10.77.0.40/9; "
                               "done\necho sent\n"));
  ASSERT_THAT(console_with(id, "sent"), ::testing::HasSubstr("sent"));
  auto running = run(machines_->traffic());
  ASSERT_TRUE(running && of(*running));
  EXPECT_EQ(of(*running)->start_time, machine.start_time);
  // With their heads; not what went to nobody.
  constexpr int64_t all = 50 * (11 + 28);
  EXPECT_EQ(of(*running)->out, all);
  EXPECT_EQ(of(*running)->public_out, 0);
  EXPECT_FALSE(of(*running)->ended);
  // It ends while there is neither farm nor spawner.
  kill(spawner_pid(), SIGKILL);
  abandon();
  kill(machine.pid, SIGKILL);
  ASSERT_TRUE(ends(machine.pid, machine.start_time));
  open();
  auto last = run(machines_->traffic());
  ASSERT_TRUE(last && of(*last)) << "its last word";
  EXPECT_TRUE(of(*last)->ended);
  EXPECT_EQ(of(*last)->out, all);
  // Told again until it is taken; the same of one that is destroyed.
  start(spec(41));
  destroy(id);
  auto both = run(machines_->traffic());
  ASSERT_TRUE(both);
  EXPECT_EQ(std::ranges::count(*both, id, &Traffic::id), 2);
  ASSERT_TRUE(run(machines_->traffic_taken(*both)));
  auto after = run(machines_->traffic());
  ASSERT_TRUE(after);
  EXPECT_FALSE(of(*after)) << "taken";
}

TEST_F(MachineDisks, DestroyedOnesAreGoneAtOnceAndTheirDisksSoonAfter) {
  std::vector<std::string> ids;
  for (int number = 42; number < 46; ++number) {
    start(spec(number, "#!/bin/sh\ndd if=/dev/zero of=/root/data bs=1M count=20\necho dirty\n"));
    ids.push_back(spec(number).id);
  }
  for (const std::string& id : ids)
    ASSERT_THAT(console_with(id, "dirty"), ::testing::HasSubstr("dirty"));
  for (const std::string& id : ids) {
    ASSERT_TRUE(run(machines_->destroy(id)));
    EXPECT_FALSE(exists(folder_ + "/" + id));
  }
  const std::string trash = folder_ + "/.trash";
  ASSERT_TRUE(run(until_empty(world(), trash)));
  EXPECT_THAT(list_folder(trash), ::testing::IsEmpty());
}

}  // namespace
}  // namespace croft::sandbox
