"""kill -9 at any moment: what was acknowledged is there whole, what was not is there whole or not at all."""
import hashlib
import os
import pathlib
import random
import threading
import time
import uuid

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from support.clients import client
from support.croft import Farm

SIZES = [0, 100, 4096, 40_000, 300_000, 2_000_000]


def body(key, version, size):
    seed = hashlib.sha256(f"{key}/{version}".encode()).digest()
    return (seed * (size // 32 + 1))[:size]


class Writer(threading.Thread):
    """Overwrites its own keys with ever new versions; remembers what was acknowledged and what was on its way."""

    def __init__(self, number, url, account, bucket):
        super().__init__(daemon=True)
        self.s3 = client("s3", url, account["accessKey"], account["secretKey"])
        self.number, self.bucket, self.acked, self.tried, self.ends = number, bucket, {}, {}, False

    def run(self):
        chance = random.Random(self.number)
        version = 0
        while not self.ends:
            key, size = f"w{self.number}/{chance.randrange(8)}", chance.choice(SIZES)
            version += 1
            self.tried.setdefault(key, {})[version] = size
            try:
                if chance.random() < 0.1:
                    self.tried[key][version] = None
                    self.s3.delete_object(Bucket=self.bucket, Key=key)
                else:
                    self.s3.put_object(Bucket=self.bucket, Key=key, Body=body(key, version, size))
            except (BotoCoreError, ClientError):
                return
            self.acked[key] = version


@pytest.mark.parametrize("round_", range(3))
def test_kill_while_writing(round_):
    farm = Farm()
    try:
        account = farm.account("test")
        s3 = client("s3", farm.url, account["accessKey"], account["secretKey"])
        bucket = "d-" + uuid.uuid4().hex[:8]
        s3.create_bucket(Bucket=bucket)
        writers = [Writer(n, farm.url, account, bucket) for n in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.3, 1.5))  # not a wait for anything: the moment of the kill
        farm.kill()
        for writer in writers:
            writer.ends = True
            writer.join(30)
        farm.start()
        checked = 0
        for writer in writers:
            for key, tried in writer.tried.items():
                try:
                    got = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                except s3.exceptions.NoSuchKey:
                    got = None
                # The acknowledged version, or one that was on its way when the farm died.
                acked = writer.acked.get(key, 0)
                good = [None if tried[v] is None else body(key, v, tried[v]) for v in tried if v >= acked]
                if acked == 0:
                    good.append(None)
                assert got in good, f"{key}: {None if got is None else len(got)} bytes, acknowledged version {acked}"
                checked += 1
        assert checked > 0
        names = {o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
        files = [p for p in pathlib.Path(farm.data, "s3", "data").rglob("*") if p.is_file()]
        large = sum(s3.head_object(Bucket=bucket, Key=n)["ContentLength"] > 32768 for n in names)
        fresh = len(list(pathlib.Path(farm.data, "s3", "new").iterdir()))
        assert len(files) + fresh == large, "every data file belongs to an object and every object has its file"
    finally:
        farm.close()


def test_kill_in_the_middle_of_a_large_put_and_of_parts():
    farm = Farm()
    try:
        account = farm.account("test")
        s3 = client("s3", farm.url, account["accessKey"], account["secretKey"])
        s3.create_bucket(Bucket="bucket")
        upload = s3.create_multipart_upload(Bucket="bucket", Key="multi")["UploadId"]
        part = os.urandom(5 << 20)
        etag = s3.upload_part(Bucket="bucket", Key="multi", UploadId=upload, PartNumber=1, Body=part)["ETag"]
        import socket
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "half"}, ExpiresIn=60)
        with socket.create_connection(("127.0.0.1", farm.port)) as stream:
            target = url.split(str(farm.port), 1)[1]
            stream.sendall(f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{farm.port}\r\nContent-Length: 8000000\r\n\r\n".encode())
            stream.sendall(b"x" * 4_000_000)
            farm.kill()
        farm.start()
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="bucket", Key="half")
        assert list(pathlib.Path(farm.data, "s3", "new").iterdir()) == []
        s3.complete_multipart_upload(Bucket="bucket", Key="multi", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        assert s3.get_object(Bucket="bucket", Key="multi")["Body"].read() == part
        s3.delete_object(Bucket="bucket", Key="multi")
        farm.stop()
        farm.start()
        assert [p for p in pathlib.Path(farm.data, "s3").rglob("*") if p.is_file()] == []
    finally:
        farm.close()


def test_accounts_survive_and_are_added_while_it_runs_or_not():
    farm = Farm()
    try:
        running = farm.account("running", access_key="AKIARUNNING", secret_key="secret-one", account_id="123456789012")
        assert running["accountId"] == "123456789012" and running["accessKey"] == "AKIARUNNING"
        farm.kill()
        stopped = farm.account("stopped")
        farm.start()
        for account in (running, stopped):
            client("s3", farm.url, account["accessKey"], account["secretKey"]).list_buckets()
        again = farm.account("running", access_key="AKIARUNNING", secret_key="secret-one", account_id="123456789012")
        assert again["canonicalId"] == running["canonicalId"]
        raw = b"".join(p.read_bytes() for p in pathlib.Path(farm.data).glob("farm.db*"))
        assert b"secret-one" not in raw and stopped["secretKey"].encode() not in raw
    finally:
        farm.close()
