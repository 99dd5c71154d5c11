"""kill -9 while a file goes up in parts: the next controller sends it again, and no part of the first try stays, paid and unseen."""
import os
import pathlib

import pytest

from support.clients import client
from support.croft import Croft

KEYS = ("AKIDPART", "secret-of-part-1")
APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
farm extends EmbeddedFarm { accounts extends { me extends Account { id "AKIDPART"; key "secret-of-part-1"; } } }
sfConfig extends Compound {
  store extends PersistentS3Bucket { bucket "part-store"; username "AKIDPART"; password "secret-of-part-1"; }
  file extends PutS3File { bucket "part-store"; name "large"; username "AKIDPART"; password "secret-of-part-1";
    datasource extends FileDataSource { filename "%s"; } dependsOn [LAZY PARENT:store]; }
}
'''
EACH = 1 if os.environ.get("CROFT_LONG_TESTS") else 2


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "large.bin"
    path.write_bytes(os.urandom(1 << 20) * 18)
    return path


def up(croft, large, **env):
    file = large.parent / "part.sf"
    file.write_text(APP % large)
    return croft.run("up", file, "--allow-files", large.parent, "--json", env=env, limit=120)


def test_no_part_stays_wherever_the_controller_dies(large, tmp_path):
    measured = Croft()
    try:
        log = tmp_path / "points"
        assert up(measured, large, CROFT_CRASH_LOG=str(log)).code == 0
        names = [line.split("\t")[-1] for line in log.read_text().splitlines()]
    finally:
        measured.close()
    first = next(i for i, name in enumerate(names) if "part-store/large" in name)
    last = max(i for i, name in enumerate(names) if "part-store/large" in name)
    assert last - first >= 3, names[first:last + 1]
    tried = 0
    for at in range(first + 1, last + 3, EACH):
        croft = Croft()
        try:
            up(croft, large, CROFT_CRASH_AT=str(at))
            again = up(croft, large)
            assert again.code == 0, (at, again)
            s3 = client("s3", again.json["farm"]["url"], *KEYS)
            assert "Uploads" not in s3.list_multipart_uploads(Bucket="part-store"), (at, names[at - 1])
            assert s3.head_object(Bucket="part-store", Key="large")["ContentLength"] == large.stat().st_size
            tried += 1
        finally:
            croft.close()
    assert tried >= 2
