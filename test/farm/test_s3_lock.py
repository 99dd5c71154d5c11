"""Object lock: what must not go before its time stays, whoever asks, and lifecycle rules stay off it."""
import datetime
import json
import uuid

import pytest
from botocore.exceptions import ClientError
from support.clients import client

FAR = datetime.datetime(2035, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def bucket(s3):
    name = "lock-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def refused(code, call, **args):
    with pytest.raises(ClientError) as error:
        call(**args)
    assert error.value.response["Error"]["Code"] == code, error.value


def test_a_locked_bucket_keeps_versions_and_a_default(s3, bucket):
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    refused("InvalidBucketState", s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    default = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2}}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=default)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == default
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] - head["LastModified"] >= datetime.timedelta(days=2) - datetime.timedelta(seconds=2)
    plain = bucket + "-plain"
    s3.create_bucket(Bucket=plain)
    refused("InvalidBucketState", s3.put_object_lock_configuration, Bucket=plain, ObjectLockConfiguration=default)
    refused("InvalidRequest", s3.put_object, Bucket=plain, Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=plain)


def test_governance_gives_way_to_who_may_and_asks(s3, farm, bucket):
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=FAR)["VersionId"]
    assert s3.get_object_retention(Bucket=bucket, Key="k")["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}
    marker = s3.delete_object(Bucket=bucket, Key="k")  # a delete marker takes nothing away
    assert marker["DeleteMarker"]
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="k", VersionId=version)
    several = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}, {"Key": "absent"}]})
    assert [e["Code"] for e in several["Errors"]] == ["AccessDenied"] and several["Deleted"][0]["Key"] == "absent"
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": FAR - datetime.timedelta(days=1)}
    refused("AccessDenied", s3.put_object_retention, Bucket=bucket, Key="k", VersionId=version, Retention=shorter)
    # Another account that may delete may still not pass over the lock.
    account = farm.account("lock-other")
    other = client("s3", farm.url, account["accessKey"], account["secretKey"])
    statement = {"Effect": "Allow", "Principal": {"AWS": account["accountId"]}, "Resource": f"arn:aws:s3:::{bucket}/*"}
    allow = lambda *actions: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [{**statement, "Action": list(actions)}]}))
    allow("s3:DeleteObjectVersion")
    asks = {"Bucket": bucket, "Key": "k", "VersionId": version, "BypassGovernanceRetention": True}
    refused("AccessDenied", other.delete_object, **asks)
    allow("s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")
    refused("AccessDenied", other.delete_object, **{**asks, "BypassGovernanceRetention": False})
    other.delete_object(**asks)
    refused("NoSuchVersion", s3.get_object, Bucket=bucket, Key="k", VersionId=version)


def test_compliance_and_legal_hold_give_way_to_nobody(s3, bucket):
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=FAR)["VersionId"]
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": FAR + datetime.timedelta(days=1)}
    s3.put_object_retention(Bucket=bucket, Key="k", Retention=longer)
    refused("AccessDenied", s3.put_object_retention, Bucket=bucket, Key="k", BypassGovernanceRetention=True,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": FAR})
    held = s3.put_object(Bucket=bucket, Key="h", Body=b"2")["VersionId"]
    refused("NoSuchObjectLockConfiguration", s3.get_object_legal_hold, Bucket=bucket, Key="h")
    refused("NoSuchObjectLockConfiguration", s3.get_object_retention, Bucket=bucket, Key="h")
    s3.put_object_legal_hold(Bucket=bucket, Key="h", LegalHold={"Status": "ON"})
    assert s3.head_object(Bucket=bucket, Key="h")["ObjectLockLegalHoldStatus"] == "ON"
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="h", VersionId=held, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=bucket, Key="h", LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(Bucket=bucket, Key="h")["LegalHold"] == {"Status": "OFF"}
    s3.delete_object(Bucket=bucket, Key="h", VersionId=held)


def test_uploads_in_parts_and_copies_are_locked_too(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ObjectLockLegalHoldStatus="ON")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    version = s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload,
                                           MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})["VersionId"]
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="m", VersionId=version)
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/m", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=FAR)
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="c", VersionId=copied["VersionId"])
    assert "ObjectLockLegalHoldStatus" not in s3.head_object(Bucket=bucket, Key="c")  # a copy is a version of its own
