"""Buckets that keep versions."""
import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def bucket(s3):
    name = "v-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def put(s3, bucket, key, body):
    return s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")


def read(s3, bucket, key, version=None):
    more = {"VersionId": version} if version else {}
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read().decode()


def versions(s3, bucket, **more):
    """Of every version: (key, id, latest?, marker?), in the order of the listing."""
    found, state = [], {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, **more, **state)
        items = [(v["Key"], v["VersionId"], v["IsLatest"], False, v["LastModified"]) for v in page.get("Versions", [])]
        items += [(v["Key"], v["VersionId"], v["IsLatest"], True, v["LastModified"]) for v in page.get("DeleteMarkers", [])]
        found += items
        if not page["IsTruncated"]:
            return found
        state = {"KeyMarker": page["NextKeyMarker"]}
        if "NextVersionIdMarker" in page:
            state["VersionIdMarker"] = page["NextVersionIdMarker"]


def test_each_write_is_a_version(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=make_plain(s3))
    ids = [put(s3, bucket, "k", f"body {i}") for i in range(3)]
    assert len(set(ids)) == 3
    assert read(s3, bucket, "k") == "body 2"
    assert [read(s3, bucket, "k", i) for i in ids] == ["body 0", "body 1", "body 2"]
    listed = versions(s3, bucket)
    assert [v[1] for v in listed] == ids[::-1] and [v[2] for v in listed] == [True, False, False]


def make_plain(s3):
    name = "v-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


def test_delete_marker_hides_and_goes_again(s3, bucket):
    first = put(s3, bucket, "k", "one")
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] is True
    with pytest.raises(ClientError) as error:
        read(s3, bucket, "k")
    answer = error.value.response
    assert answer["Error"]["Code"] == "NoSuchKey"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    with pytest.raises(ClientError) as error:
        read(s3, bucket, "k", gone["VersionId"])
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 405
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert read(s3, bucket, "k", first) == "one"
    back = s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
    assert back["DeleteMarker"] is True and back["VersionId"] == gone["VersionId"]
    assert read(s3, bucket, "k") == "one"


def test_deleting_the_latest_brings_back_the_one_before(s3, bucket):
    small = put(s3, bucket, "k", "x")
    large = put(s3, bucket, "k", "y" * 200_000)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=large)
    assert read(s3, bucket, "k") == "x"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=small)
    with pytest.raises(ClientError) as error:
        read(s3, bucket, "k")
    assert error.value.response["Error"]["Code"] == "NoSuchKey"
    s3.delete_bucket(Bucket=bucket)


def test_suspended_writes_the_null_version(s3):
    bucket = make_plain(s3)
    put(s3, bucket, "k", "before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = put(s3, bucket, "k", "kept")
    assert read(s3, bucket, "k", "null") == "before"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert put(s3, bucket, "k", "after") is None
    assert read(s3, bucket, "k", "null") == "after" and read(s3, bucket, "k", kept) == "kept"
    assert [(v[1], v[2]) for v in versions(s3, bucket)] == [("null", True), (kept, False)]
    s3.delete_object(Bucket=bucket, Key="k")
    assert [(v[1], v[3]) for v in sorted(versions(s3, bucket), key=lambda v: not v[2])] == [("null", True), (kept, False)]
    with pytest.raises(ClientError):
        read(s3, bucket, "k")


def test_pages_meet_every_version_once(s3, bucket):
    made = set()
    for i in range(4):
        for key in ("a", "b/1", "b/2", "c"):
            made.add((key, put(s3, bucket, key, str(i))))
    marker = s3.delete_object(Bucket=bucket, Key="a")["VersionId"]
    for size in (1, 2, 3, 7):
        found = [(v[0], v[1]) for v in versions(s3, bucket, MaxKeys=size)]
        assert sorted(found) == sorted(made | {("a", marker)})
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["b/"]
    assert {v["Key"] for v in page["Versions"]} == {"a", "c"}
    assert {(v[0], v[1]) for v in versions(s3, bucket, Prefix="b/")} == {m for m in made if m[0].startswith("b/")}


def test_many_deletions_by_version(s3, bucket):
    ids = [put(s3, bucket, "k", str(i)) for i in range(3)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": i} for i in ids[:2]] + [{"Key": "new"}]})
    deleted = {(d["Key"], d.get("VersionId")): d for d in answer["Deleted"]}
    assert set(deleted) == {("k", ids[0]), ("k", ids[1]), ("new", None)}
    assert deleted[("new", None)]["DeleteMarker"] is True
    assert [v[1] for v in versions(s3, bucket, Prefix="k")] == [ids[2]]


def test_copy_and_tags_of_a_version(s3, bucket):
    old = put(s3, bucket, "k", "old")
    put(s3, bucket, "k", "new")
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k", "VersionId": old})
    assert copied["CopySourceVersionId"] == old and read(s3, bucket, "c") == "old"
    s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=old, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=old)["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_upload_in_parts_makes_a_version(s3, bucket):
    first = put(s3, bucket, "k", "small")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"z" * 70_000)["ETag"]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload,
                                        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert done["VersionId"] not in (None, first)
    assert read(s3, bucket, "k") == "z" * 70_000 and read(s3, bucket, "k", first) == "small"


def test_versions_survive_a_kill(s3, bucket, farm):
    ids = [put(s3, bucket, "k", body) for body in ("a", "b" * 100_000, "c")]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    farm.kill()
    farm.start()
    assert [read(s3, bucket, "k", i)[0] for i in ids] == ["a", "b", "c"]
    assert {v[1] for v in versions(s3, bucket)} == {*ids, marker}
