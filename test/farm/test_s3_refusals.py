"""What the service refuses, and how a connection goes on after it: requests of today's clients, signed by botocore."""
import io
import json
import socket
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from support.clients import client


@pytest.fixture
def bucket(s3):
    name = "r-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def other(farm):
    account = farm.account("other")
    return client("s3", farm.url, account["accessKey"], account["secretKey"])


def code_of(call, **args):
    """(status, code) of what is refused; (status, "") of what is not."""
    try:
        return call(**args)["ResponseMetadata"]["HTTPStatusCode"], ""
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def signed(farm, account, method, path, body=b"", **headers):
    request = AWSRequest(method, farm.url + path, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    S3SigV4Auth(Credentials(account["accessKey"], account["secretKey"]), "s3", "us-east-1").add_auth(request)
    return dict(request.prepare().headers)


def ask(farm, account, method, path, body=b"", **headers):
    """(status, code, body) of a request as it stands."""
    request = urllib.request.Request(farm.url + path, data=body or None, method=method,
                                     headers=signed(farm, account, method, path, body, **headers))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, "", answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else "", text


# ---- Expect: 100-continue -------------------------------------------------------------------------------------------


def test_boto3_goes_on_after_an_empty_object(farm, account, bucket, other):
    """botocore asks for the 100 before an empty file-like body too; without it the next body on the connection is never sent."""
    def one_connection(owner):
        return client("s3", farm.url, owner["accessKey"], owner["secretKey"], read_timeout=10, retries={"max_attempts": 0},
                      max_pool_connections=1)
    s3 = one_connection(account)
    for number in range(3):
        s3.put_object(Bucket=bucket, Key="empty", Body=io.BytesIO(b""))
        s3.put_object(Bucket=bucket, Key="full", Body=io.BytesIO(b"x%d" % number))
        assert s3.get_object(Bucket=bucket, Key="full")["Body"].read() == b"x%d" % number
    # Refused ones too, whatever they are refused for.
    denied = one_connection(farm.account("denied"))
    denied.create_bucket(Bucket=bucket + "-own")
    for refused in (dict(Bucket=bucket, Key="e"), dict(Bucket="no" + bucket, Key="e"),
                    dict(Bucket=bucket + "-own", Key="e", StorageClass="BOGUS")):
        for body in b"", b"a body":
            assert code_of(denied.put_object, Body=io.BytesIO(body), **refused)[0] >= 400
            denied.put_object(Bucket=bucket + "-own", Key="full", Body=io.BytesIO(b"full"))
            assert denied.get_object(Bucket=bucket + "-own", Key="full")["Body"].read() == b"full"


def conversation(farm, text):
    """Everything the farm says to these bytes, up to its end."""
    with socket.create_connection(("127.0.0.1", farm.port), timeout=20) as connection:
        connection.sendall(text)
        said = b""
        while piece := connection.recv(65536):
            said += piece
        return said.decode()


def put_text(farm, account, path, key_headers, *more):
    headers = dict(signed(farm, account, "PUT", path, **key_headers), Host=f"127.0.0.1:{farm.port}")
    lines = [f"PUT {path} HTTP/1.1", *[f"{k}: {v}" for k, v in headers.items() if k.lower() != "content-length"], *more, "", ""]
    return "\r\n".join(lines).encode()


def test_the_wire_says_100_or_close(farm, account, bucket):
    expect = ("Content-Length: 0", "Expect: 100-continue")
    last = put_text(farm, account, f"/{bucket}/b", {}, "Content-Length: 0", "Connection: close")
    said = conversation(farm, put_text(farm, account, f"/{bucket}/a", {}, *expect) + last)
    assert said.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), said
    assert said.count("HTTP/1.1 200 OK") == 2 and said.count("100 Continue") == 1, said
    said = conversation(farm, put_text(farm, account, f"/{bucket}/a", {"x-amz-storage-class": "BOGUS"}, *expect) + last)
    assert said.startswith("HTTP/1.1 400 ") and "\r\nConnection: close\r\n" in said, said
    assert said.count("HTTP/1.1") == 1, said


# ---- bodies and headers ---------------------------------------------------------------------------------------------


