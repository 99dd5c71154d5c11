// Volumes, snapshots, images made of instances, launch templates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class Storage : public testing::Test {
 protected:
  BenchFarm farm;

  std::string text(std::string action, Fields fields, std::string name) {
    return farm.ask(std::move(action), std::move(fields)).root().child(name).text();
  }
  std::string volume(Fields more = {}) {
    Fields fields{{"AvailabilityZone", "us-east-1a"}};
    if (more.empty()) more = Fields{{"Size", "2"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return text("CreateVolume", fields, "volumeId");
  }
  std::string running(Fields more = {}) {
    std::string id = farm.run(1, 1, std::move(more)).front();
    farm.settle();
    return id;
  }
  static Fields attach(std::string volume, std::string instance, std::string device = "/dev/sdf") {
    return {{"VolumeId", std::move(volume)},
            {"InstanceId", std::move(instance)},
            {"Device", std::move(device)}};
  }
  std::string status(const std::string& id) {
    return farm.ask("DescribeVolumes", {{"VolumeId.1", id}})
        .root()
        .child("volumeSet")
        .child("item")
        .child("status")
        .text();
  }
};

TEST_F(Storage, a_volume_is_attached_detached_and_attached_elsewhere) {
  std::string disk = volume(), one = running(), two = running();
  EXPECT_EQ(status(disk), "available");
  farm.ask("AttachVolume", attach(disk, one));
  EXPECT_EQ(status(disk), "in-use");
  EXPECT_EQ(farm.machines.volumes.begin()->second, one);
  EXPECT_EQ(farm.refusal("AttachVolume", attach(disk, two)), "VolumeInUse");
  EXPECT_EQ(farm.refusal("DeleteVolume", {{"VolumeId", disk}}), "VolumeInUse");
  EXPECT_EQ(farm.refusal("DetachVolume", {{"VolumeId", disk}, {"InstanceId", two}}),
            "InvalidAttachment.NotFound");
  farm.ask("DetachVolume", {{"VolumeId", disk}});
  EXPECT_EQ(farm.refusal("DetachVolume", {{"VolumeId", disk}}), "IncorrectState");
  farm.ask("AttachVolume", attach(disk, two));
  EXPECT_EQ(farm.machines.volumes.begin()->second, two);
  farm.ask("TerminateInstances", {{"InstanceId.1", two}});
  farm.settle();
  EXPECT_EQ(status(disk), "available");
  EXPECT_THAT(farm.machines.disks, testing::SizeIs(1));
  farm.ask("DeleteVolume", {{"VolumeId", disk}});
  EXPECT_TRUE(farm.machines.disks.empty());
  EXPECT_EQ(farm.refusal("DeleteVolume", {{"VolumeId", disk}}), "InvalidVolume.NotFound");
}

TEST_F(Storage, what_is_attached_while_stopped_is_there_at_the_next_start) {
  std::string disk = volume(), id = running();
  farm.ask("StopInstances", {{"InstanceId.1", id}});
  farm.settle();
  farm.ask("AttachVolume", attach(disk, id));
  EXPECT_TRUE(farm.machines.volumes.empty());
  farm.reopen();
  farm.ask("StartInstances", {{"InstanceId.1", id}});
  farm.settle();
  ASSERT_EQ(farm.machines.volumes.size(), 1u);
  EXPECT_EQ(farm.machines.volumes.begin()->second, id);
}

TEST_F(Storage, wrong_attachments_are_refused_each_with_its_code) {
  std::string disk = volume(), id = running();
  std::string far =
      text("CreateVolume", {{"AvailabilityZone", "us-east-1b"}, {"Size", "1"}}, "volumeId");
  EXPECT_EQ(farm.refusal("AttachVolume", attach(far, id)), "InvalidVolume.ZoneMismatch");
  EXPECT_EQ(farm.refusal("AttachVolume", attach(disk, id, "/dev/sda1")), "InvalidParameterValue");
  EXPECT_EQ(farm.refusal("AttachVolume", attach(disk, id, "../x")), "InvalidParameterValue");
  EXPECT_EQ(farm.refusal("CreateVolume", {{"AvailabilityZone", "mars"}, {"Size", "1"}}),
            "InvalidZone.NotFound");
  EXPECT_EQ(farm.refusal("CreateVolume", {{"AvailabilityZone", "us-east-1a"}}), "MissingParameter");
  EXPECT_EQ(farm.refusal("DeleteVolume", {{"VolumeId", "vol-" + id.substr(2)}}),
            "OperationNotPermitted");
  farm.ask("AttachVolume", attach(disk, id));
  EXPECT_EQ(farm.refusal("AttachVolume", attach(volume(), id)), "InvalidParameterValue");
}

TEST_F(Storage, volumes_of_a_launch_go_or_stay_as_it_says) {
  std::string id = running({{"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                            {"BlockDeviceMapping.1.Ebs.VolumeSize", "3"},
                            {"BlockDeviceMapping.2.DeviceName", "/dev/sdg"},
                            {"BlockDeviceMapping.2.Ebs.VolumeSize", "4"},
                            {"BlockDeviceMapping.2.Ebs.DeleteOnTermination", "false"}});
  ASSERT_EQ(farm.specs[id].volumes.size(), 2u);
  auto all = farm.ask("DescribeVolumes",
                      {{"Filter.1.Name", "attachment.instance-id"}, {"Filter.1.Value.1", id}});
  EXPECT_EQ(all.root().child("volumeSet").children("item").size(), 3u);  // the root disk too
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  auto after = farm.ask("DescribeVolumes");
  auto left = after.root().child("volumeSet").children("item");
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].child("size").text(), "4");
  EXPECT_EQ(farm.machines.disks.size(), 1u);
}

