"""What an instance sees from inside: metadata, names, the farm's own URL, its key, its user data. The
instance tells through its console and through objects it puts with presigned URLs."""
import time

import pytest

from support.croft import wait_until

IMAGE = "ami-0c40f700000000001"


def console(ec2, id):
    return ec2.get_console_output(InstanceId=id).get("Output", "")


def state(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]


@pytest.fixture
def boot(ec2):
    made = []

    def run(script, **fields):
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData=f"#!/bin/sh\n{script}\necho the-end\n", **fields)
        made.append(answer["Instances"][0]["InstanceId"])
        return made[-1]

    yield run
    for id in made:
        ec2.terminate_instances(InstanceIds=[id])
    for id in made:
        wait_until(lambda: state(ec2, id) == "terminated", f"{id} is gone")


def told(ec2, id):
    return wait_until(lambda: "the-end" in console(ec2, id) and console(ec2, id), f"{id} tells")


def test_metadata(ec2, boot):
    key = ec2.create_key_pair(KeyName="inside", KeyType="ed25519")
    id = boot("""
M=http://169.254.169.254
T=$(curl -s -m 5 -X PUT $M/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
echo without=$(curl -s -m 5 -o /dev/null -w '%{http_code}' $M/latest/meta-data/instance-id)
get() { curl -s -m 5 -H "X-aws-ec2-metadata-token: $T" $M/$1; }
echo id=$(get latest/meta-data/instance-id) ip=$(get latest/meta-data/local-ipv4)
echo key=$(get latest/meta-data/public-keys/0/openssh-key)
get latest/user-data | head -c 9; echo
echo tag=$(get latest/meta-data/tags/instance/Name)
echo authorized=$(cat /root/.ssh/authorized_keys)
""", KeyName="inside", MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
              TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}])
    out = told(ec2, id)
    ec2.delete_key_pair(KeyName="inside")
    seen = ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
    assert f"id={id} ip={seen['PrivateIpAddress']}" in out, out
    assert "without=401" in out
    assert "#!/bin/sh" in out
    assert "tag=web" in out
    assert "key=ssh-ed25519 AAAA" in out and "authorized=ssh-ed25519 AAAA" in out
    assert key["KeyMaterial"] not in out


def test_a_web_server_has_port_80_and_metadata_go_on(ec2, boot):
    """Metadata answer at the same port of another address, at the other end of the instance's link."""
    id = boot("""
mkdir /srv/www; echo served > /srv/www/index.html
cd /srv/www; python3 -m http.server 80 >/dev/null 2>&1 &
for i in $(seq 100); do curl -s -m 5 http://127.0.0.1/ && break; sleep 0.05; done
echo own=$(curl -s -m 5 http://$(hostname -I | cut -d' ' -f1)/)
T=$(curl -s -m 5 -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
echo id=$(curl -s -m 5 -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/instance-id)
""")
    out = told(ec2, id)
    assert "own=served" in out and f"id={id}" in out, out


def test_names(ec2, boot):
    first = boot("")
    address = ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    name = f"ip-{address.replace('.', '-')}.ec2.internal"
    out = told(ec2, boot(f"""
echo forward=$(getent ahostsv4 {name} | head -1 | cut -d' ' -f1)
echo by-id=$(getent ahostsv4 {first}.ec2.internal | head -1 | cut -d' ' -f1)
echo backward=$(getent hosts {address})
getent hosts example.com || echo unknown
"""))
    assert f"forward={address}" in out, out
    assert f"by-id={address}" in out
    assert f"backward={address} {name}" in " ".join(out.split())
    assert "unknown" in out


def test_the_farm_is_reached_at_the_same_url(farm, ec2, s3, boot):
    s3.create_bucket(Bucket="inside")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "inside", "Key": "hello"}, ExpiresIn=600)
    id = boot(f"""
curl -s -m 5 {farm.url}/_croft/health
echo "hello from $(hostname)" > /tmp/hello
curl -s -S -m 10 -T /tmp/hello '{put}'
""")
    told(ec2, id)
    assert s3.get_object(Bucket="inside", Key="hello")["Body"].read().startswith(b"hello from ip-10-77-")
    s3.delete_object(Bucket="inside", Key="hello")
    s3.delete_bucket(Bucket="inside")


def test_user_data_runs_once_and_the_disk_stays(ec2, boot):
    id = boot("date +%s%N >> /var/boots; echo boots=$(wc -l < /var/boots)")
    told(ec2, id)
    ec2.stop_instances(InstanceIds=[id])
    wait_until(lambda: state(ec2, id) == "stopped", "it is stopped")
    ec2.start_instances(InstanceIds=[id])
    wait_until(lambda: state(ec2, id) == "running", "it runs")
    wait_until(lambda: console(ec2, id).count("booting") == 2, "it boots again")
    assert console(ec2, id).count("boots=") == 1


@pytest.mark.parametrize("behavior,end", [("stop", "stopped"), ("terminate", "terminated")])
def test_poweroff_inside(ec2, boot, behavior, end):
    begin = time.monotonic()
    id = boot("poweroff", InstanceInitiatedShutdownBehavior=behavior)
    wait_until(lambda: state(ec2, id) == end, f"it is {end}")
    seen = ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
    assert seen["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert time.monotonic() - begin < 20


def test_sockets_inside_are_made_again_after_a_restart_of_the_farm(farm, ec2, boot):
    id = boot("""
(while sleep 0.2; do echo now=$(curl -s -m 2 http://169.254.169.254/latest/meta-data/instance-id)/$(getent ahostsv4 $(hostname).ec2.internal | head -1 | cut -d' ' -f1); done) &
""")
    told(ec2, id)
    address = ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    good = f"now={id}/{address}"
    wait_until(lambda: good in console(ec2, id), "it speaks with the farm")
    farm.kill()
    farm.start()
    before = console(ec2, id).count(good)
    wait_until(lambda: console(ec2, id).count(good) > before + 2, "it speaks with the new farm")
    assert state(ec2, id) == "running"
