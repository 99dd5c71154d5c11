"""Secrets that the controller keeps: encrypted, by name, and found in nothing that croft writes."""
import pathlib

CANARY = "canary-7d1f0c9e-4b"
TEXT = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/passwords/components.sf"
sfConfig extends Compound {
  check extends PasswordChecker { passwordProvider LAZY PARENT:db; pattern "canary-[0-9a-f-]+"; minimumSize 18;
    maximumSize 18; }
  db extends Secret { from "STORE"; name "shop/db"; }
}
'''


def set_secret(croft, name, value):
    return croft.run("secret", "set", name, "--json", stdin=value)


def test_a_stored_secret_is_used_and_nowhere_to_be_seen(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(TEXT)
    missing = croft.run("up", file)
    assert missing.code == 1 and "no secret 'shop/db' is stored" in missing.err, missing
    croft.ok("down", "app")
    stored = set_secret(croft, "shop/db", CANARY + "\n")
    assert stored.code == 0, stored
    croft.ok("up", file)
    listed = croft.ok("secret", "list", "--json").json["secrets"]
    assert [each["name"] for each in listed] == ["shop/db"]
    seen = [croft.ok(*words).out for words in (("status", "app", "--json"), ("events", "app", "--json"), ("secret", "list"))]
    assert CANARY not in "".join(seen) + stored.out + stored.err
    # In no file of the home: database, log, keys, whatever stands there.
    home = pathlib.Path(croft.home)
    files = [path for place in (home.glob("*"), home.joinpath("controller").rglob("*"), home.joinpath("farm").glob("*"))
             for path in place if path.is_file()]
    assert len(files) > 4
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    # Another controller of the same home has it, too.
    croft.ok("stop")
    croft.ok("up", file)
    croft.ok("secret", "rm", "shop/db")
    again = croft.run("secret", "rm", "shop/db")
    assert again.code == 1 and "no secret 'shop/db' is stored" in again.err
    croft.ok("down", "app")


def test_what_is_no_secret_is_refused(croft):
    assert "is empty" in set_secret(croft, "a", "\n").out
    assert set_secret(croft, "a", "x" * 70000).code == 64
    assert "is no name of a secret" in set_secret(croft, "a b", "x").out
    assert croft.ok("secret", "list", "--json").json["secrets"] == []


def test_a_password_that_a_message_repeats_is_masked(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text('''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/passwords/components.sf"
#include "/org/smartfrog/services/utils/components.sf"
sfConfig extends Compound {
  inline extends InlinePassword { password "%s"; }
  said extends Echo { message LAZY PARENT:inline:password; }
}
''' % CANARY)
    croft.ok("up", file)
    events = croft.ok("events", "app").out
    assert "***" in events and CANARY not in events

