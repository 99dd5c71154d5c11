"""Images from outside: a root file system as tar from a file and from the farm's S3, an OCI layout; a machine boots from it."""
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import uuid

import pytest

from support.croft import BINARY, wait_until


def croft(farm, *args):
    done = subprocess.run([BINARY, "farm", "image", "import", *args, "--data", farm.data, "--json"], env=farm.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["id"]


def archive(**more):
    """The least that runs a shell script: dash, its C library, and what is asked for."""
    out = io.BytesIO()
    needs = subprocess.run(["ldd", "/bin/dash"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in {word for word in needs if word.startswith("/")}:
            tar.add(os.path.realpath(name), arcname=name)
        tar.add(os.path.realpath("/bin/dash"), arcname="bin/sh")
        for name, text in more.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def told(ec2):
    def run(image):
        id = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, UserData="#!/bin/sh\nread line < /mark; echo told=$line\n")["Instances"][0]["InstanceId"]
        output = lambda: ec2.get_console_output(InstanceId=id).get("Output", "")
        try:
            return wait_until(lambda: "told=" in output() and output().split("told=")[1].splitlines()[0], "it tells its mark")
        finally:
            ec2.terminate_instances(InstanceIds=[id])
            state = lambda: ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]
            wait_until(lambda: state() == "terminated", "it is gone")

    return run


def test_a_tar_from_a_file(farm, ec2, account, tmp_path, told):
    source = tmp_path / "small.tar"
    source.write_bytes(archive(mark="from a file"))
    image = croft(farm, str(source), "--name", "small", "--account", "test")
    seen = ec2.describe_images(ImageIds=[image])["Images"][0]
    assert (seen["Name"], seen["State"], seen["OwnerId"]) == ("small", "available", account["accountId"])
    source.unlink()
    assert told(image) == "from a file"
    folder = pathlib.Path(farm.data) / "images" / image
    assert folder.is_dir()
    ec2.deregister_image(ImageId=image)
    assert not folder.exists()


def test_an_archive_in_the_farms_s3(farm, ec2, s3, told):
    bucket = "images-" + uuid.uuid4().hex[:8]
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/small.tar", Body=archive(mark="from S3"))
    s3.put_object(Bucket=bucket, Key="bad", Body=b"no archive at all" * 100)
    image = ec2.register_image(Name="from-s3", ImageLocation=f"{bucket}/a/small.tar")["ImageId"]
    assert told(image) == "from S3"
    for location, code in ((f"{bucket}/none", "InvalidParameterValue"), ("nobodys/x", "InvalidParameterValue"), (f"{bucket}/bad", "InvalidManifest")):
        with pytest.raises(ec2.exceptions.ClientError) as refused:
            ec2.register_image(Name="never", ImageLocation=location)
        assert refused.value.response["Error"]["Code"] == code, location
    ec2.deregister_image(ImageId=image)
    assert os.listdir(pathlib.Path(farm.data) / "images") == []


def test_an_oci_layout_and_what_a_crash_leaves(farm, ec2, tmp_path, told):
    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        path = tmp_path / "layout/blobs/sha256" / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    top = io.BytesIO()
    with tarfile.open(fileobj=top, mode="w:gz") as tar:
        info = tarfile.TarInfo("mark")
        info.size = 9
        tar.addfile(info, io.BytesIO(b"layer two"))
    layers = [blob(archive(mark="layer one")), blob(top.getvalue())]
    manifest = blob(json.dumps({"schemaVersion": 2, "layers": layers}).encode())
    (tmp_path / "layout/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (tmp_path / "layout/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    image = croft(farm, str(tmp_path / "layout"), "--name", "layered")
    left = pathlib.Path(farm.data) / "images/ami-0123456789abcdef0.new"
    left.mkdir()
    farm.kill()
    farm.start()
    assert not left.exists()
    assert told(image) == "layer two"
