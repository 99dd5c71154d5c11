"""Walks botocore's S3 service model: no answer of the farm may hold an element that the model does not
know, wrap a list otherwise, or write a scalar of another type. Headers too. Parsing alone hides all three."""
import uuid
import xml.etree.ElementTree as ET

import pytest
from support.botocore_walk import SCALARS, Walk
from support.clients import client

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
# Told by the service of today and not yet known to the model that Debian ships.
NEWER = {"ChecksumType", "ChecksumCRC64NVME"}
NEWER_HEADERS = {"x-amz-checksum-type", "x-amz-checksum-crc64nvme", "x-amz-tagging-count"}
# Belong to HTTP or to every answer.
COMMON = {"x-amz-request-id", "x-amz-id-2", "server", "date", "content-type", "content-length", "connection",
          "keep-alive", "transfer-encoding", "accept-ranges", "etag", "last-modified", "x-amz-bucket-region", "location",
          "vary", "x-amz-delete-marker"}


# The model knows but one class of a version; the service has them all.
WALK = Walk(NAMESPACE, "member", NEWER, lambda shape, text, _: shape.name == "ObjectVersionStorageClass" or text == "CRC64NVME")


def header_problems(headers, shape, name):
    known, prefixes = {}, []
    for member in shape.members.values() if shape else ():
        place = member.serialization.get("location")
        if place == "header":
            known[member.serialization["name"].lower()] = member
        elif place == "headers":
            prefixes.append(member.serialization["name"].lower())
    for header, value in headers.items():
        header = header.lower()
        if header in COMMON or header in NEWER_HEADERS or any(header.startswith(p) for p in prefixes):
            continue
        if header not in known:
            yield f"{name}: header {header} is unknown"
        elif known[header].type_name in SCALARS and not SCALARS[known[header].type_name](value):
            yield f"{name}: header {header} = {value!r} is no {known[header].type_name}"


class Recorder:
    """A client whose raw answers are held against the model as they come."""

    def __init__(self, made):
        self.client, self.checked = made, set()
        made.meta.events.register("after-call.s3.*", self.after)

    def after(self, http_response, parsed, model, **_):
        if http_response.status_code >= 300:
            return
        shape = model.output_shape
        found = list(header_problems(http_response.headers, shape, model.name))
        payload = shape.serialization.get("payload") if shape else None
        body = shape.members[payload] if payload else shape
        if body is None or (payload and body.type_name in ("blob", "string")):
            pass  # bytes, or nothing
        elif http_response.content:
            root = ET.fromstring(http_response.content)
            assert root.tag.startswith(NAMESPACE), f"{model.name}: {root.tag}"
            if model.name == "GetBucketLocation":
                assert not len(root)  # the one answer whose root is itself the value
            else:
                found += WALK.problems(root, body, model.name)
        self.checked.add(model.name)
        assert not found, found


@pytest.fixture
def bucket(s3):
    name = "model-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


def objects_and_lists(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket=bucket, Key="a/<&>", Body=b"x", Metadata={"m": "1"}, Tagging="t=1", ContentEncoding="gzip",
                        CacheControl="no-cache", ContentDisposition="inline", ContentLanguage="de", StorageClass="STANDARD_IA",
                        ServerSideEncryption="aws:kms", SSEKMSKeyId="key", WebsiteRedirectLocation="/x", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket=bucket, Key="b", Body=b"y" * 100_000)
    key = {"Bucket": bucket, "Key": "a/<&>"}
    s3.get_object(**key, ChecksumMode="ENABLED")
    s3.get_object(**key, Range="bytes=0-0")
    s3.head_object(**key, ChecksumMode="ENABLED", VersionId=put["VersionId"])
    s3.get_object_attributes(**key, ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"])
    s3.get_object_tagging(**key)
    s3.put_object_tagging(**key, Tagging={"TagSet": [{"Key": "a", "Value": ""}]})
    s3.delete_object_tagging(**key)
    s3.get_object_acl(**key)
    s3.put_object_acl(**key, ACL="public-read")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=dict(key, VersionId=put["VersionId"]))
    for encoding in ({}, {"EncodingType": "url"}):
        s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=1, Prefix="", **encoding)
        s3.list_objects_v2(Bucket=bucket, FetchOwner=True, **encoding)
        s3.list_objects_v2(Bucket=bucket, MaxKeys=1, StartAfter="a", Delimiter="/", **encoding)
        s3.list_object_versions(Bucket=bucket, MaxKeys=1, **encoding)
    s3.put_object(Bucket=bucket, Key="d", Body=b"z", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="d", RestoreRequest={"Days": 1})
    s3.head_object(Bucket=bucket, Key="d")
    s3.delete_object(**key)
    s3.list_object_versions(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}, {"Key": "absent", "VersionId": "null"}]})
    s3.list_buckets()
    s3.head_bucket(Bucket=bucket)
    s3.get_bucket_location(Bucket=bucket)


