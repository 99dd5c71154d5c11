"""Other people's clients, as Debian ships them."""
import json
import os
import pathlib
import shutil
import subprocess
import uuid

import pytest
from support.clients import aws_session
from support.croft import clean_environment


@pytest.fixture
def bucket():
    return "c-" + uuid.uuid4().hex[:12]


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "small.txt").write_text("hello\n")
    (folder / "sub" / "späte datei +.bin").write_bytes(os.urandom(100_000))
    (folder / "big.bin").write_bytes(os.urandom(17 << 20))
    return folder


def same(a, b):
    names = sorted(str(p.relative_to(a)) for p in a.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(b)) for p in b.rglob("*") if p.is_file())
    for name in names:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def run(*command, env=None, limit=120):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=limit, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_awscli(farm, account, bucket, files, tmp_path):
    def calls(*commands):
        told = aws_session(clean_environment(HOME=str(tmp_path)), farm.url,
                           *((account["accessKey"], account["secretKey"], command) for command in commands))
        for command, (code, _, err) in zip(commands, told):
            assert code == 0, f"{command}: {err}"
        return [out for _, out, _ in told]
    *_, listed, _, _, _, names, url = calls(
        ("s3", "mb", f"s3://{bucket}"),
        ("s3", "sync", files, f"s3://{bucket}/tree", "--quiet"),
        ("s3api", "list-objects-v2", "--bucket", bucket),
        ("s3", "sync", f"s3://{bucket}/tree", tmp_path / "back", "--quiet"),
        ("s3", "cp", f"s3://{bucket}/tree/big.bin", f"s3://{bucket}/copy.bin", "--quiet"),
        ("s3", "mv", f"s3://{bucket}/copy.bin", f"s3://{bucket}/moved.bin", "--quiet"),
        ("s3", "ls", f"s3://{bucket}"),
        ("s3", "presign", f"s3://{bucket}/tree/small.txt"))
    assert len(json.loads(listed)["Contents"]) == 3
    same(files, tmp_path / "back")
    assert "moved.bin" in names
    assert run("curl", "-sf", url.strip()) == "hello\n"
    removed, wrong, unknown = aws_session(
        clean_environment(HOME=str(tmp_path)), farm.url,
        (account["accessKey"], account["secretKey"], ("s3", "rb", "--force", f"s3://{bucket}")),
        (account["accessKey"], "wrong", ("s3", "ls")), ("AKIANOBODY", "wrong", ("s3", "ls")))
    assert removed[0] == 0, removed
    assert wrong[0] != 0 and "SignatureDoesNotMatch" in wrong[2]
    assert unknown[0] != 0 and "InvalidAccessKeyId" in unknown[2]


def test_s3cmd(farm, account, bucket, files, tmp_path):
    config = tmp_path / "s3cfg"
    config.write_text(f"""[default]
access_key = {account["accessKey"]}
secret_key = {account["secretKey"]}
host_base = 127.0.0.1:{farm.port}
host_bucket = 127.0.0.1:{farm.port}
use_https = False
bucket_location = us-east-1
""")
    call = lambda *args: run("s3cmd", "-c", config, "--no-progress", *args, env=clean_environment(HOME=str(tmp_path)))  # noqa: E731
    call("mb", f"s3://{bucket}")
    call("sync", f"{files}/", f"s3://{bucket}/tree/", "--multipart-chunk-size-mb=6")
    (tmp_path / "back").mkdir()
    call("sync", f"s3://{bucket}/tree/", f"{tmp_path / 'back'}/")
    same(files, tmp_path / "back")
    assert "small.txt" in call("ls", f"s3://{bucket}/tree/")
    call("info", f"s3://{bucket}/tree/small.txt")
    call("cp", f"s3://{bucket}/tree/small.txt", f"s3://{bucket}/other")
    call("rb", "--recursive", "--force", f"s3://{bucket}")


def test_rclone(farm, account, bucket, files, tmp_path):
    env = clean_environment(HOME=str(tmp_path), RCLONE_CONFIG_M_TYPE="s3", RCLONE_CONFIG_M_PROVIDER="Other",
                            RCLONE_CONFIG_M_ENDPOINT=farm.url, RCLONE_CONFIG_M_FORCE_PATH_STYLE="true",
                            RCLONE_CONFIG_M_ACCESS_KEY_ID=account["accessKey"],
                            RCLONE_CONFIG_M_SECRET_ACCESS_KEY=account["secretKey"], RCLONE_CONFIG_M_REGION="us-east-1",
                            RCLONE_CONFIG=str(tmp_path / "rclone.conf"))
    call = lambda *args: run("rclone", *args, env=env)  # noqa: E731
    call("mkdir", f"m:{bucket}")
    call("copy", files, f"m:{bucket}/tree", "--s3-upload-cutoff=5M", "--s3-chunk-size=5M")
    call("check", files, f"m:{bucket}/tree")
    call("copy", f"m:{bucket}/tree", tmp_path / "back")
    same(files, tmp_path / "back")
    assert call("lsf", "-R", f"m:{bucket}").count("\n") == 5
    call("purge", f"m:{bucket}")


def test_s3fs(farm, account, s3, bucket, files, tmp_path):
    s3.create_bucket(Bucket=bucket)
    password, mount = tmp_path / "passwd", tmp_path / "mount"
    password.write_text(f"{account['accessKey']}:{account['secretKey']}")
    password.chmod(0o600)
    mount.mkdir()
    run("s3fs", bucket, mount, "-o", f"passwd_file={password},url={farm.url},use_path_request_style,endpoint=us-east-1,"
        "multipart_size=6,retries=1", env=clean_environment(HOME=str(tmp_path)))
    try:
        assert os.path.ismount(mount)
        shutil.copytree(files, mount / "tree")
        same(files, mount / "tree")
        (mount / "tree" / "small.txt").rename(mount / "moved.txt")
        with open(mount / "moved.txt", "a") as file:
            file.write("more\n")
        assert s3.get_object(Bucket=bucket, Key="moved.txt")["Body"].read() == b"hello\nmore\n"
        s3.put_object(Bucket=bucket, Key="outside", Body=b"seen")
        assert (mount / "outside").read_bytes() == b"seen"
        shutil.rmtree(mount / "tree")
        assert sorted(os.listdir(mount)) == ["moved.txt", "outside"]
    finally:
        run("umount", mount)
    assert s3.head_object(Bucket=bucket, Key="moved.txt")["Metadata"]["mode"]


def test_curl_signs_itself(farm, account, bucket):
    def call(*args):
        return run("curl", "-sSf", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                   f"{account['accessKey']}:{account['secretKey']}", *args)
    call("-X", "PUT", f"{farm.url}/{bucket}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    assert bucket in call(farm.url + "/", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")


def test_curl_with_presigned_url_and_expect(s3, bucket, files):
    s3.create_bucket(Bucket=bucket)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    run("curl", "-sSf", "-T", files / "big.bin", "-H", "Expect: 100-continue", url)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    out = files / "got"
    run("curl", "-sSf", "-o", out, url)
    assert pathlib.Path(out).read_bytes() == (files / "big.bin").read_bytes()


def test_boto3_transfer_manager(s3, bucket, files, tmp_path):
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(files / "big.bin"), bucket, "managed")
    s3.download_file(bucket, "managed", str(tmp_path / "managed"))
    assert (tmp_path / "managed").read_bytes() == (files / "big.bin").read_bytes()
    assert s3.head_object(Bucket=bucket, Key="managed")["ETag"].endswith('-3"')
