"""Commands and a controller whose disk is full: what cannot be kept is refused with a word and nothing is half done."""
import os
import subprocess
import tempfile

import pytest

from support.croft import Farm, wait_until

TEXT = '''#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
sfConfig extends Compound {
  web extends ImageInstance { imageID "ami-0c40f700000000001"; }
  store extends TransientS3Bucket { bucket "full-%s"; }
}
'''


class Small:
    """A home on a disk of its own, of 200 MiB."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="croft-small-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "croft-small", self.place], check=True)
        self.home = os.path.join(self.place, "home")
        os.mkdir(self.home)

    def fill(self):
        with open(os.path.join(self.place, "filler"), "wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        os.unlink(os.path.join(self.place, "filler"))

    def close(self):
        subprocess.run(["umount", "-l", self.place], check=False)
        os.rmdir(self.place)


@pytest.fixture
def place():
    small = Small()
    yield small
    small.close()


@pytest.fixture
def farm():
    one = Farm()
    yield one
    one.close()


@pytest.fixture
def croft(place, farm):
    one = farm.home()
    os.rmdir(one.home)
    one.home = place.home
    one.env["CROFT_HOME"] = place.home
    yield one
    one.close()


def test_nothing_is_lost_and_nothing_left(croft, place, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(TEXT % "one")
    croft.ok("up", file)
    place.fill()
    # What only reads works.
    assert croft.ok("status", "app", "--json").json["phase"] == "running"
    croft.ok("events", "app")
    croft.ok("history", "app")
    # What has to be kept is refused, and says why.
    file.write_text(TEXT % "two")
    for refused in (croft.run("up", file), croft.run("secret", "set", "a", stdin="b" * 60_000)):
        assert refused.code == 1 and ("full" in refused.err or "space" in refused.err), refused
    saved = os.path.join(place.place, "app.plan")
    written = croft.run("plan", file, "-o", saved)
    assert written.code == 1 and saved in written.err and not os.path.exists(saved), written
    assert [name for name in os.listdir(place.place) if "tmp" in name] == []
    # The application is as it was.
    status = croft.ok("status", "app", "--json").json
    assert status["phase"] == "running" and "full-one" in str(status) and "full-two" not in str(status)
    place.free()
    wait_until(lambda: croft.run("up", file).code == 0, "there is room again")
    assert "full-two" in str(croft.ok("status", "app", "--json").json)
    place.fill()
    refused = croft.run("down", "app")
    assert refused.code == 1 and "free some space" in refused.err, refused
    assert croft.ok("status", "app", "--json").json["phase"] == "running"
    place.free()
    assert croft.ok("down", "app", "--json").json["left"] == []
