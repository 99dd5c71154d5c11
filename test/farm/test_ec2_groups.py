"""Security groups and addresses with real packets, through the API: what one machine reaches of another, from
within and from this computer, before and after rules change. Instances tell through objects they put."""
import socket

import pytest

from support.croft import wait_until

IMAGE = "ami-0c40f700000000001"

SERVE = """
perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>PORT,Listen=>9,ReuseAddr=>1) or die;
$|=1; print "serving PORT\\n"; while($c=$s->accept){print $c "hello from PORT\\n"; close $c}' &
"""


def console(ec2, id):
    return ec2.get_console_output(InstanceId=id).get("Output", "")


def describe(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


@pytest.fixture
def boot(ec2):
    made = []

    def run(script, **fields):
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData=f"#!/bin/bash\n{script}\necho the-end\n", **fields)
        made.append(answer["Instances"][0]["InstanceId"])
        return made[-1]

    yield run
    if made:
        ec2.terminate_instances(InstanceIds=made)
    for id in made:
        wait_until(lambda: describe(ec2, id)["State"]["Name"] == "terminated", f"{id} is gone")


def server(ec2, boot, *ports, **fields):
    id = boot("".join(SERVE.replace("PORT", str(p)) for p in ports), **fields)
    for port in ports:
        wait_until(lambda: f"serving {port}" in console(ec2, id), f"{id} serves {port}")
    return id, describe(ec2, id)["PrivateIpAddress"]


def asks(address, port, name):
    return f"echo {name}=$(timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port} && head -1 <&3' 2>/dev/null || echo dropped)\n"


def told(ec2, id):
    return wait_until(lambda: "the-end" in console(ec2, id) and console(ec2, id), f"{id} tells")


def allow(ec2, group, port, **peer):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **(peer or {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]})}])


def reaches(address, port, seconds=2.0):
    try:
        with socket.create_connection((address, port), timeout=seconds) as s:
            return s.recv(64).startswith(b"hello from")
    except OSError:
        return False


def test_rules_decide_who_reaches_whom(ec2, boot):
    web = ec2.create_security_group(GroupName="web", Description="front")["GroupId"]
    db = ec2.create_security_group(GroupName="db", Description="back")["GroupId"]
    try:
        allow(ec2, web, 8080)
        allow(ec2, db, 5432, UserIdGroupPairs=[{"GroupId": web}])
        front, front_at = server(ec2, boot, 8080, 8081, SecurityGroupIds=[web])
        back, back_at = server(ec2, boot, 5432, 8080, SecurityGroupIds=[db])
        questions = asks(front_at, 8080, "web-open") + asks(front_at, 8081, "web-shut") + asks(back_at, 5432, "db") + asks(back_at, 8080, "db-other")
        inside = told(ec2, boot(questions, SecurityGroupIds=[web]))
        assert "web-open=hello from 8080" in inside, inside
        assert "web-shut=dropped" in inside and "db=hello from 5432" in inside and "db-other=dropped" in inside, inside
        outside = told(ec2, boot(questions))  # the default group
        assert "web-open=hello from 8080" in outside, outside
        assert "web-shut=dropped" in outside and "db=dropped" in outside and "db-other=dropped" in outside, outside
        # Nothing may leave the sender: the receiver's consent is not enough.
        ec2.revoke_security_group_egress(GroupId=web, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        mute = told(ec2, boot(questions, SecurityGroupIds=[web]))
        assert "web-open=dropped" in mute and "db=dropped" in mute, mute
    finally:
        for id in [i["InstanceId"] for r in ec2.describe_instances(Filters=[{"Name": "instance.group-id", "Values": [web, db]}])["Reservations"] for i in r["Instances"]]:
            ec2.terminate_instances(InstanceIds=[id])
            wait_until(lambda: describe(ec2, id)["State"]["Name"] == "terminated", f"{id} is gone")
        ec2.delete_security_group(GroupId=db)
        ec2.delete_security_group(GroupId=web)


def test_an_elastic_address_carries_traffic_from_this_computer(farm, ec2, boot):
    group = ec2.create_security_group(GroupName="public", Description="open")["GroupId"]
    allow(ec2, group, 8080)
    id, _ = server(ec2, boot, 8080, 8081, SecurityGroupIds=[group])
    made = ec2.allocate_address(Domain="vpc")
    try:
        joined = ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=id)
        assert describe(ec2, id)["PublicIpAddress"] == made["PublicIp"]
        assert reaches(made["PublicIp"], 8080, 20)
        assert not reaches(made["PublicIp"], 8081)
        farm.kill()
        farm.start()
        assert reaches(made["PublicIp"], 8080, 20)
        ec2.disassociate_address(AssociationId=joined["AssociationId"])
        assert not reaches(made["PublicIp"], 8080)
    finally:
        ec2.terminate_instances(InstanceIds=[id])
        wait_until(lambda: describe(ec2, id)["State"]["Name"] == "terminated", "it is gone")
        ec2.release_address(AllocationId=made["AllocationId"])
        ec2.delete_security_group(GroupId=group)


def test_networks_do_not_reach_each_other(ec2, boot):
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    allow(ec2, group["GroupId"], 8080)
    id, address = server(ec2, boot, 8080, SubnetId=subnet)
    assert address.startswith("10.9.1.")
    try:
        near = told(ec2, near_id := boot(asks(address, 8080, "near"), SubnetId=subnet))
        far = told(ec2, boot(asks(address, 8080, "far")))
        assert "near=hello from 8080" in near and "far=dropped" in far
    finally:
        ec2.terminate_instances(InstanceIds=[id, near_id])
        for one in (id, near_id):
            wait_until(lambda: describe(ec2, one)["State"]["Name"] == "terminated", "it is gone")
        ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)