def uploads_in_parts(s3, bucket):
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA1", ServerSideEncryption="AES256")
    part = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    first = s3.upload_part(**part, PartNumber=1, Body=b"x" * (5 << 20), ChecksumAlgorithm="SHA1")
    s3.put_object(Bucket=bucket, Key="source", Body=b"12345")
    second = s3.upload_part_copy(**part, PartNumber=2, CopySource=f"{bucket}/source", CopySourceRange="bytes=1-3")
    s3.list_parts(**part, MaxParts=1)
    s3.list_parts(**part)
    s3.list_multipart_uploads(Bucket=bucket)
    s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", EncodingType="url", MaxUploads=1)
    parts = [{"PartNumber": 1, "ETag": first["ETag"], "ChecksumSHA1": first["ChecksumSHA1"]},
             {"PartNumber": 2, "ETag": second["CopyPartResult"]["ETag"], "ChecksumSHA1": second["CopyPartResult"]["ChecksumSHA1"]}]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=2)["Body"].read() == b"234"
    s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"], MaxParts=1)
    other = s3.create_multipart_upload(Bucket=bucket, Key="k")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=other["UploadId"])


def configurations(s3, bucket):
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 1}]})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "a", "Status": "Enabled", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "x", "Value": "y"}]}}, "Expiration": {"Days": 3}}]})
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}, "ErrorDocument": {"Key": "e"}})
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False, "BlockPublicPolicy": True})
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucketWebsite","Resource":"arn:aws:s3:::%s"}]}' % bucket)
    for name in ("tagging", "cors", "lifecycle_configuration", "website", "encryption", "ownership_controls", "acl", "policy",
                 "policy_status", "versioning", "location", "logging", "notification_configuration", "request_payment",
                 "accelerate_configuration"):
        getattr(s3, f"get_bucket_{name}")(Bucket=bucket)
    s3.get_public_access_block(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"")["ServerSideEncryption"] == "AES256"
    for name in ("tagging", "cors", "lifecycle", "policy", "encryption", "ownership_controls"):
        getattr(s3, f"delete_bucket_{name}")(Bucket=bucket)
    s3.delete_bucket_website(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def locks(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}})
    s3.get_object_lock_configuration(Bucket=bucket)
    key = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**key, Body=b"x")
    s3.put_object_retention(**key, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2035-01-01T00:00:00Z"})
    s3.get_object_retention(**key)
    s3.put_object_legal_hold(**key, LegalHold={"Status": "ON"})
    s3.get_object_legal_hold(**key)
    s3.head_object(**key)


# docs/farm.md lists these; each answers NotImplemented.
NOT_OFFERED = {
    "DeleteBucketAnalyticsConfiguration", "DeleteBucketIntelligentTieringConfiguration", "DeleteBucketInventoryConfiguration",
    "DeleteBucketMetricsConfiguration", "DeleteBucketReplication", "GetBucketAnalyticsConfiguration",
    "GetBucketIntelligentTieringConfiguration", "GetBucketInventoryConfiguration", "GetBucketMetricsConfiguration",
    "GetBucketLifecycle", "GetBucketNotification", "GetBucketReplication", "GetObjectTorrent", "ListBucketAnalyticsConfigurations", "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations", "ListBucketMetricsConfigurations", "PutBucketAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration", "PutBucketIntelligentTieringConfiguration", "PutBucketInventoryConfiguration",
    "PutBucketLifecycle", "PutBucketLogging", "PutBucketMetricsConfiguration", "PutBucketNotification",
    "PutBucketNotificationConfiguration", "PutBucketReplication", "PutBucketRequestPayment", "SelectObjectContent", "WriteGetObjectResponse",
}


def test_every_answer_fits_the_model(farm, account):
    recorder = Recorder(client("s3", farm.url, account["accessKey"], account["secretKey"]))
    for walk in (objects_and_lists, uploads_in_parts, configurations, locks):
        bucket = "model-" + uuid.uuid4().hex[:12]
        recorder.client.create_bucket(Bucket=bucket)
        walk(recorder.client, bucket)
    offered = set(recorder.client.meta.service_model.operation_names) - NOT_OFFERED
    assert recorder.checked == offered, recorder.checked ^ offered


def test_what_is_not_offered_says_so(farm, account, bucket):
    """Asked for by sub-resource, as clients do: 501 NotImplemented, or the error of a bucket without it."""
    import urllib.error
    import urllib.request
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    asked = {"analytics": "GET PUT DELETE", "intelligent-tiering": "GET PUT DELETE", "inventory": "GET PUT DELETE",
             "metrics": "GET PUT DELETE", "accelerate": "PUT", "logging": "PUT", "notification": "PUT", "replication": "PUT",
             "requestPayment": "PUT", "torrent": "GET", "select": "POST"}
    of_objects = {"torrent", "select"}
    for name, methods in asked.items():
        for method in methods.split():
            url = f"{farm.url}/{bucket}{'/k' if name in of_objects else ''}?{name}"
            request = AWSRequest(method, url, data=b"<x/>" if method in ("PUT", "POST") else b"")
            S3SigV4Auth(Credentials(account["accessKey"], account["secretKey"]), "s3", "us-east-1").add_auth(request)
            prepared = request.prepare()
            try:
                with urllib.request.urlopen(urllib.request.Request(prepared.url, data=prepared.body or None, method=method,
                                                                   headers=dict(prepared.headers)), timeout=20) as answer:
                    raise AssertionError(f"{method} ?{name}: {answer.status}")
            except urllib.error.HTTPError as error:
                body = error.read().decode()
                assert error.code == 501 and "<Code>NotImplemented</Code>" in body, f"{method} ?{name}: {error.code} {body}"
