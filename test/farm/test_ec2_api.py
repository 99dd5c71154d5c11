"""The embedded EC2 through boto3 and awscli: life of instances, errors, idempotency, isolation."""
import base64
import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from support.clients import aws, client
from support.croft import wait_until

IMAGE = "ami-0c40f700000000001"


def refused(call, **fields):
    with pytest.raises(ClientError) as caught:
        call(**fields)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def instances(ec2, **fields):
    pages = ec2.get_paginator("describe_instances").paginate(**fields)
    return [i for page in pages for r in page["Reservations"] for i in r["Instances"]]


def states(ec2, ids):
    return {i["State"]["Name"] for i in instances(ec2, InstanceIds=ids)}


@pytest.fixture
def launch(ec2):
    """Runs instances and sees to it that they are gone afterwards."""
    made = []

    def run(low=1, high=1, wait=True, **fields):
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=low, MaxCount=high, **fields)
        ids = [i["InstanceId"] for i in answer["Instances"]]
        made.extend(ids)
        if wait:
            wait_until(lambda: states(ec2, ids) == {"running"}, f"{ids} run")
        return ids

    yield run
    if made:
        ec2.terminate_instances(InstanceIds=made)
        wait_until(lambda: states(ec2, made) == {"terminated"}, "all are gone")


def test_life_of_an_instance(ec2, launch):
    (id,) = launch()
    (seen,) = instances(ec2, InstanceIds=[id])
    assert seen["PrivateIpAddress"].startswith("10.77.")
    assert seen["PrivateDnsName"] == "ip-" + seen["PrivateIpAddress"].replace(".", "-") + ".ec2.internal"
    change = ec2.stop_instances(InstanceIds=[id])["StoppingInstances"][0]
    assert change["PreviousState"] == {"Code": 16, "Name": "running"}
    assert change["CurrentState"] == {"Code": 64, "Name": "stopping"}
    wait_until(lambda: states(ec2, [id]) == {"stopped"}, "it is stopped")
    assert instances(ec2, InstanceIds=[id])[0]["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.start_instances(InstanceIds=[id])
    wait_until(lambda: states(ec2, [id]) == {"running"}, "it runs again")
    assert instances(ec2, InstanceIds=[id])[0]["PrivateIpAddress"] == seen["PrivateIpAddress"]
    ec2.reboot_instances(InstanceIds=[id])
    assert ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"][0]["InstanceStatus"]["Status"] == "ok"
    ec2.terminate_instances(InstanceIds=[id])
    wait_until(lambda: states(ec2, [id]) == {"terminated"}, "it is gone")
    again = ec2.terminate_instances(InstanceIds=[id])["TerminatingInstances"][0]
    assert again["PreviousState"]["Code"] == again["CurrentState"]["Code"] == 48


def test_max_count_is_honoured_up_to_the_quota(ec2, launch):
    quota = int(ec2.describe_account_attributes(AttributeNames=["max-instances"])["AccountAttributes"][0]["AttributeValues"][0]["AttributeValue"])
    ids = launch(1, quota + 5, wait=False, InstanceType="t2.nano")
    assert len(ids) == quota
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1) == ("InstanceLimitExceeded", 400)
    assert len({i["PrivateIpAddress"] for i in instances(ec2, InstanceIds=ids)}) == quota


def test_a_client_token_never_launches_twice(ec2, launch):
    first = launch(2, 2, ClientToken="talk-1")
    assert launch(2, 2, ClientToken="talk-1") == first
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, ClientToken="talk-1")[0] == "IdempotentParameterMismatch"
    found = instances(ec2, Filters=[{"Name": "client-token", "Values": ["talk-1"]}])
    assert sorted(i["InstanceId"] for i in found) == sorted(first)


def test_filters_and_pages(ec2, launch):
    ids = launch(7, 7, wait=False, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "pages"}]}])
    by_tag = [{"Name": "tag:app", "Values": ["p?ges", "other"]}]
    assert [i["InstanceId"] for i in instances(ec2, Filters=by_tag, PaginationConfig={"PageSize": 5})] == ids
    assert instances(ec2, Filters=[*by_tag, {"Name": "instance-type", "Values": ["t2.*"]}]) == []
    assert refused(ec2.describe_instances, Filters=[{"Name": "no-such", "Values": ["x"]}]) == ("InvalidParameterValue", 400)
    assert refused(ec2.describe_instances, MaxResults=5, InstanceIds=ids[:1]) == ("InvalidParameterCombination", 400)
    assert refused(ec2.describe_instances, NextToken="nonsense")[0] == "InvalidNextToken"


