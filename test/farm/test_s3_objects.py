"""Objects as boto3 sees them: whole, in part, under conditions, with what is said about them."""
import base64
import datetime
import hashlib
import os
import urllib.request
import uuid
import zlib

import pytest
from botocore.exceptions import ClientError
from support.clients import client


def code(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def bucket(s3):
    name = "t-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])
    for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("size", [0, 1, 4096, 32768, 32769, 1 << 20, (8 << 20) + 3])
def test_put_and_get(s3, bucket, size):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="a/b c+ü.bin", Body=data, ContentType="text/x-test", Metadata={"who": "me"},
                        CacheControl="no-cache", ContentDisposition="attachment", ContentEncoding="gzip")
    assert put["ETag"] == '"%s"' % hashlib.md5(data).hexdigest()
    got = s3.get_object(Bucket=bucket, Key="a/b c+ü.bin")
    assert got["Body"].read() == data
    assert got["ContentType"] == "text/x-test" and got["Metadata"] == {"who": "me"}
    assert got["CacheControl"] == "no-cache" and got["ContentEncoding"] == "gzip"
    assert got["ContentDisposition"] == "attachment"
    head = s3.head_object(Bucket=bucket, Key="a/b c+ü.bin")
    assert head["ContentLength"] == size and head["ETag"] == put["ETag"]
    assert abs((head["LastModified"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 60


@pytest.mark.parametrize("size", [1000, 100000])
@pytest.mark.parametrize("header,first,last", [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=990-", 990, None),
                                               ("bytes=-7", -7, None), ("bytes=5-99999999", 5, None),
                                               ("bytes=5-99999999999999999999", 5, None)])
def test_ranges(s3, bucket, size, header, first, last):
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k", Range=header)
    expected = data[first:] if last is None else data[first:last + 1]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == expected
    start = first if first >= 0 else size + first
    assert got["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/{size}"


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=-0", "bytes=2000-3000", "bytes=99999999999999999999-"])
def test_range_outside(s3, bucket, header):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert code(error) == ("InvalidRange", 416)


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6"])
def test_range_not_understood_means_whole(s3, bucket, header):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    got = s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200 and len(got["Body"].read()) == 1000


def test_a_range_of_what_the_client_knows_else_the_whole(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]["last-modified"]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})

    def ask(known):
        request = urllib.request.Request(url, headers={"Range": "bytes=2-3", "If-Range": known})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()

    for known in (etag, modified):
        assert ask(known) == (206, b"23")
    for other in ('"other"', "W/" + etag, "Mon, 07 Apr 2008 10:00:00 GMT", "yesterday"):
        assert ask(other) == (200, b"0123456789")


def test_conditions_of_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"abc")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    day = datetime.timedelta(days=1)
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"abc"
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')["Body"].read() == b"abc"
    assert s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=modified - day)["Body"].read() == b"abc"
    for wrong, expected in [(dict(IfMatch='"other"'), 412), (dict(IfNoneMatch=etag), 304),
                            (dict(IfModifiedSince=modified), 304), (dict(IfUnmodifiedSince=modified - day), 412)]:
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket=bucket, Key="k", **wrong)
        assert code(error)[1] == expected, wrong
    # If-Match that holds outweighs If-Unmodified-Since (RFC 9110 13.2.2)
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=modified - day)


def send(s3, operation, headers, **params):
    """A call with extra headers that the model of Debian's botocore does not know."""
    def add(request, **_):
        for name, value in headers.items():
            request.headers[name] = value
    s3.meta.events.register_first("before-sign.s3." + operation, add)
    try:
        return getattr(s3, {"PutObject": "put_object", "DeleteObject": "delete_object"}[operation])(**params)
    finally:
        s3.meta.events.unregister("before-sign.s3." + operation, add)


