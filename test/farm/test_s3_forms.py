"""Browsers' upload forms, sent by hand: what is signed counts, and nothing else passes."""
import base64
import datetime
import hashlib
import hmac
import json
import urllib.error
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def bucket(s3):
    name = "f-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


def send(url, fields, file=b"content", name="f.txt", kind="text/plain", boundary="-----x", raw=None):
    """(status, headers, body) of a form; fields is a list of pairs."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields]
    if file is not None:
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                     f"Content-Type: {kind}\r\n\r\n".encode() + file + b"\r\n")
    body = raw if raw is not None else b"".join(parts) + f"--{boundary}--\r\n".encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def sign(account, rules, expires=600, **wrong):
    now = datetime.datetime.now(datetime.timezone.utc)
    date, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    credential = f"{account['accessKey']}/{day}/us-east-1/s3/aws4_request"
    own = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": date}
    document = {"expiration": (now + datetime.timedelta(seconds=expires)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "conditions": [*rules, *({k: v} for k, v in own.items())]}
    document.update(wrong)
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    key = ("AWS4" + account["secretKey"]).encode()
    for part in (day, "us-east-1", "s3", "aws4_request", policy):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return [*own.items(), ("policy", policy), ("x-amz-signature", key.hex())]


def code(body):
    return body.split(b"<Code>")[1].split(b"</Code>")[0].decode()


def test_fields_become_the_object(s3, farm, account, bucket):
    conditions = [{"bucket": bucket}, ["starts-with", "$key", "in/"], {"acl": "public-read"}, ["starts-with", "$Content-Type", "text/"],
                  ["starts-with", "$x-amz-meta-a", ""], {"success_action_status": "201"}, {"x-amz-storage-class": "REDUCED_REDUNDANCY"}]
    fields = [("key", "in/${filename}"), ("acl", "public-read"), ("Content-Type", "text/csv"), ("x-amz-meta-a", "b"),
              ("success_action_status", "201"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"), *sign(account, conditions)]
    status, _, body = send(f"{farm.url}/{bucket}", fields, b"1;2\r\n\r\n--3\r\n", name="t.csv")
    assert status == 201, body
    assert f"<Key>in/t.csv</Key>".encode() in body
    got = s3.get_object(Bucket=bucket, Key="in/t.csv")
    assert got["Body"].read() == b"1;2\r\n\r\n--3\r\n"
    assert (got["ContentType"], got["Metadata"], got["StorageClass"]) == ("text/csv", {"a": "b"}, "REDUCED_REDUNDANCY")
    with urllib.request.urlopen(f"{farm.url}/{bucket}/in/t.csv") as answer:
        assert answer.status == 200


def test_large_and_empty_files(s3, farm, account, bucket):
    large = bytes(range(256)) * 8192
    for key, body in (("large", large), ("empty", b""), ("tricky", b"\r\n-----x\r\n--" + b"\r\n" * 50)):
        status, headers, answer = send(f"{farm.url}/{bucket}", [("key", key), *sign(account, [{"bucket": bucket}, {"key": key}])], body,
                                       boundary="=unlikely=")
        assert status == 204, answer
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
        assert headers["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'


@pytest.mark.parametrize("fields, expected", [
    ([("key", "other")], "AccessDenied"),
    ([("key", "k"), ("acl", "public-read")], "AccessDenied"),
    ([("key", "k"), ("x-amz-meta-extra", "1")], "AccessDenied"),
    ([], "InvalidArgument"),
    ([("key", "k" * 2000)], "KeyTooLongError"),
])
def test_what_the_policy_does_not_cover(farm, account, bucket, fields, expected):
    status, _, body = send(f"{farm.url}/{bucket}", [*fields, *sign(account, [{"bucket": bucket}, {"key": "k"}])])
    assert status in (400, 403) and code(body) == expected


def test_ignored_fields_need_no_condition(farm, account, bucket):
    fields = [("key", "k"), ("x-ignore-me", "1"), *sign(account, [{"bucket": bucket}, {"key": "k"}])]
    assert send(f"{farm.url}/{bucket}", fields)[0] == 204


@pytest.mark.parametrize("change, expected", [
    (dict(expires=-10), "AccessDenied"),
    (dict(expiration="tomorrow"), "InvalidPolicyDocument"),
    (dict(conditions=None), "InvalidPolicyDocument"),
    (dict(conditions=[]), "InvalidPolicyDocument"),
    (dict(conditions=[["resembles", "$key", "k"]]), "InvalidPolicyDocument"),
    (dict(conditions=[["content-length-range", "a", 2]]), "InvalidPolicyDocument"),
])
def test_policies_that_do_not_hold(farm, account, bucket, change, expected):
    expires = change.pop("expires", 600)
    status, _, body = send(f"{farm.url}/{bucket}", [("key", "k"), *sign(account, [{"bucket": bucket}, {"key": "k"}], expires, **change)])
    assert code(body) == expected and status in (400, 403)


def test_size_limits(s3, farm, account, bucket):
    conditions = [{"bucket": bucket}, {"key": "k"}, ["content-length-range", 3, 5]]
    for body, expected in ((b"12", "EntityTooSmall"), (b"123456", "EntityTooLarge"), (b"x" * 100_000, "EntityTooLarge")):
        status, _, answer = send(f"{farm.url}/{bucket}", [("key", "k"), *sign(account, conditions)], body)
        assert (status, code(answer)) == (400, expected)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert send(f"{farm.url}/{bucket}", [("key", "k"), *sign(account, conditions)], b"1234")[0] == 204


def test_wrong_signatures(farm, account, bucket):
    good = sign(account, [{"bucket": bucket}, {"key": "k"}])

    def answer(**change):
        fields = [("key", "k"), *((k, change.get(k, v)) for k, v in good if change.get(k, v) is not None)]
        return send(f"{farm.url}/{bucket}", fields)

    assert answer()[0] == 204
    signature = dict(good)["x-amz-signature"]
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert code(answer(**{"x-amz-signature": flipped})[2]) == "SignatureDoesNotMatch"
    unknown = dict(good)["x-amz-credential"].replace(account["accessKey"], "AKIANOBODY")
    assert code(answer(**{"x-amz-credential": unknown})[2]) == "InvalidAccessKeyId"
    assert code(answer(policy=None)[2]) == "InvalidArgument"
    assert code(answer(**{"x-amz-algorithm": "AWS4-HMAC-SHA1"})[2]) == "InvalidArgument"
    assert code(send(f"{farm.url}/{bucket}", [("key", "k")])[2]) == "AccessDenied", "anonymous, and the bucket is private"


@pytest.mark.parametrize("raw", [b"", b"no form", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
                                 b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b--\r\n',
                                 b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno end'])
def test_bodies_that_are_no_forms(farm, bucket, raw):
    status, _, body = send(f"{farm.url}/{bucket}", [], raw=raw, boundary="b")
    assert status in (400, 403), body


@pytest.mark.parametrize("twice", [("key", "evil"), ("KEY", "evil"), ("acl", "public-read"), ("policy", "e30=")])
def test_a_field_stands_once(s3, farm, account, bucket, twice):
    fields = [("key", "k"), ("acl", "private"), *sign(account, [{"bucket": bucket}, ["starts-with", "$key", ""], ["starts-with", "$acl", ""]])]
    for both in ([*fields, twice], [twice, *fields]):
        status, _, body = send(f"{farm.url}/{bucket}", both)
        assert (status, code(body)) == (400, "InvalidArgument") and b"only once" in body
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert send(f"{farm.url}/{bucket}", fields)[0] == 204


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/x-www-form-urlencoded", "text/plain"])
def test_what_is_no_form_is_not_taken_for_one(farm, bucket, kind):
    request = urllib.request.Request(f"{farm.url}/{bucket}", data=b"key=k&file=x", headers={"Content-Type": kind})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    body = error.value.read()
    assert (error.value.code, code(body)) == (412, "PreconditionFailed") and b"enclosure-type multipart/form-data" in body


def test_anybody_may_write_where_the_bucket_says_so(s3, farm, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert send(f"{farm.url}/{bucket}", [("key", "k"), ("success_action_status", "200")])[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="absent")
