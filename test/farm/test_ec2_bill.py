"""What an account had, as an invoice: each interval closed once also over kill -9, and the total the sum of its lines."""
import csv
import io
import json
import pathlib
import socket
import subprocess

from support.clients import client
from support.croft import BINARY, wait_until

IMAGE = "ami-0c40f700000000001"


def croft(farm, *args):
    done = subprocess.run([BINARY, *args, "--data", farm.data], env=farm.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bill(farm, *args):
    invoice = json.loads(croft(farm, "bill", *args, "--json"))
    assert invoice["totalMicros"] == sum(line["micros"] for line in invoice["lines"])
    return invoice


def send_datagrams(address, count, what=b"x" * 1000):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        for _ in range(count):
            line.sendto(what, (address, 9))


def test_an_invoice_over_kill_nine_and_a_resellers_margin(farm):
    maker, customer = farm.account("maker"), farm.account("customer")
    ec2 = client("ec2", farm.url, customer["accessKey"], customer["secretKey"])
    croft(farm, "farm", "image", "price", IMAGE, "--account", "maker", "--hour", "3.6")
    id = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="m1.small", TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": "croft:application", "Value": "shop"}]}])["Instances"][0]["InstanceId"]
    state = lambda: ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=7)["VolumeId"]
    wait_until(lambda: state() == "running", "it runs")
    address = ec2.allocate_address()["PublicIp"]
    ec2.associate_address(InstanceId=id, PublicIp=address)
    ec2.authorize_security_group_ingress(GroupName="default", IpPermissions=[
        {"IpProtocol": "udp", "FromPort": 9, "ToPort": 9, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    send_datagrams(address, 100)
    moved = lambda: {line["what"]: line["quantity"] for line in bill(farm, "customer")["lines"] if line["service"] == "transfer"}
    assert moved()["transfer.in"] >= 100 * 1000
    farm.kill()
    farm.start()
    assert 100 * 1000 <= moved()["transfer.in"] < 2 * 100 * 1000, "counted once"
    ec2.disassociate_address(PublicIp=address)
    ec2.release_address(PublicIp=address)
    ec2.terminate_instances(InstanceIds=[id])
    farm.kill()
    farm.start()
    wait_until(lambda: state() == "terminated", "it is gone")
    ec2.delete_volume(VolumeId=volume)
    invoice = bill(farm, "customer")
    (time,) = [line for line in invoice["lines"] if line["resource"] == id and line["service"] == "ec2"]
    assert not time["open"] and time["what"] == "m1.small" and time["application"] == "shop"
    assert time["quantity"] >= 60 and time["micros"] == (time["quantity"] * 100_000 + 1800) // 3600
    (margin,) = [line for line in invoice["lines"] if line["service"] == "margin"]
    assert margin["micros"] == time["quantity"] * 1000 and margin["what"] == IMAGE
    (disk,) = [line for line in invoice["lines"] if line["resource"] == volume]
    assert disk["quantity"] % 7 == 0 and not disk["open"]
    (credit,) = bill(farm, "maker")["lines"]
    assert (credit["service"], credit["micros"]) == ("credit", -margin["micros"])
    # By the hour, as in 2008: one begun hour.
    (hour,) = [line for line in bill(farm, "customer", "--by", "hour")["lines"] if line["service"] == "ec2" and line["resource"] == id]
    assert (hour["quantity"], hour["unit"], hour["micros"]) == (1, "hours", 100_000)
    assert {line["resource"] for line in bill(farm, "customer", "--app", "shop")["lines"]} == {id}
    rows = list(csv.DictReader(io.StringIO(croft(farm, "bill", "customer", "--csv"))))
    assert sum(round(float(row["usd"]) * 1e6) for row in rows[:-1]) == round(float(rows[-1]["usd"]) * 1e6) == invoice["totalMicros"]
    assert rows[-1]["service"] == "total" and "total" in croft(farm, "bill", "customer")
    assert bill(farm, "customer", "--month", "2008-04")["lines"] == []


def test_bytes_of_an_instance_that_ends_while_the_farm_is_dead(farm):
    account = farm.account("mover")
    ec2 = client("ec2", farm.url, account["accessKey"], account["secretKey"])
    any_udp = [{"IpProtocol": "udp", "FromPort": 9, "ToPort": 9, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupName="default", IpPermissions=any_udp)
    run = lambda script: ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="m1.small", UserData=script)["Instances"][0]
    # It sends 50 to its neighbour, takes what comes from outside, and goes when it is told to.
    first = run("#!/bin/sh\ntrue\n")
    second = run(f"""#!/usr/bin/perl
use IO::Socket::INET; use Socket;
my $own = IO::Socket::INET->new(LocalPort => 9, Proto => "udp") or die;
my $neighbour = pack_sockaddr_in(9, inet_aton("{first["PrivateIpAddress"]}"));
send($own, "x" x 1000, 0, $neighbour) for 1..50;
$| = 1; print "listens\\n";
do {{ $own->recv($got, 2000) }} until $got =~ /^go/;
system("poweroff");
""")["InstanceId"]
    first = first["InstanceId"]
    output = lambda: ec2.get_console_output(InstanceId=second).get("Output", "")
    wait_until(lambda: "listens" in output(), "it listens")
    address = ec2.allocate_address()["PublicIp"]
    ec2.associate_address(InstanceId=second, PublicIp=address)

    def moved(id):
        lines = [line for line in bill(farm, "mover")["lines"] if line["service"] == "transfer" and line["resource"] == id]
        return {line["what"]: line["quantity"] for line in lines}

    send_datagrams(address, 100)
    wait_until(lambda: moved(second).get("transfer.in") == 100 * 1028, "what came is counted, heads included")
    farm.kill()
    send_datagrams(address, 100)
    note = pathlib.Path(farm.data) / "machines" / second / "note"
    told = []

    def gone():
        told.append(send_datagrams(address, 1, b"go"))
        return note.exists() and "poweroff" in note.read_text()

    wait_until(gone, "it has gone by itself")
    farm.start()
    wait_until(lambda: moved(second).get("transfer.in", 0) >= 200 * 1028, "what came meanwhile is counted, too")
    assert moved(second)["transfer.in"] <= 200 * 1028 + 30 * len(told), "and once"
    assert moved(second)["transfer.internal.out"] == 50 * 1028
    assert moved(first)["transfer.internal.in"] == 50 * 1028 and "transfer.in" not in moved(first)
    lines = [line for line in bill(farm, "mover")["lines"] if line["service"] == "transfer"]
    assert {line["what"]: line["micros"] > 0 for line in lines}["transfer.in"], "what comes from outside costs"
    assert all(line["micros"] == 0 for line in lines if "internal" in line["what"])
