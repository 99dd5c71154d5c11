"""All that a controller knows, in one file, and in another home."""
import os
import shutil
import stat

from support.clients import client
from support.croft import Croft, Farm

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
sfConfig extends Compound {
  one extends TransientS3Bucket { bucket "backup-one"; }
}
'''


def test_a_backup_goes_on_in_another_home(croft, tmp_path):
    farm = Farm()
    other = Croft()
    try:
        account = farm.account("backup")
        keys = {"AWS_ACCESS_KEY_ID": account["accessKey"], "AWS_SECRET_ACCESS_KEY": account["secretKey"]}
        file = tmp_path / "remote.sf"
        file.write_text(APP)
        croft.ok("up", file, "--farm", farm.url, env=keys)
        croft.ok("secret", "set", "shop/password", stdin="backup-canary-1")
        saved = tmp_path / "croft.backup"
        croft.ok("controller", "backup", saved)
        assert stat.S_IMODE(os.stat(saved).st_mode) == 0o600 and b"backup-canary-1" not in saved.read_bytes()
        croft.ok("stop")
        shutil.rmtree(os.path.join(croft.home, "controller"))
        cut = tmp_path / "cut.backup"
        cut.write_bytes(saved.read_bytes()[:-40])
        refused = other.run("controller", "restore", cut)
        assert refused.code == 1 and "no whole backup" in refused.err
        other.ok("controller", "restore", saved)
        again = other.run("controller", "restore", saved)
        assert again.code == 1 and "has had a controller" in again.err
        assert other.ok("down", "remote", "--json").json["left"] == []
        assert other.ok("secret", "list", "--json").json["secrets"][0]["name"] == "shop/password"
        assert client("s3", farm.url, account["accessKey"], account["secretKey"]).list_buckets()["Buckets"] == []
    finally:
        other.close()
        farm.close()
