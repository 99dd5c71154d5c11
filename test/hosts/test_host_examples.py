"""The examples of hosts that need nothing from outside: up, everything ready, down, nothing left. fleet.sf and members.sf fetch
programs that are somebody's own; what they are made of runs in test_hosts.py and test/apps."""
import pytest

from support.croft import ROOT


@pytest.mark.parametrize("name", ["probes", "service", "site"])
def test_an_example_of_hosts_runs(croft, name):
    croft.ok("up", ROOT / f"examples/hosts/{name}.sf", env={"DB_PASSWORD": "of-the-example-71c0"}, limit=120)
    works = [work for host in croft.ok("hosts", name, "--json").json["hosts"] for work in host["works"] if work.get("pid")]
    assert works and all(work["phase"] == "ready" and work["restarts"] == 0 for work in works), works
    proof = croft.ok("down", name, "--json", limit=100).json
    assert proof["left"] == [] and proof["rented"]
