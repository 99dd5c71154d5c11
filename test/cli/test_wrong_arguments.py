"""Values that an option does not take: exit code 64, before anything is started."""
import pathlib

import pytest

from support.croft import TALK

SECRETIVE = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
sfConfig extends Compound { a extends ImageInstance { id "AKX2"; key "Very\\"Secret"; imageID 5; } }
'''


@pytest.mark.parametrize("args", [
    ("up", TALK, "--lifetime", "-5s"), ("up", TALK, "--lifetime", "0s"), ("up", TALK, "--lifetime", "soon"),
    ("up", TALK, "--max-instances", "many"), ("up", TALK, "--name", ""), ("down", ""), ("nonsense",),
    ("events", "talk", "--until", "BOGUS"), ("events", "talk", "--from", "x"),
])
def test_exit_code_64_and_nothing_started(croft, args):
    croft.home += "/not-yet"
    croft.env["CROFT_HOME"] = croft.home
    told = croft.run(*args)
    assert told.code == 64 and told.err, told
    told = croft.run(*args, "--json")
    assert told.code == 64 and told.json["error"]["what"], told
    assert not pathlib.Path(croft.home).exists()


def test_down_of_a_home_where_nothing_ever_ran(croft):
    croft.home += "/not-yet"
    croft.env["CROFT_HOME"] = croft.home
    told = croft.run("down", "talk")
    assert told.code == 1 and "nothing has ever run under" in told.err
    assert not pathlib.Path(croft.home).exists()


def test_a_home_that_cannot_be_made(croft):
    croft.env["CROFT_HOME"] = "/proc/nowhere"
    told = croft.run("up", TALK)
    assert told.code == 1 and "/proc/nowhere" in told.err and "make the folder" in told.err


def test_a_folder_that_is_no_farm_is_not_destroyed(croft, tmp_path):
    (tmp_path / "precious").write_text("x")
    told = croft.run("farm", "destroy", "--data", tmp_path)
    assert told.code == 1 and f"no farm in {tmp_path}" in told.err
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize("flags", [(), ("--json",)])
@pytest.mark.parametrize("text", [SECRETIVE, SECRETIVE.replace("imageID 5", "imageID 5; broken extends Nobody {}"),
                                  SECRETIVE.replace("imageID 5;", "imageID 5 5;")])
def test_check_shows_no_secret(croft, tmp_path, text, flags):
    file = tmp_path / "leak.sf"
    file.write_text(text)
    told = croft.run("check", file, *flags)
    assert told.code == 1
    assert "Secret" not in told.out + told.err and "AKX2" in told.out + told.err, told


def test_a_bucket_name_is_checked_before_anything_starts(croft, tmp_path):
    file = tmp_path / "name.sf"
    file.write_text('''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
sfConfig extends Compound { b extends TransientS3Bucket { bucket "x"; } }
''')
    told = croft.run("check", file)
    assert told.code == 1 and "'x' cannot be a bucket's name" in told.err
