// Disks that were another machine's may hold links to anywhere. What the farm writes on them, as
// root of this computer, must not follow one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/text.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

namespace croft::sandbox {
namespace {

class PlantedLinksTest : public TestFarm {
 protected:
  void SetUp() override {
    TestFarm::SetUp();
    if (IsSkipped()) return;
    victim_ = folder_ + "-victim";
    image_ = folder_ + "-planted.img";
    ASSERT_TRUE(make_folders(victim_, 0755));
    for (const char* name : {"hostname", "hosts", "machine-id", "user-data", "authorized_keys"})
      ASSERT_TRUE(write_new(fmt::format("{}/{}", victim_, name), "the host's\n", 0644));
  }
  void TearDown() override {
    TestFarm::TearDown();
    if (victim_.empty()) return;
    EXPECT_TRUE(remove_all(victim_));
    unlink(image_.c_str());
  }
  /// A copy of the disk of a machine that ran `script`, with $victim the folder on the host.
  void plant(int number, const std::string& script) {
    start(spec(number, fmt::format("#!/bin/bash\nvictim={}\n{}", victim_, script)));
    EXPECT_THAT(console_with(spec(number).id, "user data finished"),
                ::testing::HasSubstr("planted"));
    auto copied = run(machines_->copy_disk(spec(number).id, "", image_));
    ASSERT_TRUE(copied) << copied.error().render();
    destroy(spec(number).id);
  }
  MachineSpec from_planted(int number) {
    MachineSpec wanted = spec(number, "#!/bin/sh\necho I am $(cat /etc/hostname)\n");
    wanted.disk_source = image_;
    wanted.authorized_key = "ssh-ed25519 AAAA key";
    return wanted;
  }
  void expect_host_untouched() {
    EXPECT_EQ(list_folder(victim_), (std::vector<std::string>{"authorized_keys", "hostname",
                                                              "hosts", "machine-id", "user-data"}));
    for (const std::string& name : list_folder(victim_))
      EXPECT_EQ(read_whole(fmt::format("{}/{}", victim_, name)).value_or("gone"), "the host's\n")
          << name;
  }
  std::string victim_, image_;
};

TEST_F(PlantedLinksTest, FilesInTheirPlaceAreReplaced) {
  plant(120,
        "for name in hostname hosts machine-id; do ln -sf $victim/$name /etc/$name; done\n"
        "mkdir -p /root/.ssh; ln -s $victim/authorized_keys /root/.ssh/authorized_keys\n"
        "ln -s $victim /volumes; echo planted\n");
  MachineSpec wanted = from_planted(121);
  wanted.volumes = {{"sdf", folder_ + "-volume.img", "", Bytes::mib(64)}};
  start(wanted);
  EXPECT_THAT(console_with(wanted.id, "user data finished"),
              ::testing::HasSubstr("I am ip-10-77-0-121"));
  destroy(wanted.id);
  unlink((folder_ + "-volume.img").c_str());
  expect_host_untouched();
}

TEST_F(PlantedLinksTest, FoldersInTheirPlaceAreRefused) {
  plant(122, "rm -rf /root/.ssh; ln -s $victim /root/.ssh; echo planted\n");
  auto keys = run(machines_->start(from_planted(123)));
  EXPECT_THAT(keys ? "started" : keys.error().what, ::testing::HasSubstr("root/root/.ssh"));
  unlink(image_.c_str());
  plant(124, "mv /etc /etc-old; ln -s $victim /etc; echo planted\n");
  auto etc = run(machines_->start(from_planted(125)));
  EXPECT_THAT(etc ? "started" : etc.error().what, ::testing::HasSubstr("root/etc/hostname"));
  unlink(image_.c_str());
  plant(126,
        "rm -rf /var/lib/cloud/instance/sem; ln -s $victim /var/lib/cloud/instance/sem; echo "
        "planted\n");
  start(from_planted(127));
  // Only its own init follows the link, to a folder that it does not have.
  EXPECT_THAT(console_with(spec(127).id, "user data"),
              ::testing::HasSubstr("user data is not run"));
  expect_host_untouched();
}

}  // namespace
}  // namespace croft::sandbox
