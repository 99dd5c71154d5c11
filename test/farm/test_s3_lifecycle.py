"""Expiry by lifecycle rules, in a farm whose days last a second; the consistency of 2008; usage."""
import json
import subprocess
import uuid

import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.croft import BINARY, Farm, wait_until


@pytest.fixture(scope="module")
def short_days():
    farm = Farm(options=["--lifecycle-day", "1s"])
    yield farm
    farm.close()


@pytest.fixture(scope="module")
def quick(short_days):
    account = short_days.account("test")
    return client("s3", short_days.url, account["accessKey"], account["secretKey"])


@pytest.fixture
def bucket(quick):
    name = "l-" + uuid.uuid4().hex[:12]
    quick.create_bucket(Bucket=name)
    return name


def rule(name, **actions):
    return {"ID": name, "Status": "Enabled", "Filter": actions.pop("Filter", {"Prefix": ""}), **actions}


def set_rules(s3, bucket, *rules):
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def keys(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_configuration_comes_back(quick, bucket):
    with pytest.raises(ClientError) as error:
        quick.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert error.value.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
    rules = [rule("logs", Filter={"Prefix": "logs/"}, Expiration={"Days": 30}),
             rule("tagged", Filter={"And": {"Prefix": "t/", "Tags": [{"Key": "a", "Value": "b"}]}}, Expiration={"Days": 400}),
             rule("parts", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 500})]
    set_rules(quick, bucket, *rules)
    assert quick.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    head = quick.put_object(Bucket=bucket, Key="logs/a", Body=b"")
    assert 'rule-id="logs"' in head["Expiration"]
    assert "Expiration" not in quick.put_object(Bucket=bucket, Key="other", Body=b"")
    quick.delete_bucket_lifecycle(Bucket=bucket)
    assert "Expiration" not in quick.head_object(Bucket=bucket, Key="logs/a")


