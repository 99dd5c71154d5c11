"""examples/farm: machines that pull work through S3 only; some of them die, and every result is right."""
import pytest

from support.clients import client
from support.croft import ROOT, Croft, Farm, wait_until

WORKERS = 100
TASKS = [(low, low + 300) for low in range(0, 60_000, 300)]


def primes_below(limit):
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for n in range(2, int(limit ** 0.5) + 1):
        if sieve[n]:
            sieve[n * n::n] = bytes(len(range(n * n, limit, n)))
    return sieve


@pytest.fixture
def work(tmp_path):
    farm = Farm()
    account = farm.account("me", instances=WORKERS + 20)
    one = Croft(AWS_ACCESS_KEY_ID=account["accessKey"], AWS_SECRET_ACCESS_KEY=account["secretKey"])
    one.ok("farm", "profile", "add", "worker", "--data", farm.data, "--account", "me", "--service", "s3", "--bucket", "work-*")
    tasks = tmp_path / "tasks"
    tasks.write_text("".join(f"{low} {high}\n" for low, high in TASKS))
    one.options = ["--farm", farm.url, "-D", f"s3={farm.url}", "-D", f"tasks={tasks}", "--allow-files", tmp_path]
    one.made = farm
    one.s3, one.ec2 = (client(service, farm.url, account["accessKey"], account["secretKey"]) for service in ("s3", "ec2"))
    yield one
    one.close()
    farm.close()


def results(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="work-of-the-farm", Prefix="results/")
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def test_a_hundred_machines_do_all_the_work_though_some_die(work):
    work.ok("up", ROOT / "examples/farm/work.sf", "--set", f"workers={WORKERS}", *work.options, "--json", limit=150)
    wait_until(lambda: results(work.s3), "the first results", 150)
    machines = [i["InstanceId"] for r in work.ec2.describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] == "running"]
    assert len(machines) == WORKERS
    for victim in machines[:3]:
        work.ok("farm", "fault", "add", "kill", "--instance", victim, "--data", work.made.data)
    wait_until(lambda: len(results(work.s3)) == len(TASKS), "all results", 200)
    sieve = primes_below(TASKS[-1][1])
    for number, (low, high) in enumerate(TASKS):
        found = work.s3.get_object(Bucket="work-of-the-farm", Key=f"results/{number}")["Body"].read()
        assert int(found) == sum(sieve[low:high]), number
    work.ok("down", "work", limit=100)
    assert not [b["Name"] for b in work.s3.list_buckets()["Buckets"] if b["Name"].startswith("work-")]
