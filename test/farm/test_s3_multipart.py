"""Objects in parts."""
import hashlib
import os
import uuid

import pytest
from botocore.exceptions import ClientError

MB = 1 << 20


@pytest.fixture
def bucket(s3):
    name = "p-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


def code(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def upload(s3, bucket, key, parts, **params):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **params)["UploadId"]
    etags = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number,
                                                           Body=data)["ETag"]} for number, data in parts]
    return upload_id, etags


def test_whole(s3, bucket):
    parts = [(1, os.urandom(5 * MB)), (3, os.urandom(5 * MB + 7)), (10000, os.urandom(10))]
    upload_id, etags = upload(s3, bucket, "big", parts, Metadata={"m": "1"}, ContentType="text/big")
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload_id, MultipartUpload={"Parts": etags})
    expected = hashlib.md5(b"".join(hashlib.md5(d).digest() for _, d in parts)).hexdigest() + "-3"
    assert done["ETag"] == f'"{expected}"'
    whole = b"".join(d for _, d in parts)
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == whole and got["Metadata"] == {"m": "1"} and got["ContentType"] == "text/big"
    ranged = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={5 * MB - 3}-{10 * MB + 9}")
    assert ranged["Body"].read() == whole[5 * MB - 3:10 * MB + 10]
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert second["Body"].read() == parts[1][1] and second["PartsCount"] == 3
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "big"})
    assert copied["CopyObjectResult"]["ETag"] == '"%s"' % hashlib.md5(whole).hexdigest()
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == whole
    with pytest.raises(ClientError) as error:
        s3.list_parts(Bucket=bucket, Key="big", UploadId=upload_id)
    assert code(error) == ("NoSuchUpload", 404)


def test_refusals(s3, bucket):
    upload_id, etags = upload(s3, bucket, "k", [(1, b"small"), (2, b"last")])

    def complete(parts):
        return s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts})
    for parts, expected in [(etags, "EntityTooSmall"), (list(reversed(etags)), "InvalidPartOrder"),
                            ([etags[0], {"PartNumber": 7, "ETag": etags[0]["ETag"]}], "EntityTooSmall"),
                            ([{"PartNumber": 2, "ETag": '"feed"'}], "InvalidPart"), ([], "MalformedXML")]:
        with pytest.raises(ClientError) as error:
            complete(parts)
        assert code(error) == (expected, 400), parts
    for number in (0, 10001):
        with pytest.raises(ClientError) as error:
            s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=b"")
        assert code(error) == ("InvalidArgument", 400)
    with pytest.raises(ClientError) as error:
        s3.upload_part(Bucket=bucket, Key="other", UploadId=upload_id, PartNumber=1, Body=b"")
    assert code(error) == ("NoSuchUpload", 404)
    complete([etags[1]])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"last"


def test_lists_and_abort(s3, bucket):
    first, _ = upload(s3, bucket, "a/1", [(n, b"x" * n) for n in range(1, 8)])
    second, _ = upload(s3, bucket, "a/2", [(1, b"y")])
    third, _ = upload(s3, bucket, "b", [])
    page = s3.list_parts(Bucket=bucket, Key="a/1", UploadId=first, MaxParts=3)
    assert [p["PartNumber"] for p in page["Parts"]] == [1, 2, 3] and page["IsTruncated"]
    page = s3.list_parts(Bucket=bucket, Key="a/1", UploadId=first, MaxParts=10, PartNumberMarker=page["NextPartNumberMarker"])
    assert [p["Size"] for p in page["Parts"]] == [4, 5, 6, 7] and not page["IsTruncated"]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in listed] == [("a/1", first), ("a/2", second), ("b", third)]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")["Uploads"]] == ["a/1", "a/2"]
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert folded["CommonPrefixes"] == [{"Prefix": "a/"}] and [u["Key"] for u in folded["Uploads"]] == ["b"]
    page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2)
    assert page["IsTruncated"]
    pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}))
    told = [u["Key"] for p in pages for u in p.get("Uploads", [])], [c["Prefix"] for p in pages for c in p.get("CommonPrefixes", [])]
    assert told == ([u["Key"] for u in folded["Uploads"]], [c["Prefix"] for c in folded["CommonPrefixes"]])
    rest = s3.list_multipart_uploads(Bucket=bucket, KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"])
    assert [u["Key"] for u in rest["Uploads"]] == ["b"]
    for key, upload_id in (("a/1", first), ("a/2", second)):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["b"]
    s3.put_object(Bucket=bucket, Key="object", Body=b"")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code(error) == ("BucketNotEmpty", 409)
    assert "Uploads" in s3.list_multipart_uploads(Bucket=bucket), "a refused deletion takes nothing along"
    s3.delete_object(Bucket=bucket, Key="object")
    s3.delete_bucket(Bucket=bucket)  # an upload that was never completed does not hold it


def test_part_replaced_and_copied(s3, bucket):
    source = os.urandom(6 * MB)
    s3.put_object(Bucket=bucket, Key="source", Body=source)
    upload_id, _ = upload(s3, bucket, "k", [(1, b"first try"), (2, b"tail")])
    one = s3.upload_part_copy(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1,
                              CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange=f"bytes=10-{5 * MB + 19}")
    expected = source[10:5 * MB + 20]
    assert one["CopyPartResult"]["ETag"] == '"%s"' % hashlib.md5(expected).hexdigest()
    parts = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id)["Parts"]
    assert [p["Size"] for p in parts] == [len(expected), 4]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={
        "Parts": [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in parts]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == expected + b"tail"


def test_overwritten_while_it_is_read(s3, bucket):
    parts = [(n, os.urandom(5 * MB)) for n in (1, 2, 3)]
    upload_id, etags = upload(s3, bucket, "k", parts)
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": etags})
    reading = s3.get_object(Bucket=bucket, Key="k")["Body"]
    begin = reading.read(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
    assert begin + reading.read() == b"".join(d for _, d in parts)


def test_a_marker_that_is_no_group_hides_no_uploads(s3, bucket):
    for key in ("a/b/x", "a/b/y", "a/c", "z"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    def told(**query):
        page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", **query)
        return [u["Key"] for u in page.get("Uploads", [])], [p["Prefix"] for p in page.get("CommonPrefixes", [])]
    assert told(Prefix="a/", KeyMarker="a/") == (["a/c"], ["a/b/"])
    assert told(Prefix="a/b/", KeyMarker="a/") == (["a/b/x", "a/b/y"], [])
    assert told(Prefix="a/", KeyMarker="a/b/") == (["a/c"], [])
    assert told(KeyMarker="a/") == (["z"], [])
