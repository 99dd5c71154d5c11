"""Lists: order, folding by delimiter, paging, encoding, against a model written here a second time."""
import concurrent.futures
import http.client
import random
import uuid

import pytest
from botocore.exceptions import ClientError

KEYS = sorted(["a", "a/1", "a/2", "a/b/1", "a/b/2", "a0", "b", "b/", "b/1", "c/1", "c/2/3", "d-1", "d-2", "z", "é", "中/1",
               "q&<>'\"", "sp ace", "plus+", "per%cent"], key=lambda k: k.encode())


@pytest.fixture(scope="module")
def bucket(s3):
    name = "l-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def model(prefix, delimiter, after):
    """The whole list, unpaged: ("key" | "prefix", text) in order."""
    out = []
    for key in KEYS:
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix):]
        if delimiter and delimiter in rest:
            item = ("prefix", prefix + rest[:rest.index(delimiter) + len(delimiter)])
        else:
            item = ("key", key)
        if after and item[1].encode() <= after.encode():
            continue
        if item not in out:
            out.append(item)
    return out


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("prefix,delimiter", [("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("a/b/", "/"), ("d", "-"),
                                              ("none", ""), ("", "b/"), ("中", "/")])
def test_pages_v2(s3, bucket, prefix, delimiter, size):
    got, token, pages = [], None, 0
    while True:
        params = dict(Bucket=bucket, Prefix=prefix, MaxKeys=size)
        if delimiter:
            params["Delimiter"] = delimiter
        if token:
            params["ContinuationToken"] = token
        page = s3.list_objects_v2(**params)
        items = [("key", o["Key"]) for o in page.get("Contents", [])] + \
                [("prefix", p["Prefix"]) for p in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] == len(items) <= size
        got += sorted(items, key=lambda i: i[1].encode())
        pages += 1
        if not page["IsTruncated"]:
            assert "NextContinuationToken" not in page
            break
        token = page["NextContinuationToken"]
        assert pages < 50
    assert got == model(prefix, delimiter, "")


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("prefix,delimiter", [("", ""), ("", "/"), ("a/", "/"), ("b", "/")])
def test_pages_v1(s3, bucket, prefix, delimiter, size):
    got, marker, pages = [], "", 0
    while True:
        page = s3.list_objects(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, Marker=marker)
        items = [("key", o["Key"]) for o in page.get("Contents", [])] + \
                [("prefix", p["Prefix"]) for p in page.get("CommonPrefixes", [])]
        items.sort(key=lambda i: i[1].encode())
        got += items
        pages += 1
        if not page["IsTruncated"]:
            break
        assert ("NextMarker" in page) == bool(delimiter)
        marker = page.get("NextMarker") or items[-1][1]
        assert pages < 50
    assert got == model(prefix, delimiter, "")


@pytest.mark.parametrize("after", ["a", "a/", "a/2", "b/0", "zzz", "", "0"])
def test_start_after(s3, bucket, after):
    page = s3.list_objects_v2(Bucket=bucket, StartAfter=after)
    assert [("key", o["Key"]) for o in page.get("Contents", [])] == model("", "", after)
    page = s3.list_objects(Bucket=bucket, Marker=after)
    assert [("key", o["Key"]) for o in page.get("Contents", [])] == model("", "", after)


def test_marker_inside_a_group(s3, bucket):
    # A marker below a common prefix does not hide the rest of the group.
    page = s3.list_objects(Bucket=bucket, Delimiter="/", Marker="a/1")
    assert {"Prefix": "a/"} in page["CommonPrefixes"]
    page = s3.list_objects(Bucket=bucket, Delimiter="/", Marker="a/")
    assert {"Prefix": "a/"} not in page["CommonPrefixes"]


def test_fields(s3, bucket, account):
    page = s3.list_objects_v2(Bucket=bucket, Prefix="a/1", FetchOwner=True)
    item = page["Contents"][0]
    assert item["Size"] == 3 and item["StorageClass"] == "STANDARD" and item["ETag"].startswith('"')
    assert item["Owner"]["ID"] == account["canonicalId"]
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket, Prefix="a/1")["Contents"][0]
    assert page["Name"] == bucket and page["MaxKeys"] == 1000


def test_zero_and_bad_numbers(s3, bucket):
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"]
    assert len(s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["Contents"]) == len(KEYS)
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket=bucket, MaxKeys=-1)
    assert error.value.response["Error"]["Code"] == "InvalidArgument"
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="not hex")
    assert error.value.response["Error"]["Code"] == "InvalidArgument"


def test_many(s3, farm):
    name = "m-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name, ACL="public-read-write")
    keys = [f"{random.randrange(10)}/{i:05}" for i in range(1500)]

    def put(some):
        connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=60)
        for key in some:
            connection.request("PUT", f"/{name}/{key}", body=b"")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        connection.close()

    # Unsigned and side by side: boto3 takes longer to make such a request than the farm to keep the object.
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(put, (keys[i::16] for i in range(16))))
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=name))
    assert [len(p["Contents"]) for p in pages] == [1000, 500]
    assert [o["Key"] for p in pages for o in p["Contents"]] == sorted(keys)
    folded = s3.list_objects_v2(Bucket=name, Delimiter="/")
    assert [p["Prefix"] for p in folded["CommonPrefixes"]] == [f"{i}/" for i in range(10)]


def test_versions_of_a_bucket_without_versioning(s3, bucket):
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}))
    assert [v["Key"] for p in pages for v in p["Versions"]] == KEYS
    assert {(v["VersionId"], v["IsLatest"]) for p in pages for v in p["Versions"]} == {("null", True)}
    assert s3.get_object(Bucket=bucket, Key="a", VersionId="null")["Body"].read() == b"a"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a", VersionId="0" * 32)
    assert error.value.response["Error"]["Code"] == "NoSuchVersion"
    for act in s3.get_object, s3.delete_object:
        with pytest.raises(ClientError) as error:
            act(Bucket=bucket, Key="a", VersionId="abc")
        assert error.value.response["Error"]["Code"] == "InvalidArgument"
