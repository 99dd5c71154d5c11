"""What the farm's S3 does under duress: old signatures, a slow key store, damaged data, a full disk."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.clients import client
from support.croft import BINARY, Farm, clean_environment, free_port, wait_until


@pytest.fixture
def own():
    one = Farm()
    yield one
    one.close()


class AdminConnection(http.client.HTTPConnection):
    def __init__(self, farm):
        super().__init__("farm", timeout=60)
        self.path = str(pathlib.Path(farm.data, "admin.sock"))

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def admin(farm, path, body):
    connection = AdminConnection(farm)
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, text
    return json.loads(text)


def croft(*words):
    return subprocess.run([BINARY, *words], env=clean_environment(), capture_output=True, text=True, timeout=60)


def old_client(farm, account):
    """boto3 as it comes: presigned URLs by signature version 2."""
    return boto3.client("s3", endpoint_url=farm.url, region_name="us-east-1", aws_access_key_id=account["accessKey"],
                        aws_secret_access_key=account["secretKey"], config=Config(signature_version="s3",
                                                                                 retries={"max_attempts": 1}))


def s3cmd_with_sigv2(farm, account, folder):
    (folder / "s3cfg").write_text(f"""[default]
access_key = {account["accessKey"]}
secret_key = {account["secretKey"]}
host_base = 127.0.0.1:{farm.port}
host_bucket = 127.0.0.1:{farm.port}
use_https = False
signature_v2 = True
""")
    (folder / "file").write_bytes(b"by s3cmd")

    def call(*words):
        done = subprocess.run(["s3cmd", "-c", folder / "s3cfg", "--no-progress", *words], capture_output=True, text=True, timeout=60,
                              env=clean_environment(HOME=str(folder)))
        assert done.returncode == 0, done
        return done.stdout

    call("mb", "s3://by-s3cmd")
    call("put", folder / "file", "s3://by-s3cmd/a b/c")
    assert "s3://by-s3cmd/a b/c" in call("ls", "--recursive", "s3://by-s3cmd")
    call("get", "s3://by-s3cmd/a b/c", folder / "back")
    assert (folder / "back").read_bytes() == b"by s3cmd"
    with urllib.request.urlopen(call("signurl", "s3://by-s3cmd/a b/c", "+60").strip(), timeout=20) as answer:
        assert answer.read() == b"by s3cmd"
    call("rb", "--recursive", "--force", "s3://by-s3cmd")


def test_sigv2_is_a_switch_of_the_account(own, tmp_path):
    account = own.account("old")
    s3, old = client("s3", own.url, account["accessKey"], account["secretKey"]), old_client(own, account)
    bucket = "b-" + uuid.uuid4().hex[:8]
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"data")
    with pytest.raises(ClientError) as refused:
        old.list_objects(Bucket=bucket)
    assert "signature_version='s3v4'" in str(refused.value)
    done = croft("farm", "account", "add", "old", "--sigv2", "on", "--data", own.data, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["accessKey"] == account["accessKey"], done
    assert [o["Key"] for o in old.list_objects(Bucket=bucket)["Contents"]] == ["a b"]
    old.put_object(Bucket=bucket, Key="c", Body=b"new", Metadata={"x": "1"}, ContentType="text/plain")
    # Sub-resources: some versions of botocore sign "?location?location".
    assert "LocationConstraint" in old.get_bucket_location(Bucket=bucket)
    old.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    assert old.list_objects_v2(Bucket=bucket, Prefix="a")["KeyCount"] == 1
    assert old.get_object_acl(Bucket=bucket, Key="c")["Grants"]
    upload = old.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = old.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"p")
    old.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload,
                                  MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    old.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "m"}]})
    url = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    assert "AWSAccessKeyId" in url and "X-Amz" not in url
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.read() == b"data"
    with pytest.raises(urllib.error.HTTPError) as wrong:
        urllib.request.urlopen(url.replace("a%20b", "c"), timeout=20)
    assert wrong.value.code == 403 and b"SignatureDoesNotMatch" in wrong.value.read()
    expired = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=-1)
    with pytest.raises(urllib.error.HTTPError) as late:
        urllib.request.urlopen(expired, timeout=20)
    assert late.value.code == 403 and b"expired" in late.value.read()
    s3cmd_with_sigv2(own, account, tmp_path)
    assert croft("farm", "account", "add", "old", "--sigv2", "off", "--data", own.data).returncode == 0
    with pytest.raises(ClientError):
        old.list_objects(Bucket=bucket)
    assert croft("farm", "account", "add", "old", "--sigv2", "perhaps", "--data", own.data).returncode != 0


def test_quotas_change_one_by_one(own):
    own.account("modest")
    change = lambda *flags: json.loads(croft("farm", "account", "add", "modest", *flags, "--data", own.data, "--json").stdout)
    assert change("--buckets", "7")["buckets"] == 7
    told = change("--storage", "1MiB", "--instances", "3")
    assert (told["buckets"], told["storage"], told["instances"]) == (7, 1 << 20, 3)


def test_an_unsigned_request_cannot_claim_signed_chunks(own):
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=20)
    for kind in ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"):
        connection.request("PUT", "/bucket/key", body=b"x", headers={"x-amz-content-sha256": kind})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (403, 404), answer.status
    assert own.healthy()


def test_known_callers_go_on_while_the_key_store_is_down(own):
    known, new = own.account("known"), own.account("new")
    s3 = client("s3", own.url, known["accessKey"], known["secretKey"])
    s3.create_bucket(Bucket="bucket")
    admin(own, "/faults/key-store", {"time": "60s", "down": True})
    for number in range(20):
        s3.put_object(Bucket="bucket", Key=f"{number}", Body=b"x")
    assert len(s3.list_objects_v2(Bucket="bucket")["Contents"]) == 20
    # Eight newcomers hold the store's places; the next is told within the bound, with a hint when to come back.
    url = client("s3", own.url, new["accessKey"], new["secretKey"]).generate_presigned_url("list_buckets", ExpiresIn=600)
    waiting = [http.client.HTTPConnection("127.0.0.1", own.port, timeout=60) for _ in range(8)]
    for connection in waiting:
        connection.request("GET", url.split(str(own.port), 1)[1])
    wait_until(lambda: admin(own, "/faults/key-store", {"time": "60s", "down": True})["lookUps"] >= 8, "eight look-ups")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    assert refused.value.code == 503 and refused.value.headers["Retry-After"] and b"SlowDown" in refused.value.read()
    s3.put_object(Bucket="bucket", Key="still", Body=b"x")
    for connection in waiting:
        connection.close()
    # A caller whose time is over is not served, whoever it is.
    request = urllib.request.Request(s3.generate_presigned_url("list_buckets"),
                                     headers={"x-croft-deadline-ms": str(int(time.time() * 1000) - 1)})
    with pytest.raises(urllib.error.HTTPError) as expired:
        urllib.request.urlopen(request, timeout=30)
    assert expired.value.code == 503
    admin(own, "/faults/key-store", {})
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200


def test_verify_names_what_is_damaged_while_serving_and_not(own):
    account = own.account("test")
    s3 = client("s3", own.url, account["accessKey"], account["secretKey"])
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="small", Body=b"s" * 1000)
    s3.put_object(Bucket="bucket", Key="large", Body=os.urandom(300_000), ChecksumAlgorithm="SHA256")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=n,
                                                     Body=bytes([n]) * (5 << 20))["ETag"]} for n in (1, 2)]
    s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    good = croft("farm", "verify", "--data", own.data, "--json")
    assert good.returncode == 0 and json.loads(good.stdout)["objects"] == 3 and json.loads(good.stdout)["damaged"] == 0, good
    file = next(p for p in pathlib.Path(own.data, "s3").rglob("*") if p.is_file() and p.stat().st_size == 300_000)
    raw = bytearray(file.read_bytes())
    raw[123_456] ^= 1
    file.write_bytes(raw)
    bad = croft("farm", "verify", "--data", own.data)
    assert bad.returncode == 1 and "bucket/large" in bad.stdout and "ETag" in bad.stdout and "1 damaged" in bad.stdout, bad
    own.stop()
    still = croft("farm", "verify", "--data", own.data, "--json")
    assert still.returncode == 1 and json.loads(still.stdout)["damages"][0]["where"] == "bucket/large", still
    own.start()
    s3.put_object(Bucket="bucket", Key="large", Body=b"again")
    assert croft("farm", "verify", "--data", own.data).returncode == 0


@pytest.fixture
def tiny_disk():
    """A file system of 24 MiB."""
    folder = tempfile.mkdtemp(prefix="croft-tiny-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True)
    assert done.returncode == 0, f"these tests run as root and may mount: {done.stderr}"
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    os.rmdir(folder)


def test_a_full_disk_refuses_loses_nothing_and_recovers(tiny_disk):
    farm = Farm(data=tiny_disk)
    try:
        account = farm.account("test")
        s3 = client("s3", farm.url, account["accessKey"], account["secretKey"], retries={"max_attempts": 0})
        s3.create_bucket(Bucket="bucket")
        kept, refused = {}, 0
        for number in range(200):
            size = 1_000_000 if number % 2 else 20_000
            body = bytes([number % 251]) * size
            try:
                s3.put_object(Bucket="bucket", Key=f"{number}", Body=body)
                kept[f"{number}"] = body
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503), error
                refused += 1
            if refused > 20:
                break
        assert refused > 20 and len(kept) > 5

        def all_there():
            for key, body in kept.items():
                assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == body, key
            assert {o["Key"] for o in s3.list_objects_v2(Bucket="bucket").get("Contents", [])} == set(kept)

        all_there()
        farm.kill()
        farm.start()
        all_there()
        # Room is made by whoever runs the machine; then all goes on.
        subprocess.run(["mount", "-o", "remount,size=64m", tiny_disk], check=True)
        for key in list(kept)[:5]:
            s3.delete_object(Bucket="bucket", Key=key)
            del kept[key]
        s3.put_object(Bucket="bucket", Key="after", Body=b"n" * 2_000_000)
        kept["after"] = b"n" * 2_000_000
        all_there()
        assert croft("farm", "verify", "--data", farm.data).returncode == 0
    finally:
        farm.close()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_who_comes_while_the_store_is_held_for_a_moment_waits(tmp_path):
    """`farm serve &` and `farm account add` at once, as in the README: whoever is second waits for the first."""
    import fcntl
    data = str(tmp_path / "farm")
    os.mkdir(data)
    with open(f"{data}/farm.db.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adding = subprocess.Popen([BINARY, "farm", "account", "add", "early", "--data", data], env=clean_environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            adding.wait(1)  # what does not wait has ended by then
    assert adding.wait(60) == 0, adding.stderr.read()
    with open(f"{data}/farm.db.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = free_port()
        serving = subprocess.Popen([BINARY, "farm", "serve", "--data", data, "--listen", f"127.0.0.1:{port}"], env=clean_environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            serving.wait(1)
    try:
        # Before it answers, and without asking whether it does.
        for name in "one", "two", "three":
            added = croft("farm", "account", "add", name, "--data", data)
            assert added.returncode == 0, added
        listed = json.loads(croft("farm", "account", "list", "--data", data, "--json").stdout)["accounts"]
        assert {a["name"] for a in listed} == {"early", "one", "two", "three"}
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/_croft/health"), "the farm serves")
        second = croft("farm", "serve", "--data", data, "--listen", "127.0.0.1:0")
        assert second.returncode != 0 and f"in use by process {serving.pid}" in second.stderr, second
    finally:
        serving.terminate()
        serving.wait(30)