def test_checksums_that_are_not_checked_are_not_taken(farm, account, bucket):
    put = lambda **headers: ask(farm, account, "PUT", f"/{bucket}/k", b"data", **headers)[:2]
    for name in ("sha512", "md5", "xxhash64", "xxhash3", "xxhash128"):
        assert put(**{f"x-amz-checksum-{name}": "AAAA"}) == (501, "NotImplemented"), name
    assert put(**{"x-amz-checksum-crc16": "AAAA"}) == (400, "InvalidRequest")
    assert put(**{"x-amz-sdk-checksum-algorithm": "SHA256"}) == (400, "InvalidRequest")
    assert put(**{"x-amz-sdk-checksum-algorithm": "SHA512"}) == (400, "InvalidRequest")
    assert put(**{"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "rfMgVg=="}) == (400, "BadDigest")
    assert put(**{"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "rfPzYw=="}) == (200, "")


def test_a_length_must_be_told_and_may_not_be_absurd(farm, account, bucket):
    said = conversation(farm, put_text(farm, account, f"/{bucket}/k", {}, "Connection: close"))
    assert said.startswith("HTTP/1.1 411 ") and "<Code>MissingContentLength</Code>" in said, said
    said = conversation(farm, put_text(farm, account, f"/{bucket}/k", {}, f"Content-Length: {6 << 40}", "Expect: 100-continue"))
    assert said.startswith("HTTP/1.1 400 ") and "<Code>EntityTooLarge</Code>" in said, said


def test_redirections_lead_somewhere(s3, bucket):
    for good in ("/x", "http://example.com/", "https://example.com/"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", WebsiteRedirectLocation=good)
    for bad in ("x", "ftp://example.com/"):
        assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"", WebsiteRedirectLocation=bad) == (400, "InvalidRedirectLocation")


def test_an_archived_object_is_restored_before_it_is_read(s3, bucket):
    key = {"Bucket": bucket, "Key": "cold"}
    for archive in ("GLACIER", "DEEP_ARCHIVE"):
        s3.put_object(**key, Body=b"cold data", StorageClass=archive)
        assert s3.head_object(**key)["StorageClass"] == archive
        with pytest.raises(ClientError) as refused:
            s3.get_object(**key)
        assert refused.value.response["Error"]["Code"] == "InvalidObjectState"
        assert refused.value.response["Error"]["StorageClass"] == archive
        copy = dict(Bucket=bucket, Key="copy", CopySource=key)
        assert code_of(s3.copy_object, **copy) == (403, "ObjectNotInActiveTierError")
        assert code_of(s3.restore_object, **key, RestoreRequest={"Days": 0}) == (400, "InvalidArgument")
        assert code_of(s3.restore_object, **key, RestoreRequest={"Days": 2}) == (202, "")
        assert code_of(s3.restore_object, **key, RestoreRequest={"Days": 3}) == (200, "")
        got = s3.get_object(**key)
        assert got["Body"].read() == b"cold data" and got["StorageClass"] == archive
        assert got["Restore"].startswith('ongoing-request="false", expiry-date="'), got["Restore"]
        assert s3.head_object(**key)["Restore"] == got["Restore"]
        s3.copy_object(**copy)
        assert "Restore" not in s3.head_object(Bucket=bucket, Key="copy")
    s3.put_object(**key, Body=b"warm")
    assert code_of(s3.restore_object, **key, RestoreRequest={"Days": 1}) == (403, "InvalidObjectState")
    assert code_of(s3.restore_object, Bucket=bucket, Key="absent", RestoreRequest={"Days": 1}) == (404, "NoSuchKey")


# ---- policies and sub-resources -------------------------------------------------------------------------------------


def test_a_bucket_policy_is_its_owners_alone(farm, s3, bucket, other):
    nobody = boto3.client("s3", endpoint_url=farm.url, region_name="us-east-1",
                          config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
    everything = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=everything)
    for caller in other, nobody:
        caller.put_object(Bucket=bucket, Key="k", Body=b"let in")
        for call, more in ((caller.get_bucket_policy, {}), (caller.put_bucket_policy, {"Policy": everything}),
                           (caller.delete_bucket_policy, {})):
            assert code_of(call, Bucket=bucket, **more) == (405, "MethodNotAllowed"), call
        assert caller.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(everything)
    s3.delete_bucket_policy(Bucket=bucket)
    for caller in other, nobody:
        assert code_of(caller.get_bucket_policy, Bucket=bucket) == (403, "AccessDenied")


def test_a_policy_that_means_nothing_is_not_kept(s3, bucket):
    good = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    for bad in ({"Action": "s3:GetObjekt"}, {"Principal": {"AWS": "nobody"}}, {"Principal": {"CanonicalUser": "x"}},
                {"Action": "s3:ListBucket"}, {"Resource": f"arn:aws:s3:::{bucket}"}):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**good, **bad}]})
        assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == (400, "MalformedPolicy"), bad
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


# Of the service's model of 2026; docs/farm.md lists what is not offered.
NOT_OFFERED = ("abac", "analytics", "intelligent-tiering", "inventory", "metadataConfiguration", "metadataInventoryTable",
               "metadataJournalTable", "metadataTable", "metrics", "session")


def test_a_sub_resource_is_never_taken_for_the_bucket(farm, account, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for name in NOT_OFFERED:
        for method in "GET", "PUT", "POST", "DELETE":
            body = b"<x/>" if method in ("PUT", "POST") else b""
            for path in f"/{bucket}?{name}", f"/new-{bucket}?{name}", f"/{bucket}/k?{name}":
                status, code, text = ask(farm, account, method, path, body)
                assert (status, code) == (501, "NotImplemented"), f"{method} {path}: {status} {text}"
    for method, name in (("PUT", "encryption"), ("PUT", "renameObject"), ("GET", "torrent"), ("POST", "select&select-type=2")):
        assert ask(farm, account, method, f"/{bucket}/k?{name}")[:2] == (501, "NotImplemented"), name
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert f"new-{bucket}" not in [b["Name"] for b in s3.list_buckets()["Buckets"]]