@pytest.mark.parametrize("bad, code", [
    (rule("x", Expiration={"Days": 0}), "InvalidArgument"),
    (rule("x" * 256, Expiration={"Days": 1}), "InvalidArgument"),
    (rule("x"), "InvalidRequest"),
    ({"ID": "x", "Status": "enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}, "MalformedXML"),
    (rule("x", Transitions=[{"Days": 1, "StorageClass": "CUPBOARD"}]), "MalformedXML"),
    (rule("x", Expiration={"Days": 5}, Transitions=[{"Days": 5, "StorageClass": "GLACIER"}]), "InvalidArgument"),
    (rule("x", Filter={"Tag": {"Key": "a", "Value": "b"}}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}), "InvalidRequest"),
])
def test_rules_that_make_no_sense(quick, bucket, bad, code):
    with pytest.raises(ClientError) as error:
        set_rules(quick, bucket, bad)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_objects_expire(quick, bucket):
    for key in ("old/small", "old/large", "kept"):
        quick.put_object(Bucket=bucket, Key=key, Body=b"x" * (100_000 if key.endswith("large") else 1))
    set_rules(quick, bucket, rule("old", Filter={"Prefix": "old/"}, Expiration={"Days": 1}))
    wait_until(lambda: keys(quick, bucket) == ["kept"], "what is under old/ expires")


def test_tags_and_sizes_choose(quick, bucket):
    quick.put_object(Bucket=bucket, Key="tagged", Body=b"1", Tagging="a=b")
    quick.put_object(Bucket=bucket, Key="plain", Body=b"1")
    quick.put_object(Bucket=bucket, Key="large", Body=b"1" * 1000)
    set_rules(quick, bucket, rule("tags", Filter={"Tag": {"Key": "a", "Value": "b"}}, Expiration={"Days": 1}),
              rule("sizes", Filter={"ObjectSizeGreaterThan": 500}, Expiration={"Days": 1}))
    wait_until(lambda: keys(quick, bucket) == ["plain"], "the tagged and the large one expire")


def test_versions_markers_and_uploads_expire(quick, bucket):
    quick.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2", b"3"):
        quick.put_object(Bucket=bucket, Key="k", Body=body)
    quick.put_object(Bucket=bucket, Key="gone", Body=b"")
    quick.delete_object(Bucket=bucket, Key="gone")
    upload = quick.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    quick.upload_part(Bucket=bucket, Key="u", UploadId=upload, PartNumber=1, Body=b"p")
    set_rules(quick, bucket, rule("versions", NoncurrentVersionExpiration={"NoncurrentDays": 1}),
              rule("markers", Expiration={"ExpiredObjectDeleteMarker": True}),
              rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))

    def left():
        page = quick.list_object_versions(Bucket=bucket)
        return ([v["Key"] for v in page.get("Versions", [])], page.get("DeleteMarkers", []),
                quick.list_multipart_uploads(Bucket=bucket).get("Uploads", []))

    wait_until(lambda: left() == (["k"], [], []), "older versions, the lone marker and the upload go")
    assert quick.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_classes_change(quick, bucket):
    quick.put_object(Bucket=bucket, Key="k", Body=b"data")
    set_rules(quick, bucket, rule("cheap", Transitions=[{"Days": 1, "StorageClass": "GLACIER_IR"}]))
    wait_until(lambda: quick.head_object(Bucket=bucket, Key="k").get("StorageClass") == "GLACIER_IR", "the class changes")
    assert quick.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_classes_of_older_versions_change(quick, bucket):
    quick.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = [quick.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
    set_rules(quick, bucket, rule("cheap", NoncurrentVersionTransitions=[
        {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1, "StorageClass": "GLACIER_IR"}]))

    def classes():
        return [quick.head_object(Bucket=bucket, Key="k", VersionId=v).get("StorageClass") for v in old]

    wait_until(lambda: classes() == ["GLACIER_IR", None, None], "the oldest changes its class, the newest two stay")
    assert quick.get_object(Bucket=bucket, Key="k", VersionId=old[0])["Body"].read() == b"1"


def test_what_is_locked_outlives_its_rules(quick):
    name = "l-" + uuid.uuid4().hex[:12]
    quick.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    held = quick.put_object(Bucket=name, Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON")["VersionId"]
    free = quick.put_object(Bucket=name, Key="k", Body=b"2")["VersionId"]
    quick.put_object(Bucket=name, Key="k", Body=b"3")
    set_rules(quick, name, rule("versions", NoncurrentVersionExpiration={"NoncurrentDays": 1}))
    there = lambda: [v["VersionId"] for v in quick.list_object_versions(Bucket=name)["Versions"]]
    wait_until(lambda: free not in there(), "the version that nothing holds goes")
    assert held in there()
    quick.put_object_legal_hold(Bucket=name, Key="k", VersionId=held, LegalHold={"Status": "OFF"})
    wait_until(lambda: held not in there(), "let go, the other one goes as well")


# ---- the consistency of 2008 ----

def croft(farm, *args):
    done = subprocess.run([BINARY, "farm", *args, "--data", farm.data, "--json"], capture_output=True, text=True,
                          env=farm.env, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def late(short_days):
    croft(short_days, "consistency", "--stale-reads", "10min", "--late-lists", "10min")
    yield short_days
    croft(short_days, "consistency", "--stale-reads", "0s", "--late-lists", "0s")


def read(s3, bucket, key):
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey"
        return None


def test_reads_and_lists_lag_behind(quick, bucket, late):
    croft(late, "consistency", "--stale-reads", "0s", "--late-lists", "0s")
    for key, body in (("small", b"1"), ("large", b"1" * 100_000), ("doomed", b"1")):
        quick.put_object(Bucket=bucket, Key=key, Body=body)
    assert croft(late, "consistency", "--stale-reads", "10min", "--late-lists", "10min")["readsMs"] == 600_000
    quick.put_object(Bucket=bucket, Key="small", Body=b"2")
    quick.put_object(Bucket=bucket, Key="large", Body=b"2" * 100_000)
    quick.put_object(Bucket=bucket, Key="new", Body=b"2")
    quick.delete_object(Bucket=bucket, Key="doomed")
    assert read(quick, bucket, "small") == b"1" and read(quick, bucket, "doomed") == b"1"
    assert read(quick, bucket, "large") == b"1" * 100_000, "the replaced file is kept as long as it may be read"
    assert read(quick, bucket, "new") is None
    assert keys(quick, bucket) == ["doomed", "large", "small"]
    with pytest.raises(ClientError) as error:
        conditional_put(quick, bucket, "new")
    assert error.value.response["Error"]["Code"] in ("PreconditionFailed", "412"), "writes are never out of date"
    croft(late, "consistency", "--late-lists", "0s")
    assert keys(quick, bucket) == ["large", "new", "small"]
    croft(late, "consistency", "--stale-reads", "0s")
    assert read(quick, bucket, "small") == b"2" and read(quick, bucket, "large") == b"2" * 100_000
    assert read(quick, bucket, "new") == b"2" and read(quick, bucket, "doomed") is None


def conditional_put(s3, bucket, key):
    """The header that Debian's boto3 does not know yet."""
    def add(request, **_):
        request.headers["If-None-Match"] = "*"
    s3.meta.events.register("before-sign.s3.PutObject", add)
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", add)


def test_the_delay_ends(quick, bucket, late):
    croft(late, "consistency", "--stale-reads", "300ms", "--late-lists", "300ms")
    quick.put_object(Bucket=bucket, Key="k", Body=b"1")
    wait_until(lambda: read(quick, bucket, "k") == b"1" and keys(quick, bucket) == ["k"], "the write becomes seen")


# ---- metering ----

def test_usage_is_counted_and_priced(short_days, quick):
    account = short_days.account("metered")
    s3 = client("s3", short_days.url, account["accessKey"], account["secretKey"])
    bucket = "m-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 50_000)
    s3.put_object(Bucket=bucket, Key="cheap", Body=b"x" * 10_000, StorageClass="REDUCED_REDUNDANCY")
    for _ in range(3):
        s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    s3.delete_object(Bucket=bucket, Key="absent")

    def used():
        months = croft(short_days, "usage", "metered")["months"]
        total = {}
        for month in months:
            for what, amount in month["amounts"].items():
                total[what] = total.get(what, 0) + amount
        return total, sum(m["costMicros"] for m in months)

    total, cost = used()
    assert (total["requests.write"], total["requests.read"], total["requests.delete"]) == (3, 3, 1)
    assert total["bytes.in"] >= 60_000 and 150_000 <= total["bytes.out"] < 160_000
    assert cost > 0
    wait_until(lambda: {"storage.STANDARD", "storage.REDUCED_REDUNDANCY"} <= set(used()[0]), "storage is sampled")
    total, _ = used()
    assert total["storage.STANDARD"] > total["storage.REDUCED_REDUNDANCY"] > 0
    short_days.stop()
    short_days.start()
    again, _ = used()
    assert again["requests.write"] == 3 and again["storage.STANDARD"] >= total["storage.STANDARD"], "usage survives a restart"


def test_quotas(short_days, quick):
    account = short_days.account("small", storage="100KiB", buckets=1)
    s3 = client("s3", short_days.url, account["accessKey"], account["secretKey"])
    bucket = "q-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=bucket + "-2")
    assert error.value.response["Error"]["Code"] == "TooManyBuckets"
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * 60_000)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 60_000)
    assert error.value.response["Error"]["Code"] == "QuotaExceeded"
    s3.put_object(Bucket=bucket, Key="a", Body=b"y" * 60_000)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 60_000)