def test_conditions_of_writes(s3, bucket):
    send(s3, "PutObject", {"If-None-Match": "*"}, Bucket=bucket, Key="lock", Body=b"1")
    with pytest.raises(ClientError) as error:
        send(s3, "PutObject", {"If-None-Match": "*"}, Bucket=bucket, Key="lock", Body=b"2")
    assert code(error) == ("PreconditionFailed", 412)
    etag = s3.head_object(Bucket=bucket, Key="lock")["ETag"]
    send(s3, "PutObject", {"If-Match": etag}, Bucket=bucket, Key="lock", Body=b"3")
    with pytest.raises(ClientError) as error:
        send(s3, "PutObject", {"If-Match": etag}, Bucket=bucket, Key="lock", Body=b"4")
    assert code(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        send(s3, "PutObject", {"If-Match": etag}, Bucket=bucket, Key="nothing", Body=b"4")
    assert code(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        send(s3, "DeleteObject", {"If-Match": etag}, Bucket=bucket, Key="lock")
    assert code(error) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="lock")["Body"].read() == b"3"


def test_delete(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100000)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k")
    assert code(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="k")
    assert code(error) == ("404", 404)


def test_delete_many(s3, bucket):
    for i in range(120):
        s3.put_object(Bucket=bucket, Key=f"k{i:03}", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{i:03}"} for i in range(118)] + [{"Key": "none"}]})
    assert len(answer["Deleted"]) == 119 and "Errors" not in answer
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k118", "k119"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k118"}], "Quiet": True})
    assert "Deleted" not in quiet
    with pytest.raises(ClientError) as error:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})
    assert code(error) == ("MalformedXML", 400)


def test_overwrite_small_and_large(s3, bucket):
    for size in (10, 100000, 20, 0, 200000, 300000):
        data = os.urandom(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


def test_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": ""}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    for tags in ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], [{"Key": "aws:x", "Value": "1"}],
                 [{"Key": "k" * 129, "Value": "1"}], [{"Key": "k", "Value": "v" * 257}]):
        with pytest.raises(ClientError) as error:
            s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
        assert code(error) == ("InvalidTag", 400)


def test_bucket_tags(s3, bucket):
    with pytest.raises(ClientError) as error:
        s3.get_bucket_tagging(Bucket=bucket)
    assert code(error) == ("NoSuchTagSet", 404)
    tags = [{"Key": "croft:application", "Value": "web"}, {"Key": "croft:owner", "Value": "me"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    with pytest.raises(ClientError):
        s3.get_bucket_tagging(Bucket=bucket)


@pytest.mark.parametrize("size", [100, 100000])
def test_copy(s3, bucket, size):
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="from/ü +", Body=data, Metadata={"a": "1"}, ContentType="text/a", Tagging="t=1")
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/ü +"})
    assert copied["CopyObjectResult"]["ETag"] == '"%s"' % hashlib.md5(data).hexdigest()
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == data and got["Metadata"] == {"a": "1"} and got["ContentType"] == "text/a"
    assert got["TagCount"] == 1
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "to"}, MetadataDirective="REPLACE",
                   Metadata={"b": "2"}, ContentType="text/b", TaggingDirective="REPLACE")
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == data and got["Metadata"] == {"b": "2"} and "TagCount" not in got
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "to"})
    assert code(error) == ("InvalidRequest", 400)
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "none"})
    assert code(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/ü +"}, CopySourceIfMatch='"x"')
    assert code(error) == ("PreconditionFailed", 412)


def test_where_a_page_leads_is_said_by_each_copy(s3, bucket):
    source = {"Bucket": bucket, "Key": "page"}
    s3.put_object(Bucket=bucket, Key="page", Body=b"<h1>", ContentType="text/html", Metadata={"a": "1"})
    s3.copy_object(Bucket=bucket, Key="page", CopySource=source, WebsiteRedirectLocation="/new")
    got = s3.head_object(Bucket=bucket, Key="page")
    assert (got["WebsiteRedirectLocation"], got["ContentType"], got["Metadata"]) == ("/new", "text/html", {"a": "1"})
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="copy")
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="page", CopySource=source)
    assert code(error) == ("InvalidRequest", 400)


