"""Roles: an instance with a profile finds keys in its metadata that work, within the role's scope and no further;
AssumeRole gives the same to a caller outside; GetCallerIdentity says who somebody is."""
import json
import re
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError

from support.clients import client
from support.croft import BINARY, wait_until

IMAGE = "ami-0c40f700000000001"


def refused(call, **fields):
    with pytest.raises(ClientError) as caught:
        call(**fields)
    return caught.value.response["Error"]["Code"]


def console(ec2, id):
    return ec2.get_console_output(InstanceId=id).get("Output", "")


def of(farm, service, keys):
    return boto3.client(service, endpoint_url=farm.url, region_name="us-east-1", aws_access_key_id=keys["AccessKeyId"],
                        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])


@pytest.fixture
def profile(farm, account):
    done = subprocess.run([BINARY, "farm", "profile", "add", "worker", "--data", farm.data, "--account", account["accountId"],
                           "--service", "s3", "--bucket", "role-*", "--json"], env=farm.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["arn"]


def check_scope(farm, s3, keys, name):
    theirs = of(farm, "s3", keys)
    s3.create_bucket(Bucket="role-data")
    s3.create_bucket(Bucket="private")
    try:
        theirs.put_object(Bucket="role-data", Key="k", Body=b"v")
        assert theirs.get_object(Bucket="role-data", Key="k")["Body"].read() == b"v"
        assert refused(theirs.put_object, Bucket="private", Key="k", Body=b"v") == "AccessDenied"
        assert refused(theirs.copy_object, Bucket="role-data", Key="c", CopySource="private/k") == "AccessDenied"
        assert refused(of(farm, "ec2", keys).describe_instances) == "UnauthorizedOperation"
        who = of(farm, "sts", keys).get_caller_identity()
        assert who["Arn"].endswith(f":assumed-role/worker/{name}")
        for field, bad in (("SessionToken", keys["SessionToken"][:-4] + "AAAA"), ("SecretAccessKey", "x" * 40)):
            assert refused(of(farm, "s3", {**keys, field: bad}).list_objects_v2, Bucket="role-data") in ("InvalidToken", "SignatureDoesNotMatch")
        s3.delete_object(Bucket="role-data", Key="k")
    finally:
        s3.delete_bucket(Bucket="role-data")
        s3.delete_bucket(Bucket="private")


def test_an_instance_finds_keys_of_its_role(farm, ec2, s3, profile):
    script = """#!/bin/sh
M=http://169.254.169.254/latest/meta-data/iam
echo role=$(curl -s -m 5 $M/security-credentials/)
echo keys=$(curl -s -m 5 $M/security-credentials/worker | tr -d '\\n')
echo the-end
"""
    run = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, IamInstanceProfile={"Arn": profile}, UserData=script)
    id = run["Instances"][0]["InstanceId"]
    try:
        assert run["Instances"][0]["IamInstanceProfile"]["Arn"] == profile
        out = wait_until(lambda: "the-end" in console(ec2, id) and console(ec2, id), "it tells")
        assert "role=worker" in out
        found = json.loads(re.search(r"keys=(\{.*\})", out).group(1))
        assert found["Code"] == "Success"
        farm.kill()
        farm.start()
        check_scope(farm, s3, {**found, "SessionToken": found["Token"]}, id)
    finally:
        ec2.terminate_instances(InstanceIds=[id])


def test_assume_role(farm, account, s3, profile):
    sts = client("sts", farm.url, account["accessKey"], account["secretKey"])
    assert sts.get_caller_identity()["Account"] == account["accountId"]
    arn = f"arn:aws:iam::{account['accountId']}:role/worker"
    made = sts.assume_role(RoleArn=arn, RoleSessionName="tester", DurationSeconds=900)
    check_scope(farm, s3, made["Credentials"], "tester")
    assert refused(sts.assume_role, RoleArn=arn + "x", RoleSessionName="tester") == "AccessDenied"
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="tester", DurationSeconds=43201) == "ValidationError"
    assert refused(client("sts", farm.url, account["accessKey"], "x" * 40).get_caller_identity) == "SignatureDoesNotMatch"
