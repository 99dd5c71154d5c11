"""A machine whose image lacks the software says so, with the command that installs it."""
TEXT = """#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/web.sf"
sfConfig extends Compound {
  machine extends ImageInstance { imageID "ami-0c40f700000000001"; }
  prepared extends Prepared {
    sfProcessHost LAZY machine;
    program "/usr/sbin/no-such-server";
    package "no-such-package";
  }
}
"""


def test_what_is_missing_is_told_with_the_command_that_installs_it(croft, tmp_path):
    (tmp_path / "app.sf").write_text(TEXT)
    outcome = croft.run("up", tmp_path / "app.sf", limit=120)
    assert outcome.code != 0
    assert "/usr/sbin/no-such-server is missing" in outcome.err
    assert "apt-get install --no-install-recommends no-such-package" in outcome.err
