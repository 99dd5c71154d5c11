"""Supervised in the real controller: a crash loop is seen in status and events, and outlives the controller."""
from support.croft import wait_until

TEXT = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/assertions/components.sf"
#include "/org/smartfrog/sfcore/workflow/components.sf"
sfConfig extends Compound {
  keeper extends Supervised {
    maxRestarts 2; backoff ["10ms", "60s"]; then "KEEP_TRYING";
    bad extends %s
    good extends DoNothing;
  }
}
'''
FAILS = 'Fail { delay 10; message "no luck"; }'
TOLD = "crash loop: bad ended 3 times within 10 min: no luck"


def test_a_crash_loop_is_told_and_an_update_mends_it(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(TEXT % FAILS)
    croft.ok("up", file)
    wait_until(lambda: TOLD in croft.ok("status", "app").out, "status to tell of the crash loop")
    events = croft.ok("events", "app", "--json").out
    assert events.count('"event":"RESTARTING"') == 3 and events.count('"event":"CRASH_LOOP"') == 1, events
    before = croft.ok("status", "app", "--json").out
    croft.kill("controller")
    croft.ok("up", file)
    wait_until(lambda: "crash loop: bad ended 3 times" in croft.ok("status", "app").out, "the same after a kill")
    assert croft.ok("events", "app", "--json").out.count('"event":"CRASH_LOOP"') == 1, before
    file.write_text(TEXT % "DoNothing;")
    croft.ok("up", file)
    status = croft.ok("status", "app").out
    assert "crash loop" not in status and status.count("running") >= 4, status
    assert "nothing left" in croft.ok("down", "app").out
