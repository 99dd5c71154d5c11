"""The examples: each is right, and each that needs nothing from outside really runs."""
import json
import re
import subprocess

import pytest

from support.croft import BINARY, ROOT, clean_environment

# The others are parts that these include.
EXAMPLES = sorted(path for path in ROOT.glob("examples/**/*.sf") if "\nsfConfig " in path.read_text())
# What the command lines in the examples' first lines give.
PROPERTIES = {"demo.id": "AKIDDEMO", "demo.key": "a secret of the demo", "demo.password": "correct horse",
              "war": "notes.war", "s3": "http://127.0.0.1:1", "tasks": "tasks", "hadoop": "hadoop.tar.gz",
              "secret.file": "secret"}


def croft(*arguments, timeout=150):
    given = [option for name, value in PROPERTIES.items() for option in ("-D", f"{name}={value}")]
    return subprocess.run([BINARY, *map(str, arguments), *given], capture_output=True, text=True, timeout=timeout,
                          env=clean_environment())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_an_example_has_no_mistake(example):
    result = croft("check", example)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_examples_of_components_do_what_they_say(tmp_path):
    junit = tmp_path / "junit.xml"
    result = croft("test", "--allow-shell", "--junit", junit, "--json", ROOT / "examples/components")
    document = json.loads(result.stdout)
    failed = [(test["name"], test["why"]) for test in document["tests"] if test["outcome"] == "failed"]
    assert not failed and result.returncode == 0, failed
    # Those that a condition keeps from running: a JDK, a machine to log in at, and the example of just that.
    skipped = sorted(test["name"] for test in document["tests"] if test["outcome"] == "skipped")
    assert skipped == ["java", "logins:both", "logins:keys", "logins:passwords", "ssh", "tests:skipped"]
    families = {test["file"].rsplit("/", 1)[1] for test in document["tests"]}
    assert families == {path.name for path in (ROOT / "examples/components").glob("*.sf")}


def test_every_type_of_the_library_has_an_example():
    types = json.loads(croft("doc", "--json").stdout)["types"]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in ROOT.glob("examples/**/*.sf"))))
    assert len(types) > 400 and not sorted(each["name"] for each in types if each["name"] not in words)
