// Drives the farm's EC2 with the JavaScript SDK: node ec2.mjs ENDPOINT KEY SECRET NAME
// One machine's life with network, key, volume, image and tags; prints what it saw as JSON.
import * as aws from "@aws-sdk/client-ec2";

const [endpoint, accessKeyId, secretAccessKey, name] = process.argv.slice(2);
const client = new aws.EC2Client({ endpoint, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId, secretAccessKey } });
const call = (what, fields = {}) => client.send(new aws[what + "Command"](fields));
const refusal = (what, fields) => call(what, fields).then(() => "", (error) => error.name);
const seen = {};
const ImageId = "ami-0c40f700000000001";

seen.zones = (await call("DescribeAvailabilityZones")).AvailabilityZones.map((zone) => zone.ZoneName);
seen.dryRun = await refusal("RunInstances", { ImageId, MinCount: 1, MaxCount: 1, DryRun: true });
seen.absent = await refusal("DescribeInstances", { InstanceIds: ["i-0123456789abcdef0"] });
seen.malformed = await refusal("TerminateInstances", { InstanceIds: ["banana"] });

const key = await call("CreateKeyPair", { KeyName: name, KeyType: "ed25519" });
seen.key = key.KeyMaterial.split("\n")[0];
const vpc = (await call("CreateVpc", { CidrBlock: "10.9.0.0/16" })).Vpc.VpcId;
const subnet = (await call("CreateSubnet", { VpcId: vpc, CidrBlock: "10.9.1.0/24" })).Subnet.SubnetId;
const group = (await call("CreateSecurityGroup", { GroupName: name, Description: "from node", VpcId: vpc })).GroupId;
await call("AuthorizeSecurityGroupIngress", {
  GroupId: group,
  IpPermissions: [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "10.0.0.0/8", Description: "in" }] }],
});
const run = await call("RunInstances", {
  ImageId, MinCount: 1, MaxCount: 1, InstanceType: "t2.nano", KeyName: name, SubnetId: subnet, SecurityGroupIds: [group],
  UserData: Buffer.from("#!/bin/sh\necho hello from $(hostname)\n").toString("base64"),
  TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "grüße & <tags>" }] }],
});
const id = run.Instances[0].InstanceId;
seen.first = run.Instances[0].State.Name;
try {
  await aws.waitUntilInstanceRunning({ client, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.2 }, { InstanceIds: [id] });
  const [instance] = (await call("DescribeInstances", { Filters: [{ Name: "tag:Name", Values: ["gr*"] }, { Name: "vpc-id", Values: [vpc] }] })).Reservations[0].Instances;
  seen.tag = instance.Tags[0].Value;
  seen.address = instance.PrivateIpAddress;
  seen.groups = instance.SecurityGroups.map((one) => one.GroupName);
  seen.launched = instance.LaunchTime instanceof Date;
  const volume = (await call("CreateVolume", { AvailabilityZone: instance.Placement.AvailabilityZone, Size: 1 })).VolumeId;
  await call("AttachVolume", { VolumeId: volume, InstanceId: id, Device: "/dev/sdf" });
  seen.devices = (await call("DescribeVolumes", { VolumeIds: [volume] })).Volumes[0].Attachments.map((one) => one.Device);
  await call("DetachVolume", { VolumeId: volume });
  await call("DeleteVolume", { VolumeId: volume });
  const image = (await call("CreateImage", { InstanceId: id, Name: name })).ImageId;
  seen.image = (await call("DescribeImages", { ImageIds: [image] })).Images[0].State;
  await call("DeregisterImage", { ImageId: image });
  const pages = [];
  for await (const page of aws.paginateDescribeInstanceTypes({ client, pageSize: 5 }, {})) pages.push(page.InstanceTypes.length);
  seen.pages = pages;
  // A console tells more as time goes: asked until it does.
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    seen.console = Buffer.from((await call("GetConsoleOutput", { InstanceId: id })).Output ?? "", "base64").toString();
    if (seen.console.includes("hello")) break;
  }
} finally {
  seen.ending = (await call("TerminateInstances", { InstanceIds: [id] })).TerminatingInstances[0].CurrentState.Name;
}
await aws.waitUntilInstanceTerminated({ client, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.2 }, { InstanceIds: [id] });
await call("DeleteSecurityGroup", { GroupId: group });
await call("DeleteSubnet", { SubnetId: subnet });
await call("DeleteVpc", { VpcId: vpc });
await call("DeleteKeyPair", { KeyName: name });
seen.left = (await call("DescribeVpcs", { Filters: [{ Name: "is-default", Values: ["false"] }] })).Vpcs.length;
console.log(JSON.stringify(seen));