TEST_F(Storage, root_disks_and_interfaces_carry_tags_and_disks_stay_when_told_later) {
  EXPECT_EQ(
      farm.refusal("RunInstances", {{"ImageId", std::string(builtin_image)},
                                    {"MinCount", "1"},
                                    {"MaxCount", "1"},
                                    {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
                                    {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"}}),
      "UnsupportedOperation");
  std::string id = running({{"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                            {"BlockDeviceMapping.1.Ebs.VolumeSize", "3"},
                            {"TagSpecification.1.ResourceType", "volume"},
                            {"TagSpecification.1.Tag.1.Key", "a"},
                            {"TagSpecification.1.Tag.1.Value", "b"}});
  const std::string root = "vol-" + id.substr(2), interface = "eni-" + id.substr(2);
  auto tagged = [&](const std::string& key) {
    auto rows = farm.ask("DescribeTags", {{"Filter.1.Name", "key"}, {"Filter.1.Value.1", key}});
    std::vector<std::string> out;
    for (const auto& row : rows.root().child("tagSet").children("item"))
      out.emplace_back(row.child("resourceType").text());
    return out;
  };
  EXPECT_THAT(tagged("a"), testing::ElementsAre("volume", "volume"));
  farm.ask("CreateTags", {{"ResourceId.1", root},
                          {"ResourceId.2", interface},
                          {"Tag.1.Key", "x"},
                          {"Tag.1.Value", "y"}});
  EXPECT_THAT(tagged("x"), testing::UnorderedElementsAre("volume", "network-interface"));
  farm.reopen();
  auto found = farm.ask("DescribeVolumes", {{"Filter.1.Name", "tag:x"}, {"Filter.1.Value.1", "y"}});
  ASSERT_EQ(found.root().child("volumeSet").children("item").size(), 1u);
  farm.ask("DeleteTags", {{"ResourceId.1", root}, {"Tag.1.Key", "x"}});
  EXPECT_THAT(tagged("x"), testing::ElementsAre("network-interface"));
  auto stay = [&](const std::string& device) {
    return Fields{{"InstanceId", id},
                  {"BlockDeviceMapping.1.DeviceName", device},
                  {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"}};
  };
  EXPECT_EQ(farm.refusal("ModifyInstanceAttribute", stay("/dev/sda1")), "UnsupportedOperation");
  EXPECT_EQ(farm.refusal("ModifyInstanceAttribute", stay("/dev/sdz")),
            "InvalidInstanceAttributeValue");
  farm.ask("ModifyInstanceAttribute", stay("/dev/sdf"));
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  auto left = farm.ask("DescribeVolumes");
  EXPECT_EQ(left.root().child("volumeSet").children("item").size(), 1u);
  EXPECT_THAT(tagged("a"), testing::ElementsAre("volume"));
  EXPECT_EQ(farm.refusal("CreateTags",
                         {{"ResourceId.1", root}, {"Tag.1.Key", "x"}, {"Tag.1.Value", "y"}}),
            "InvalidVolume.NotFound");
}

TEST_F(Storage, a_snapshot_outlives_its_volume_and_becomes_another) {
  std::string disk = volume(), id = running();
  farm.ask("AttachVolume", attach(disk, id));
  std::string copy =
      text("CreateSnapshot", {{"VolumeId", disk}, {"Description", "d"}}, "snapshotId");
  EXPECT_THAT(farm.machines.disks, testing::Contains(farm.core->disk_file(copy)));
  farm.ask("DetachVolume", {{"VolumeId", disk}});
  farm.ask("DeleteVolume", {{"VolumeId", disk}});
  EXPECT_EQ(farm.refusal("CreateVolume",
                         {{"AvailabilityZone", "us-east-1a"}, {"SnapshotId", copy}, {"Size", "1"}}),
            "InvalidParameterValue");
  std::string again = volume({{"SnapshotId", copy}});
  EXPECT_EQ(farm.refusal("DeleteSnapshot", {{"SnapshotId", copy}}), "InvalidSnapshot.InUse");
  farm.ask("AttachVolume", attach(again, id));
  farm.reopen();
  farm.ask("DeleteSnapshot", {{"SnapshotId", copy}});
  auto left = farm.ask("DescribeSnapshots", {{"Owner.1", "self"}});
  EXPECT_TRUE(left.root().child("snapshotSet").children("item").empty());
}

TEST_F(Storage, an_image_of_an_instance_starts_others_with_its_disk) {
  std::string id = running();
  std::string image = text("CreateImage", {{"InstanceId", id}, {"Name", "mine"}}, "imageId");
  EXPECT_EQ(farm.refusal("CreateImage", {{"InstanceId", id}, {"Name", "mine"}}),
            "InvalidAMIName.Duplicate");
  auto seen = farm.ask("DescribeImages", {{"Owner.1", "self"}});
  auto item = seen.root().child("imagesSet").child("item");
  EXPECT_EQ(item.child("imageId").text(), image);
  std::string snapshot =
      item.child("blockDeviceMapping").child("item").child("ebs").child("snapshotId").text();
  EXPECT_EQ(farm.refusal("DeleteSnapshot", {{"SnapshotId", snapshot}}), "InvalidSnapshot.InUse");
  auto run = farm.ask("RunInstances", {{"ImageId", image}, {"MinCount", "1"}, {"MaxCount", "1"}});
  std::string child = run.root().child("instancesSet").child("item").child("instanceId").text();
  farm.settle();
  EXPECT_EQ(farm.specs[child].disk_source, farm.core->disk_file(snapshot));
  std::string copy =
      text("CopyImage", {{"SourceImageId", image}, {"SourceRegion", "us-east-1"}, {"Name", "copy"}},
           "imageId");
  farm.ask("DeregisterImage", {{"ImageId", image}});
  farm.ask("DeleteSnapshot", {{"SnapshotId", snapshot}});
  EXPECT_EQ(farm.refusal("DescribeImages", {{"ImageId.1", image}}), "InvalidAMIID.NotFound");
  farm.ask("DescribeImages", {{"ImageId.1", copy}});
  EXPECT_EQ(farm.refusal("DeregisterImage", {{"ImageId", std::string(builtin_image)}}),
            "AuthFailure");
}

TEST_F(Storage, an_image_is_launched_by_those_whom_its_owner_lets) {
  std::string image = text("CreateImage", {{"InstanceId", running()}, {"Name", "mine"}}, "imageId");
  auto theirs = [&] {
    return bool(farm.call_as(farm.bob, "DescribeImages", {{"ImageId.1", image}}));
  };
  EXPECT_FALSE(theirs());
  farm.ask("ModifyImageAttribute",
           {{"ImageId", image}, {"LaunchPermission.Add.1.UserId", "444455556666"}});
  EXPECT_TRUE(theirs());
  farm.ask("ResetImageAttribute", {{"ImageId", image}, {"Attribute", "launchPermission"}});
  EXPECT_FALSE(theirs());
  farm.ask("ModifyImageAttribute", {{"ImageId", image}, {"LaunchPermission.Add.1.Group", "all"}});
  EXPECT_TRUE(theirs());
}

TEST_F(Storage, a_registered_image_is_a_snapshot_of_a_root_disk) {
  std::string id = running();
  std::string root = "vol-" + id.substr(2);
  std::string copy = text("CreateSnapshot", {{"VolumeId", root}}, "snapshotId");
  std::string data = text("CreateSnapshot", {{"VolumeId", volume()}}, "snapshotId");
  auto with = [](std::string snapshot) -> Fields {
    return {{"Name", "made"},
            {"RootDeviceName", "/dev/sda1"},
            {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
            {"BlockDeviceMapping.1.Ebs.SnapshotId", std::move(snapshot)}};
  };
  EXPECT_EQ(farm.refusal("RegisterImage", with(data)), "InvalidBlockDeviceMapping");
  EXPECT_NE(text("RegisterImage", with(copy), "imageId"), "");
}

TEST_F(Storage, a_launch_takes_from_its_template_what_it_does_not_say) {
  auto made = farm.ask("CreateLaunchTemplate",
                       {{"LaunchTemplateName", "web"},
                        {"LaunchTemplateData.ImageId", std::string(builtin_image)},
                        {"LaunchTemplateData.InstanceType", "t2.micro"},
                        {"LaunchTemplateData.UserData", base64("#!/bin/sh\n")},
                        {"LaunchTemplateData.TagSpecification.1.ResourceType", "instance"},
                        {"LaunchTemplateData.TagSpecification.1.Tag.1.Key", "from"},
                        {"LaunchTemplateData.TagSpecification.1.Tag.1.Value", "template"}});
  std::string id = made.root().child("launchTemplate").child("launchTemplateId").text();
  farm.ask("CreateLaunchTemplateVersion", {{"LaunchTemplateId", id},
                                           {"SourceVersion", "1"},
                                           {"LaunchTemplateData.InstanceType", "t2.small"}});
  auto launch = [&](Fields more) {
    Fields fields{{"MinCount", "1"}, {"MaxCount", "1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    auto answer = farm.ask("RunInstances", fields);
    return farm.state->find_instance(
        answer.root().child("instancesSet").child("item").child("instanceId").text());
  };
  const Instance* one = launch({{"LaunchTemplate.LaunchTemplateName", "web"}});
  EXPECT_EQ(one->type, "t2.micro");
  EXPECT_EQ(one->user_data, "#!/bin/sh\n");
  EXPECT_EQ(one->tags.at("from"), "template");
  EXPECT_EQ(launch({{"LaunchTemplate.LaunchTemplateId", id}, {"LaunchTemplate.Version", "$Latest"}})
                ->type,
            "t2.small");
  farm.ask("ModifyLaunchTemplate", {{"LaunchTemplateId", id}, {"SetDefaultVersion", "2"}});
  farm.reopen();
  const Instance* two =
      launch({{"LaunchTemplate.LaunchTemplateId", id}, {"InstanceType", "t2.nano"}});
  EXPECT_EQ(two->type, "t2.nano");
  auto versions = farm.ask("DescribeLaunchTemplateVersions", {{"LaunchTemplateId", id}});
  EXPECT_EQ(versions.root().child("launchTemplateVersionSet").children("item").size(), 2u);
  EXPECT_EQ(farm.refusal("CreateLaunchTemplate", {{"LaunchTemplateName", "web"},
                                                  {"LaunchTemplateData.InstanceType", "t2.nano"}}),
            "InvalidLaunchTemplateName.AlreadyExistsException");
  EXPECT_EQ(farm.refusal("RunInstances", {{"MinCount", "1"},
                                          {"MaxCount", "1"},
                                          {"LaunchTemplate.LaunchTemplateId", id},
                                          {"LaunchTemplate.Version", "9"}}),
            "InvalidLaunchTemplateId.VersionNotFound");
  farm.ask("DeleteLaunchTemplate", {{"LaunchTemplateName", "web"}});
  EXPECT_EQ(farm.refusal("RunInstances", {{"MinCount", "1"},
                                          {"MaxCount", "1"},
                                          {"LaunchTemplate.LaunchTemplateName", "web"}}),
            "InvalidLaunchTemplateName.NotFoundException");
  EXPECT_EQ(farm.refusal("RunInstances", {{"MinCount", "1"}, {"MaxCount", "1"}}),
            "MissingParameter");
}

TEST_F(Storage, volumes_that_go_with_their_instance_are_gone_for_good) {
  std::string id = farm.run(1, 1,
                            {{"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                             {"BlockDeviceMapping.1.Ebs.VolumeSize", "1"},
                             {"BlockDeviceMapping.2.DeviceName", "/dev/sdg"},
                             {"BlockDeviceMapping.2.Ebs.VolumeSize", "1"},
                             {"BlockDeviceMapping.2.Ebs.DeleteOnTermination", "false"}})
                       .front();
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  farm.reopen();
  ASSERT_EQ(farm.state->volumes.all().size(), 1u);
  EXPECT_TRUE(farm.state->volumes.all().begin()->second.instance.empty());
}

}  // namespace
}  // namespace croft::farm::ec2