def test_errors(ec2):
    none = "i-0123456789abcdef0"
    assert refused(ec2.describe_instances, InstanceIds=[none]) == ("InvalidInstanceID.NotFound", 400)
    assert refused(ec2.terminate_instances, InstanceIds=["i-xyz"]) == ("InvalidInstanceID.Malformed", 400)
    assert refused(ec2.run_instances, ImageId="ami-00000000", MinCount=1, MaxCount=1) == ("InvalidAMIID.NotFound", 400)
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=2, MaxCount=1)[0] == "InvalidParameterValue"
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, UserData="x" * 16385)[0] == "InvalidParameterValue"
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, DryRun=True) == ("DryRunOperation", 412)
    assert refused(ec2.describe_regions, DryRun=True) == ("DryRunOperation", 412)
    assert refused(ec2.describe_flow_logs)[0] == "InvalidAction"


def test_signatures(farm, account):
    strange = client("ec2", farm.url, "AKIANOBODYNOBODY0000", "x" * 40)
    assert refused(strange.describe_regions)[1] == 401
    wrong = client("ec2", farm.url, account["accessKey"], "x" * 40)
    assert refused(wrong.describe_regions)[1] in (401, 403)


def test_accounts_do_not_see_each_other(farm, ec2, launch):
    other = farm.account("other")
    theirs = client("ec2", farm.url, other["accessKey"], other["secretKey"])
    (id,) = launch(wait=False)
    assert instances(theirs) == []
    assert refused(theirs.terminate_instances, InstanceIds=[id])[0] == "InvalidInstanceID.NotFound"


def test_key_pairs(ec2, launch):
    for kind, first in (("rsa", "-----BEGIN RSA PRIVATE KEY-----"), ("ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----")):
        key = ec2.create_key_pair(KeyName=f"api-{kind}", KeyType=kind)
        assert key["KeyMaterial"].startswith(first)
        assert refused(ec2.create_key_pair, KeyName=f"api-{kind}")[0] == "InvalidKeyPair.Duplicate"
        (id,) = launch(wait=False, KeyName=f"api-{kind}")
        ec2.delete_key_pair(KeyName=f"api-{kind}")
    assert refused(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, KeyName="nobody")[0] == "InvalidKeyPair.NotFound"


def test_ssh_keygen_reads_the_keys_that_are_made(ec2, tmp_path):
    import subprocess
    for kind in ("rsa", "ed25519"):
        made = ec2.create_key_pair(KeyName=f"gen-{kind}", KeyType=kind)
        (public,) = ec2.describe_key_pairs(KeyNames=[f"gen-{kind}"], IncludePublicKey=True)["KeyPairs"]
        ec2.delete_key_pair(KeyName=f"gen-{kind}")
        file = tmp_path / kind
        file.touch(mode=0o600)
        file.write_text(made["KeyMaterial"])
        told = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        assert told.stdout.split()[:2] == public["PublicKey"].split()[:2]


def test_instances_survive_kill_and_restart_of_the_farm(farm, ec2, launch):
    ids = launch(3, 3)
    before = instances(ec2, InstanceIds=ids)
    farm.kill()
    farm.start()
    after = wait_until(lambda: instances(ec2, InstanceIds=ids), "they are described again")
    assert [(i["InstanceId"], i["PrivateIpAddress"], i["LaunchTime"]) for i in after] == \
        [(i["InstanceId"], i["PrivateIpAddress"], i["LaunchTime"]) for i in before]
    assert len(instances(ec2, Filters=[{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}])) == 3


def test_awscli(farm, account):
    def run(*args):
        code, out, err = aws(farm.env, farm.url, account["accessKey"], account["secretKey"], "ec2", *args)
        return code, json.loads(out) if out.strip() else None, err

    code, out, err = run("run-instances", "--image-id", IMAGE, "--count", "1:2", "--user-data", "#!/bin/sh\necho hello\n",
                         "--tag-specifications", "ResourceType=instance,Tags=[{Key=by,Value=awscli}]")
    assert code == 0, err
    ids = [i["InstanceId"] for i in out["Instances"]]
    assert len(ids) == 2
    try:
        code, out, err = run("describe-instances", "--filters", "Name=tag:by,Values=awscli", "--query", "Reservations[].Instances[].InstanceId")
        assert sorted(out) == sorted(ids)
        code, out, err = run("describe-instance-attribute", "--instance-id", ids[0], "--attribute", "userData")
        assert base64.b64decode(out["UserData"]["Value"]) == b"#!/bin/sh\necho hello\n"
        code, out, err = run("describe-instances", "--instance-ids", "i-0123456789abcdef0")
        assert code != 0 and "InvalidInstanceID.NotFound" in err
    finally:
        code, out, err = run("terminate-instances", "--instance-ids", *ids)
        assert code == 0, err


def test_an_action_by_get_with_an_old_version(farm, account):
    """Old libraries send GET and versions of their time; the answer stands in that version's namespace."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest("GET", f"{farm.url}/?Action=DescribeRegions&Version=2014-10-01")
    SigV4Auth(Credentials(account["accessKey"], account["secretKey"]), "ec2", "us-east-1").add_auth(request)
    answer = urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers.items()))).read().decode()
    assert "<regionName>us-east-1</regionName>" in answer
    assert 'xmlns="http://ec2.amazonaws.com/doc/2014-10-01/"' in answer