@pytest.mark.parametrize("size", [100, 100000])
def test_content_md5(s3, bucket, size):
    data = os.urandom(size)
    right = base64.b64encode(hashlib.md5(data).digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=data, ContentMD5=right)
    for md5, expected in ((wrong, "BadDigest"), ("AAAA", "InvalidDigest"), ("!", "InvalidDigest")):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="k2", Body=data, ContentMD5=md5)
        assert code(error) == (expected, 400)
    assert "Contents" in s3.list_objects_v2(Bucket=bucket)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def crc32c(data):
    """Bit by bit, as RFC 3720 B.4 defines it: slow, and independent of the farm's."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


def test_the_second_crc32c_knows_the_published_check_value():
    assert crc32c(b"123456789").hex() == "e3069283"


@pytest.mark.parametrize("size", [9, 100000])
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm, size):
    data = b"123456789" if size == 9 else os.urandom(size)
    if algorithm == "CRC32":
        value = zlib.crc32(data).to_bytes(4, "big")
    elif algorithm == "CRC32C":
        value = crc32c(data)
    else:
        value = hashlib.new(algorithm.lower(), data).digest()
    text = base64.b64encode(value).decode()
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, **{"Checksum" + algorithm: text})
    assert put["Checksum" + algorithm] == text
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Checksum" + algorithm] == text and got["Body"].read() == data
    bad = base64.b64encode(bytes([value[0] ^ 1]) + value[1:]).decode()
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k2", Body=data, **{"Checksum" + algorithm: bad})
    assert code(error) == ("BadDigest", 400)


def test_key_limits(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k" * 1025, Body=b"x")
    assert code(error) == ("KeyTooLongError", 400)
    for key in ("a//b", "a/./b", "a/../b", ".", "%2F", "a%20b", "a?b&c=d", "\u4e2d\u6587", "a\nb", "trailing/"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="m", Body=b"", Metadata={"a": "x" * 2048})
    assert code(error) == ("MetadataTooLarge", 400)


def test_buckets(s3, bucket):
    names = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert bucket in names
    s3.create_bucket(Bucket=bucket)  # one's own, in us-east-1: no error
    s3.head_bucket(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code(error) == ("BucketNotEmpty", 409)
    for call in (s3.delete_bucket, s3.list_objects, s3.get_bucket_tagging):
        with pytest.raises(ClientError) as error:
            call(Bucket="no-such-bucket-here")
        assert code(error) == ("NoSuchBucket", 404)
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert code(error) == ("IllegalLocationConstraintException", 400)


@pytest.mark.parametrize("name", ["ab", "A-Upper", "-lead", "trail-", "a..b", "192.168.1.1", "under_score", "x" * 64,
                                  "xn--abc", "abc-s3alias"])
def test_bucket_names(s3, name):
    s3.meta.events.unregister("before-parameter-build.s3", __import__("botocore.handlers").handlers.validate_bucket_name)
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=name)
    assert code(error) == ("InvalidBucketName", 400)


def test_fresh_bucket_configuration(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    for call, expected in [(s3.get_bucket_policy, "NoSuchBucketPolicy"), (s3.get_bucket_policy_status, "NoSuchBucketPolicy"), (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
                           (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                           (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                           (s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
                           (s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError")]:
        with pytest.raises(ClientError) as error:
            call(Bucket=bucket)
        assert code(error) == (expected, 404)
    with pytest.raises(ClientError) as error:
        s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert code(error) == ("NotImplemented", 501)


def test_other_account(s3, farm, bucket):
    other = farm.account("other-" + uuid.uuid4().hex[:6])
    theirs = client("s3", farm.url, other["accessKey"], other["secretKey"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for call in (lambda: theirs.get_object(Bucket=bucket, Key="k"), lambda: theirs.list_objects(Bucket=bucket),
                 lambda: theirs.delete_bucket(Bucket=bucket), lambda: theirs.put_object(Bucket=bucket, Key="z", Body=b"")):
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as error:
        theirs.create_bucket(Bucket=bucket)
    assert code(error) == ("BucketAlreadyExists", 409)
    assert theirs.list_buckets()["Buckets"] == []


def test_virtual_host_style(s3, farm, account, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"hello")
    import http.client
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest("GET", f"http://{bucket}.localhost:{farm.port}/a/b")
    S3SigV4QueryAuth(Credentials(account["accessKey"], account["secretKey"]), "s3", "us-east-1", 60).add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=10)
    connection.request("GET", request.url.split(str(farm.port), 1)[1], headers={"Host": f"{bucket}.localhost:{farm.port}"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b"hello"


def test_presigned(s3, bucket):
    import urllib.request
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "up"}, ExpiresIn=60)
    data = os.urandom(50000)
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT"), timeout=10) as answer:
        assert answer.status == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "up",
                                    "ResponseContentType": "text/odd", "ResponseCacheControl": "max-age=5"}, ExpiresIn=60)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == data
        assert answer.headers["Content-Type"] == "text/odd" and answer.headers["Cache-Control"] == "max-age=5"
