"""The embedded EC2 through the JavaScript SDK."""
import json
import subprocess
import uuid

from support.croft import ROOT, clean_environment

FOLDER = ROOT / "test/s3sdk"


def test_a_machine_and_what_belongs_to_it(farm, account):
    assert (FOLDER / "node_modules").is_dir(), "run: npm ci --prefix test/s3sdk"
    name = "node-" + uuid.uuid4().hex[:12]
    done = subprocess.run(["node", "ec2.mjs", farm.url, account["accessKey"], account["secretKey"], name], cwd=FOLDER, capture_output=True,
                          text=True, timeout=150, env=clean_environment())
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["zones"] == ["us-east-1a"] and seen["first"] == "pending"
    assert (seen["dryRun"], seen["absent"], seen["malformed"]) == ("DryRunOperation", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
    assert seen["key"] == "-----BEGIN OPENSSH PRIVATE KEY-----"
    assert seen["tag"] == "grüße & <tags>" and seen["groups"] == [name] and seen["launched"]
    assert seen["address"].startswith("10.9.1.") and f"hello from ip-{seen['address'].replace('.', '-')}" in seen["console"]
    assert seen["devices"] == ["/dev/sdf"] and seen["image"] == "available"
    assert sum(seen["pages"]) > 10 and set(seen["pages"][:-1]) == {5}
    assert seen["ending"] == "shutting-down" and seen["left"] == 0
