"""Operators on other machines: tokens with roles over TLS, the trail, and what happens without."""
import json
import os
import ssl
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

from support.clients import client
from support.croft import BINARY, Croft, Farm, free_port, wait_until

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
sfConfig extends Compound {
  one extends TransientS3Bucket { bucket "operators-one"; }
}
'''


@pytest.fixture
def served(croft):
    """A controller that answers operators, and a home elsewhere."""
    port = free_port()
    process = subprocess.Popen([BINARY, "controller", "serve", "--api", f"127.0.0.1:{port}", "--pid-file",
                                os.path.join(croft.home, "controller.pid")], env=croft.env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_until(lambda: croft.run("operator", "list").code == 0, "the controller answers")
    elsewhere = Croft()
    yield croft, elsewhere, f"https://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)
    elsewhere.close()


def log_in(croft, elsewhere, role, name, *more):
    made = croft.ok("operator", "add", name, "--role", role, "--json", *more).json
    elsewhere.run("logout")
    elsewhere.ok("login", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"] + "\n")
    return made


def test_roles_allow_what_they_say_and_the_trail_tells(served, tmp_path):
    croft, elsewhere, url = served
    farm = Farm()
    try:
        account = farm.account("operators")
        keys = {"AWS_ACCESS_KEY_ID": account["accessKey"], "AWS_SECRET_ACCESS_KEY": account["secretKey"]}
        file = tmp_path / "remote.sf"
        file.write_text(APP)
        log_in(croft, elsewhere, "read", "rita")
        assert elsewhere.ok("status", "--json").json["applications"] == []
        refused = elsewhere.run("up", file, "--farm", farm.url, env=keys)
        assert refused.code == 1 and "rita may read, and this takes the role operate" in refused.err
        log_in(croft, elsewhere, "operate", "otto")
        elsewhere.ok("up", file, "--farm", farm.url, env=keys)
        s3 = client("s3", farm.url, account["accessKey"], account["secretKey"])
        assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["operators-one"]
        assert elsewhere.ok("status", "remote", "--json").json["phase"] == "running"
        assert elsewhere.ok("history", "remote", "--json").json["history"][0]["by"] == "otto"
        secret = elsewhere.run("secret", "set", "x", stdin="value")
        assert secret.code == 1 and "takes the role own" in secret.err
        assert elsewhere.run("operator", "list").code == 1
        assert elsewhere.ok("down", "remote", "--json").json["left"] == []
        log_in(croft, elsewhere, "own", "olga")
        trail = elsewhere.ok("operator", "trail", "--json").json["trail"]
        told = {(e["by"], e["method"], e["target"].split("?")[0], e.get("refused", False)) for e in trail}
        assert ("rita", "POST", "/v1/applications", True) in told and ("otto", "POST", "/v1/applications", False) in told
        assert ("otto", "DELETE", "/v1/applications/remote", False) in told
        log_in(croft, elsewhere, "read", "rosa")
        following = elsewhere.start("events", "remote", "-f", stdin=subprocess.DEVNULL)
        assert following.stdout.readline()
        croft.ok("operator", "rm", "rosa")
        assert following.wait(20) != 0, "whose token is gone follows no longer"
        following.communicate()
        log_in(croft, elsewhere, "own", "orla")
        elsewhere.ok("operator", "rm", "otto")
        elsewhere.ok("operator", "rm", "orla")
        assert sorted(o["name"] for o in croft.ok("operator", "list", "--json").json["operators"]) == ["olga", "rita"]
    finally:
        farm.close()


def test_what_is_no_token_of_this_controller_opens_nothing(served):
    croft, elsewhere, url = served
    made = croft.ok("operator", "add", "rita", "--json").json
    wrong = elsewhere.run("login", url, "--fingerprint", made["fingerprint"], stdin="rita." + "0" * 64)
    assert wrong.code == 1 and "not one of this controller's" in wrong.err
    assert not os.path.exists(os.path.join(elsewhere.home, "login.json"))
    pin = elsewhere.run("login", url, "--fingerprint", "0" * 64, stdin=made["token"])
    assert pin.code == 1 and "certificate" in pin.err, pin.err
    assert elsewhere.run("login", "http://127.0.0.1:1", "--fingerprint", "0" * 64, stdin="x").code == 64
    elsewhere.ok("login", url, "--fingerprint", made["fingerprint"], stdin=made["token"])
    kept = os.path.join(elsewhere.home, "login.json")
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    looks = elsewhere.run("exec", "app:web", "--", "true", limit=20)
    assert looks.code == 1 and "takes the role operate" in looks.err, looks
    for verb in (("stop",), ("controller", "serve")):
        refused = elsewhere.run(*verb)
        assert refused.code == 1 and "logged in to another" in refused.err, refused
    again = croft.run("operator", "add", "rita")
    assert again.code == 1 and "there is an operator 'rita'" in again.err
    croft.ok("operator", "rm", "rita")
    gone = elsewhere.run("status")
    assert gone.code == 1 and "not one of this controller's" in gone.err
    short = croft.ok("operator", "add", "short", "--lasts", "1ms", "--json").json
    over = elsewhere.run("login", url, "--fingerprint", short["fingerprint"], stdin=short["token"])
    assert over.code == 1 and "is over since" in over.err
    os.chmod(kept, 0o644)
    assert "may be read by others" in elsewhere.run("status").err
    elsewhere.ok("logout")
    assert elsewhere.run("status").code in (0, 3)
    # The token is in no file of the controller's home.
    found = subprocess.run(["grep", "-rlaF", made["token"].split(".")[1], croft.home], capture_output=True, text=True)
    assert found.stdout == ""


def test_the_port_of_operators_answers_nothing_without_a_token(served):
    croft, _, url = served
    context = ssl._create_unverified_context()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + "/v1/health", timeout=5, context=context)
    assert refused.value.code == 401 and "a token is needed" in json.load(refused.value)["error"]["what"]
    with pytest.raises(OSError):
        urllib.request.urlopen(url.replace("https", "http") + "/v1/health", timeout=5)
