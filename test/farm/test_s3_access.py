"""Who may do what: access control lists, bucket policies, public access block, ownership, and what
anybody sees without a signature: objects by URL, CORS, web sites."""
import json
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from support.clients import client


@pytest.fixture(scope="module")
def other_account(farm):
    return farm.account("other")


@pytest.fixture(scope="module")
def other(farm, other_account):
    return client("s3", farm.url, other_account["accessKey"], other_account["secretKey"])


@pytest.fixture(scope="module")
def nobody(farm):
    return boto3.client("s3", endpoint_url=farm.url, region_name="us-east-1",
                        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


@pytest.fixture
def bucket(s3):
    name = "a-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"data")
    return name


def refused(code, call, **args):
    with pytest.raises(ClientError) as error:
        call(**args)
    assert error.value.response["Error"]["Code"] in (code, str(error.value.response["ResponseMetadata"]["HTTPStatusCode"])), error.value
    return error.value.response


def fetch(url, host=None, method="GET", **headers):
    """(status, headers, body); redirections are not followed."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_others_and_nobody_stay_out(s3, other, nobody, bucket):
    for caller in (other, nobody):
        refused("AccessDenied", caller.get_object, Bucket=bucket, Key="k")
        refused("AccessDenied", caller.get_object, Bucket=bucket, Key="absent")
        refused("AccessDenied", caller.put_object, Bucket=bucket, Key="k", Body=b"")
        refused("AccessDenied", caller.delete_object, Bucket=bucket, Key="k")
        refused("AccessDenied", caller.list_objects_v2, Bucket=bucket)
        refused("403", caller.head_bucket, Bucket=bucket)
        refused("AccessDenied", caller.delete_bucket, Bucket=bucket)
        refused("AccessDenied", caller.put_bucket_acl, Bucket=bucket, ACL="public-read")
        refused("AccessDenied", caller.get_bucket_policy, Bucket=bucket)
        answer = caller.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]}) if caller is other else None
        assert answer is None or answer["Errors"][0]["Code"] == "AccessDenied"
    refused("AccessDenied", nobody.list_buckets)
    refused("AccessDenied", nobody.create_bucket, Bucket="nobody-" + uuid.uuid4().hex[:8])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_canned_acls(s3, other, nobody, bucket, farm):
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert fetch(f"{farm.url}/{bucket}/k")[::2] == (200, b"data"), "every public asset has a URL"
    assert fetch(f"{farm.url}/k", host=f"{bucket}.localhost:{farm.port}")[::2] == (200, b"data")
    refused("AccessDenied", nobody.list_objects_v2, Bucket=bucket)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="authenticated-read")
    refused("AccessDenied", nobody.get_object, Bucket=bucket, Key="k")
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    refused("AccessDenied", other.get_object, Bucket=bucket, Key="k")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert nobody.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    refused("NoSuchKey", nobody.get_object, Bucket=bucket, Key="absent")
    other.put_object(Bucket=bucket, Key="theirs", Body=b"x", ACL="bucket-owner-full-control")
    grants = s3.get_object_acl(Bucket=bucket, Key="theirs")
    assert grants["Owner"]["DisplayName"] == "other" and len(grants["Grants"]) == 2
    refused("InvalidArgument", s3.put_bucket_acl, Bucket=bucket, ACL="read-all")
    # What others kept for themselves stays theirs, also once the bucket is closed again.
    other.put_object(Bucket=bucket, Key="kept", Body=b"x")
    refused("AccessDenied", s3.get_object, Bucket=bucket, Key="kept")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    refused("AccessDenied", s3.get_object, Bucket=bucket, Key="kept")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key="kept")


def test_grants_to_an_account(s3, other, other_account, bucket):
    s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=f"id={other_account['canonicalId']}")
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    refused("AccessDenied", other.put_object_acl, Bucket=bucket, Key="k", ACL="private")
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    assert acl["Grants"][0]["Permission"] == "READ"
    policy = {"Owner": acl["Owner"], "Grants": acl["Grants"]}
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"] == acl["Grants"]
    refused("InvalidArgument", s3.put_object_acl, Bucket=bucket, Key="k", GrantRead="id=" + "0" * 64)


def statement(bucket, effect="Allow", action="s3:GetObject", principal="*", resource="/*", **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": f"arn:aws:s3:::{bucket}{resource}", **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_bucket_policy(s3, other, other_account, nobody, bucket):
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="public/p", Body=b"p")
    text = policy(statement(bucket, resource="/public/*"),
                  statement(bucket, action=["s3:ListBucket"], resource="", principal={"AWS": f"arn:aws:iam::{other_account['accountId']}:root"},
                            Condition={"StringLike": {"s3:prefix": "public*"}}),
                  statement(bucket, effect="Deny", action="s3:DeleteObject"))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(text)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert nobody.get_object(Bucket=bucket, Key="public/p")["Body"].read() == b"p"
    refused("AccessDenied", nobody.get_object, Bucket=bucket, Key="k")
    assert other.list_objects_v2(Bucket=bucket, Prefix="public/")["KeyCount"] == 1
    refused("AccessDenied", other.list_objects_v2, Bucket=bucket)
    refused("AccessDenied", nobody.list_objects_v2, Bucket=bucket, Prefix="public/")
    refused("AccessDenied", s3.delete_object, Bucket=bucket, Key="k")
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert errors[0]["Code"] == "AccessDenied"
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    refused("AccessDenied", nobody.get_object, Bucket=bucket, Key="public/p")


@pytest.mark.parametrize("text", [
    "", "{", "[]", "{}", '{"Statement": []}',
    policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*"}),
    policy({"Effect": "Maybe", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*"}),
    policy({"Effect": "Allow", "Principal": "*", "Action": "ec2:RunInstances", "Resource": "arn:aws:s3:::B/*"}),
    policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::another/*"}),
    policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*", "Condition": {"Resembles": {"s3:prefix": "a"}}}),
    policy({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*", "Condition": {"StringEquals": {"s3:prefiks": "a"}}}),
    policy({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*", "Conditions": {}}),
])
def test_policies_that_make_no_sense(s3, bucket, text):
    answer = refused("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy=text.replace("B/", bucket + "/"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_tags_in_a_policy(s3, other, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement(bucket, Condition={"StringEquals": {"s3:ExistingObjectTag/open": "yes"}})))
    refused("AccessDenied", other.get_object, Bucket=bucket, Key="k")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "open", "Value": "yes"}]})
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_each_account_has_a_folder_of_its_own(s3, other, other_account, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(
        statement(bucket, action=["s3:GetObject", "s3:PutObject"], resource="/${aws:username}/*"),
        statement(bucket, action="s3:ListBucket", resource="", Condition={"StringLike": {"s3:prefix": "${aws:PrincipalAccount}/*"}})))
    mine = "other"  # its name
    other.put_object(Bucket=bucket, Key=f"{mine}/k", Body=b"x")
    assert other.get_object(Bucket=bucket, Key=f"{mine}/k")["Body"].read() == b"x"
    refused("AccessDenied", other.put_object, Bucket=bucket, Key=f"{mine}x/k", Body=b"x")
    assert other.list_objects_v2(Bucket=bucket, Prefix=other_account["accountId"] + "/")["KeyCount"] == 0
    refused("AccessDenied", other.list_objects_v2, Bucket=bucket, Prefix=mine + "/")


def test_only_what_is_not_there_yet_may_be_written(s3, other, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(
        statement(bucket, action="s3:PutObject"),
        statement(bucket, effect="Deny", action="s3:PutObject", Condition={"Null": {"s3:if-none-match": "true"},
                                                                          "Bool": {"s3:ObjectCreationOperation": "true"}})))
    refused("AccessDenied", other.put_object, Bucket=bucket, Key="new", Body=b"x")
    with_header = lambda params, **_: params["headers"].update({"If-None-Match": "*"})  # noqa: E731
    other.meta.events.register("before-call.s3.PutObject", with_header)
    try:
        other.put_object(Bucket=bucket, Key="new", Body=b"x")
        refused("PreconditionFailed", other.put_object, Bucket=bucket, Key="new", Body=b"y")
    finally:
        other.meta.events.unregister("before-call.s3.PutObject", with_header)
    upload = other.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    other.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")


def test_public_access_block(s3, nobody, bucket):
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, Bucket=bucket)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

    def block(*on):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={f: f in on for f in flags})
        assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {f: f in on for f in flags}

    block("BlockPublicAcls")
    refused("AccessDenied", s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    refused("AccessDenied", s3.put_object, Bucket=bucket, Key="n", Body=b"", ACL="public-read")
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data", "what is public stays so"
    block("IgnorePublicAcls")
    refused("AccessDenied", nobody.get_object, Bucket=bucket, Key="k")
    block("BlockPublicPolicy")
    refused("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=policy(statement(bucket)))
    block()
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement(bucket)))
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    block("RestrictPublicBuckets")
    refused("AccessDenied", nobody.get_object, Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_ownership(s3, other, nobody):
    bucket = "o-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced")
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=bucket, ACL="public-read")
    refused("AccessControlListNotSupported", s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    other.put_object(Bucket=bucket, Key="given", Body=b"", ACL="bucket-owner-full-control")
    assert s3.get_object_acl(Bucket=bucket, Key="given")["Owner"]["DisplayName"] == "test"
    refused("InvalidBucketAclWithObjectOwnership", s3.put_bucket_ownership_controls, Bucket=bucket,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    refused("OwnershipControlsNotFoundError", s3.get_bucket_ownership_controls, Bucket=bucket)


def test_cors(s3, bucket, farm):
    url = f"{farm.url}/{bucket}/k"
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket)
    rules = {"CORSRules": [{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET", "PUT"],
                            "AllowedHeaders": ["x-amz-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30}]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules["CORSRules"]
    status, headers, _ = fetch(url, Origin="https://www.example.com")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://www.example.com")
    assert headers["Access-Control-Expose-Headers"] == "ETag" and "Origin" in headers["Vary"]
    assert fetch(url, Origin="https://elsewhere.org")[1]["Access-Control-Allow-Origin"] is None
    asked = {"Origin": "https://www.example.com", "Access_Control_Request_Method": "PUT"}
    status, headers, _ = fetch(url, method="OPTIONS", Access_Control_Request_Headers="x-amz-date", **asked)
    assert (status, headers["Access-Control-Max-Age"]) == (200, "30")
    assert "PUT" in headers["Access-Control-Allow-Methods"] and headers["Access-Control-Allow-Headers"] == "x-amz-date"
    assert fetch(url, method="OPTIONS", Access_Control_Request_Headers="x-other", **asked)[0] == 403
    assert fetch(url, method="OPTIONS", Origin="https://www.example.com", Access_Control_Request_Method="DELETE")[0] == 403
    assert fetch(url, method="OPTIONS")[0] == 400
    s3.delete_bucket_cors(Bucket=bucket)
    assert fetch(url, method="OPTIONS", **asked)[0] == 403


def test_web_site(s3, farm):
    bucket = "w-" + uuid.uuid4().hex[:12]
    host = f"{bucket}.s3-website.localhost:{farm.port}"
    s3.create_bucket(Bucket=bucket)
    for key, body, kind in (("index.html", b"<h1>home</h1>", "text/html"), ("docs/index.html", b"docs", "text/html"),
                            ("oops.html", b"oops", "text/html"), ("secret", b"s", "text/plain")):
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind, ACL="private" if key == "secret" else "public-read")
    s3.put_object(Bucket=bucket, Key="old", Body=b"", ACL="public-read", WebsiteRedirectLocation="/docs/")
    assert fetch(farm.url + "/", host=host)[0] == 404
    site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    read = s3.get_bucket_website(Bucket=bucket)
    assert {k: read[k] for k in site} == site
    status, headers, body = fetch(farm.url + "/", host=host)
    assert (status, headers["Content-Type"], body) == (200, "text/html", b"<h1>home</h1>")
    assert fetch(farm.url + "/docs/", host=host)[::2] == (200, b"docs")
    status, headers, _ = fetch(farm.url + "/docs", host=host)
    assert (status, headers["Location"]) == (302, "/docs/")
    status, headers, _ = fetch(farm.url + "/old", host=host)
    assert (status, headers["Location"]) == (301, "/docs/")
    assert fetch(farm.url + "/secret", host=host)[::2] == (403, b"oops")
    assert fetch(farm.url + "/absent", host=host)[0] in (403, 404)
    assert fetch(farm.url + "/", host=host, method="PUT")[0] == 405
    site["RoutingRules"] = [
        {"Condition": {"KeyPrefixEquals": "papers/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}},
        {"Condition": {"KeyPrefixEquals": "pics/", "HttpErrorCodeReturnedEquals": "403"},
         "Redirect": {"HostName": "cdn.example", "Protocol": "https", "HttpRedirectCode": "307"}}]
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    assert s3.get_bucket_website(Bucket=bucket)["RoutingRules"] == site["RoutingRules"]
    status, headers, _ = fetch(farm.url + "/papers/a%20b", host=host)
    assert (status, headers["Location"]) == (301, f"http://{host}/docs/a%20b")
    status, headers, _ = fetch(farm.url + "/pics/absent", host=host)
    assert (status, headers["Location"]) == (307, "https://cdn.example/pics/absent")
    assert fetch(farm.url + "/secret", host=host)[::2] == (403, b"oops")
    s3.delete_bucket_website(Bucket=bucket)
    refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, Bucket=bucket)
