"""Ctrl-C of `croft up`: once it detaches, twice it cancels; either way a script gets one document."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from support.croft import WAIT, Farm, wait_until

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
sfConfig extends Compound {
  bucket extends TransientS3Bucket { bucket "interrupted-bucket"; }
}
'''


@pytest.fixture
def stopped_farm(croft):
    """A farm that does not answer, which `croft` is told to use; what is given lets it go on."""
    farm = Farm()
    account = farm.account()
    croft.env.update(AWS_ENDPOINT_URL=farm.url, AWS_ACCESS_KEY_ID=account["accessKey"], AWS_SECRET_ACCESS_KEY=account["secretKey"])
    farm.process.send_signal(signal.SIGSTOP)
    try:
        yield lambda: farm.process.send_signal(signal.SIGCONT)
    finally:
        farm.process.send_signal(signal.SIGCONT)
        farm.close()


@pytest.fixture
def coming_up(croft, stopped_farm, tmp_path):
    """`croft up --json` that waits for a farm which is stopped, and what lets the farm go on."""
    path = tmp_path / "interrupted.sf"
    path.write_text(APP)
    process = croft.start("up", path, "--json", stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: croft.run("status", "interrupted", "--json").code == 0, "the application is known")
        yield process, stopped_farm
    finally:
        stopped_farm()
        process.kill()
        process.communicate()
        croft.run("down", "interrupted")


def said(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"never said: {text}")


def test_once_detaches_and_the_controller_goes_on(croft, coming_up):
    process, go_on = coming_up
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT)
    document = json.loads(out)
    assert process.returncode == 130
    assert document["interrupted"] == "detached" and document["name"] == "interrupted"
    go_on()
    wait_until(lambda: croft.ok("status", "interrupted", "--json").json["phase"] == "running", "it runs")


def test_twice_cancels_and_nothing_is_left(croft, coming_up):
    process, go_on = coming_up
    process.send_signal(signal.SIGINT)
    said(process, "detached")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert json.loads(out)["interrupted"] == "cancelled"
    go_on()
    assert croft.ok("down", "interrupted", "--json").json["left"] == []


def sockets_of(pid):
    folder = pathlib.Path(f"/proc/{pid}/fd")
    return [link for link in (os.readlink(each) for each in folder.iterdir()) if link.startswith("socket:")]


def test_before_anything_was_asked_for_it_says_so(croft, tmp_path):
    path = tmp_path / "early.sf"
    path.write_text(APP)
    controller = croft.start("controller", "serve", stdin=subprocess.DEVNULL)
    wait_until(lambda: croft.run("status").code == 0, "the controller answers")
    controller.send_signal(signal.SIGSTOP)
    try:
        process = croft.start("up", path, "--farm", "http://127.0.0.1:9", "--json", stdin=subprocess.DEVNULL)
        wait_until(lambda: sockets_of(process.pid), "it asks the controller")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
        assert process.returncode == 130 and "nothing was deployed" in err, (process.returncode, err)
        assert json.loads(out)["interrupted"] == "early"
    finally:
        controller.send_signal(signal.SIGCONT)
    assert croft.ok("status", "--json").json["applications"] == []
    controller.terminate()
    controller.communicate(timeout=WAIT)


def test_without_a_terminal_up_says_what_it_waits_for(croft, stopped_farm, tmp_path):
    path = tmp_path / "waiting.sf"
    path.write_text(APP)
    process = croft.start("up", path, stdin=subprocess.DEVNULL)
    try:
        said(process, "0 of 2 components running")
        said(process, "waiting:bucket: ")
        stopped_farm()
        process.communicate(timeout=WAIT)
        assert process.returncode == 0
        croft.ok("down", "waiting")
    finally:
        process.kill()


def test_a_controller_that_is_stopped_meanwhile_is_told_and_goes_on_later(croft, coming_up):
    process, go_on = coming_up
    croft.ok("stop")
    out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 1 and "its controller was stopped" in out, (out, err)
    go_on()
    assert croft.run("down", "interrupted", "--json", limit=120).json["left"] == []
