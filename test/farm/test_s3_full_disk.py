"""A disk that is full: nothing is lost, what is deleted goes, its space comes back, and writing goes on. The disk is a small
tmpfs."""
import errno
import os
import subprocess
import tempfile
import uuid

import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.croft import BINARY, Farm, clean_environment, wait_until

DISK = "40m"


@pytest.fixture
def disk():
    """A farm on it."""
    folder = tempfile.mkdtemp(prefix="croft-small-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder], check=True)
    farm = None
    try:
        farm = Farm(folder)
        yield farm
    finally:
        if farm:
            farm.close()
        subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


def put(s3, bucket, key, size):
    """True: it is stored; False: the disk is full."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=bytes([len(key) % 256]) * size)
        return True
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error
        return False


def fill(s3, bucket, sizes):
    """Until nothing of any of the sizes goes in; the keys that are there."""
    keys = []
    for size in sizes:
        number = 0
        while number < 2000 and put(s3, bucket, f"{size}-{number}", size):
            keys.append(f"{size}-{number}")
            number += 1
    return keys


def listed(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


@pytest.mark.parametrize("sizes", [(2_000_000, 100_000, 20_000, 10), (30_000, 10)], ids=["files", "in-the-store"])
def test_a_full_disk_is_emptied_and_filled_again(disk, sizes):
    account, bucket = disk.account(), "full-" + uuid.uuid4().hex[:8]
    s3 = client("s3", disk.url, account["accessKey"], account["secretKey"])
    s3.create_bucket(Bucket=bucket)
    keys = fill(s3, bucket, sizes)
    assert len(keys) > 10
    disk.kill()
    disk.start()
    if put(s3, bucket, "more", sizes[0]):  # what the log held may have found its place in the database
        keys.append("more")
    assert sorted(listed(s3, bucket)) == sorted(keys)
    # One by one, many at once, and one more time around.
    for key in keys[:3]:
        s3.delete_object(Bucket=bucket, Key=key)
    keys = keys[3:]
    while keys:
        gone, keys = keys[:500], keys[500:]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in gone]})
        assert "Errors" not in answer, answer["Errors"][:3]
        assert len(answer["Deleted"]) == len(gone)
    assert listed(s3, bucket) == []
    wait_until(lambda: put(s3, bucket, "again", sizes[0]), "room for what was deleted")
    again = fill(s3, bucket, sizes[:1])
    expected = 20_000_000 // sizes[0]
    if len(again) < expected:  # files are removed, and pages given back, in the background
        wait_until(lambda: put(s3, bucket, f"x{uuid.uuid4()}", sizes[0]) and len(listed(s3, bucket)) >= expected, "nearly all of the space is back", limit=240)
    # What was refused meanwhile left nothing behind.
    report = subprocess.run([BINARY, "farm", "verify", "--data", disk.data], env=clean_environment(), capture_output=True, text=True,
                            timeout=60)
    assert report.returncode == 0 and "all whole" in report.stdout, report


def fill_the_rest(folder):
    """Another process takes what is left."""
    with open(os.path.join(folder, "foreign"), "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


@pytest.mark.parametrize("end", [Farm.kill, Farm.stop], ids=["killed", "stopped"])
def test_a_farm_starts_on_a_disk_without_any_room(disk, end):
    account, bucket = disk.account(), "tight-" + uuid.uuid4().hex[:8]
    s3 = client("s3", disk.url, account["accessKey"], account["secretKey"])
    s3.create_bucket(Bucket=bucket)
    keys = fill(s3, bucket, (1_000_000, 20_000, 10))
    for _ in range(2):  # a start that took what is kept for starts would be the last one
        fill_the_rest(disk.data)
        end(disk)
        fill_the_rest(disk.data)
        disk.start()
        assert sorted(listed(s3, bucket)) == sorted(keys)
        client("ec2", disk.url, account["accessKey"], account["secretKey"]).describe_instances()
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert "Errors" not in answer and listed(s3, bucket) == []
    os.unlink(os.path.join(disk.data, "foreign"))
    wait_until(lambda: put(s3, bucket, "again", 1_000_000), "room for what was deleted")
