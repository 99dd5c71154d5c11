"""The JavaScript SDK, and a browser's upload form and cross-origin requests (Chromium)."""
import json
import shutil
import subprocess
import uuid

import pytest

from support.croft import ROOT, clean_environment

FOLDER = ROOT / "test/s3sdk"


@pytest.fixture
def bucket():
    return "j-" + uuid.uuid4().hex[:12]


def node(script, *args, stdin="", limit=150):
    assert (FOLDER / "node_modules").is_dir(), "run: npm ci --prefix test/s3sdk"
    done = subprocess.run(["node", script, *args], cwd=FOLDER, input=stdin, capture_output=True, text=True,
                          timeout=limit, env=clean_environment())
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_sdk_with_buffers_and_streams(farm, account, bucket):
    seen = node("client.mjs", farm.url, account["accessKey"], account["secretKey"], bucket)
    assert seen["bufferBack"] == "grüße\n" and seen["metadata"] == {"colour": "blue"}
    assert seen["streamSame"] and seen["streamChecksum"]
    assert seen["contentEncoding"] is None, "aws-chunked is the transfer's coding, not the object's"
    assert {"CRC32", "CRC32C", "SHA1", "SHA256"} <= set(seen["checksums"])
    assert seen["completed"].endswith('-2"') and seen["partsSame"] and seen["secondPart"] == "grüße\n"
    assert seen["copy"] == "grüße\n"
    assert seen["refused"] == "PreconditionFailed" and seen["absent"] == "NoSuchKey"
    assert seen["deleted"] == seen["keys"]


CORS = {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"],
                       "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]}


def test_browser_form_and_cross_origin_requests(farm, s3, bucket):
    chromium = shutil.which("chromium")
    assert chromium, "run: tools/setup.sh test"
    s3.create_bucket(Bucket=bucket)
    post = s3.generate_presigned_post(
        bucket, "uploads/${filename}",
        Fields={"success_action_redirect": farm.url + "/_croft/health", "x-amz-meta-by": "a \"form\""},
        Conditions=[["starts-with", "$success_action_redirect", "http"], ["starts-with", "$x-amz-meta-by", "a"],
                    ["content-length-range", 1, 1000]])
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "uploads/grüße.txt"})
    wanted = {"action": post["url"], "fields": post["fields"],
              "file": {"name": "grüße.txt", "type": "text/plain", "content": "from a browser\n"},
              "origin": f"http://localhost:{farm.port}/_croft/health",
              "get": {"url": url, "method": "GET", "headers": {"x-ignored": "1"}}}
    seen = node("form.mjs", chromium, stdin=json.dumps(wanted))
    assert seen["status"] == 303 and "/_croft/health?" in seen["url"] and "key=uploads" in seen["url"]
    assert "error" in seen["fetched"], "without CORS rules no other origin reads an answer"
    head = s3.head_object(Bucket=bucket, Key="uploads/grüße.txt")
    assert head["ContentType"] == "text/plain" and head["Metadata"] == {"by": 'a "form"'}

    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    seen = node("form.mjs", chromium, stdin=json.dumps(wanted))
    assert seen["fetched"]["status"] == 200 and seen["fetched"]["text"] == "from a browser\n"
    assert seen["fetched"]["etag"] == head["ETag"], "ETag is an exposed header"
