"""croft resolve and check: parameters, environments, folders, S3, explanations, YAML; the text of what check says."""
import json
import os
import pathlib
import re

import pytest
import yaml

from support.clients import client
from support.croft import ROOT

APP = '''#include "/org/smartfrog/components.sf"
port 80;
environments extends Environments {
  dev extends { port 8080; }
  prod extends { port 443; sfConfig:web:tls true; }
}
Server extends Prim { host "localhost"; url ("http://" ++ host ++ ":" ++ port); }
sfConfig extends Compound {
  web extends Server { tls false; }
  list [1, "a"];
}
'''


@pytest.fixture
def app(tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(APP)
    return file


def resolved(croft, *arguments, env=None):
    return json.loads(croft.ok("resolve", *arguments, "--json", env=env).out)


def test_values_come_from_environment_file_and_command_line_in_this_order(croft, app, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("port: 1000\nsfConfig:\n  web:\n    host: from-yaml\n")
    other = tmp_path / "values.json"
    other.write_text('{"sfConfig": {"web": {"host": "from-json"}}}')
    assert resolved(croft, app)["web"]["url"] == "http://localhost:80"
    assert resolved(croft, app, "--environment", "prod")["web"]["url"] == "http://localhost:443"
    assert resolved(croft, app, env={"CROFT_ENVIRONMENT": "prod"})["web"]["tls"] is True
    assert resolved(croft, app, "--environment", "dev", "--values", values)["web"]["url"] == "http://from-yaml:1000"
    everything = ["--environment", "dev", "--values", values, "--values", other, "--set", "sfConfig:web:tls=true", "--set", "port=7"]
    assert resolved(croft, app, *everything)["web"] == {
        "sfClass": "croft.Prim", "host": "from-json", "url": "http://from-json:7", "tls": True}


def test_check_and_plan_take_the_same_parameters(croft, app):
    assert croft.run("check", app, "--set", "sfConfig:web:sfLivenessDelay=many").code == 1
    assert croft.run("check", app, "--set", "sfConfig:web:sfLivenessDelay=5").code == 0
    refused = croft.run("plan", app, "--environment", "pord")
    assert refused.code == 1 and "did you mean 'prod'?" in refused.err, refused


def test_a_slip_in_a_parameter_has_its_place(croft, app, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("sfConfig:\n  wob:\n    host: x\n")
    outcome = croft.run("resolve", app, "--values", values)
    assert outcome.code == 1
    assert f"{values}:3:5: error: 'sfConfig:wob:host' cannot be placed" in outcome.err, outcome
    assert "did you mean 'web'?" in outcome.err
    outcome = croft.run("resolve", app, "--set", "prot=1")
    assert "--set:1:1: error: there is no 'prot'" in outcome.err and "did you mean 'port'?" in outcome.err, outcome


def test_yaml_and_json_say_the_same(croft, app):
    assert yaml.safe_load(croft.ok("resolve", app, "--yaml").out) == resolved(croft, app)


def test_a_value_says_where_it_comes_from(croft, app):
    text = croft.ok("resolve", app, "--explain", "web:url", "--environment", "dev").out
    place = str(app)
    assert text.splitlines()[0] == 'sfConfig:web:url = "http://localhost:8080"'
    assert f"written at {place}:7:41" in text
    assert f"inherited by 'sfConfig:web' through 'extends Server' at {place}:9:3" in text
    assert "from port = 8080" in text and f"instead of {place}:2:1" in text
    document = json.loads(croft.ok("resolve", app, "--explain", "sfConfig:web:url", "--json").out)
    assert document["value"] == '"http://localhost:80"' and [use["path"] for use in document["uses"]] == ["sfConfig:web:host", "port"]
    missing = croft.run("resolve", app, "--explain", "web:ulr")
    assert missing.code == 1 and "did you mean 'url'?" in missing.err, missing


def test_a_folder_is_its_main_description(croft, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "parts.sf").write_text("x 1;\n")
    (folder / "shop.sf").write_text('#include "parts.sf"\nsfConfig extends { a x; }\n')
    assert resolved(croft, folder) == {"a": 1}
    assert resolved(croft, str(folder) + "/") == {"a": 1}
    (folder / "main.sf").write_text("sfConfig extends { a 2; }\n")
    assert resolved(croft, folder) == {"a": 2}
    for name in ("main.sf", "shop.sf"):
        (folder / name).unlink()
    (folder / "other.sf").write_text("sfConfig extends {}\n")
    outcome = croft.run("resolve", folder)
    assert outcome.code == 1 and "other.sf, parts.sf" in outcome.err, outcome


def test_a_description_can_stand_in_a_bucket(croft, farm, account):
    s3 = client("s3", farm.url, account["accessKey"], account["secretKey"])
    s3.create_bucket(Bucket="descriptions")
    s3.put_object(Bucket="descriptions", Key="shop/app.sf", Body=b'#include "parts.sf"\nsfConfig extends { a x; }\n')
    s3.put_object(Bucket="descriptions", Key="shop/parts.sf", Body=b"x 5;\n")
    env = {"AWS_ENDPOINT_URL": farm.url, "AWS_ACCESS_KEY_ID": account["accessKey"], "AWS_SECRET_ACCESS_KEY": account["secretKey"]}
    assert resolved(croft, "s3://descriptions/shop/app.sf", env=env) == {"a": 5}
    assert croft.run("check", "s3://descriptions/shop/gone.sf", env=env).code == 1
    outcome = croft.run("resolve", "s3://descriptions", env=env)
    assert outcome.code == 1 and "s3://BUCKET/KEY" in outcome.err, outcome


def test_what_is_long_or_deep_resolves_up_to_the_limits(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text("sfConfig extends {\n" + "".join(f"a{i} a{i + 1};\n" for i in range(50_000)) + "a50000 7;\n}\n")
    assert resolved(croft, file)["a0"] == 7
    file.write_text("".join(f"A{i} extends A{i + 1};\n" for i in range(20_000)) + "A20000 extends { x 1; }\nsfConfig extends A0;\n")
    assert resolved(croft, file) == {"x": 1}
    for levels, code in ((490, 0), (1010, 1)):
        file.write_text("sfConfig extends {\n" + "a extends {" * levels + "}" * levels + "\n}\n")
        assert croft.run("resolve", file).code == code
        file.write_text(f"sfConfig extends {{ a {'[' * levels}1{']' * levels}; }}\n")
        assert croft.run("resolve", file).code == code


def test_a_parameter_inside_is_named_by_its_path(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text("sfConfig extends { web extends { size 1; } }\n")
    refused = croft.run("resolve", file, "--set", "size=2")
    assert refused.code == 1 and "did you mean 'sfConfig:web:size'?" in refused.err, refused
    assert resolved(croft, file, "--set", "sfConfig:web:size=2") == {"web": {"size": 2}}


def test_files_that_are_no_text(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_bytes(bytes(range(256)) * 40)
    for command in ("check", "resolve", "fmt"):
        refused = croft.run(command, file)
        assert refused.code != 0 and "this is no text" in refused.err, refused
        assert all(c >= " " or c in "\n\t" for c in refused.err), refused
    file.write_bytes(b"sfConfig extends {\n  a \x1b[31mred \x07 b;\n}\n")
    assert "\x1b" not in croft.run("check", file).err


def test_a_list_stands_in_brackets(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text('#include "/org/smartfrog/components.sf"\nsfConfig extends Compound {\n'
                    "  a extends Prim {}\n  b extends Prim { dependsOn a; }\n}\n")
    refused = croft.run("check", file)
    assert refused.code == 1 and "hint: write 'dependsOn [LAZY a];'" in refused.err, refused


CHECKS = sorted((ROOT / "test/lang/checks").glob("*.sf"))


def without_library_lines(text):
    """Where something stands in the library, and all that a type knows, may change from day to day."""
    text = re.sub(r"(lib:/[^:\n]*):\d+:\d+([^\n]*)\n +\d+ \|", r"\1\2\n  .. |", text)
    return re.sub(r"(hint: it knows \w+)[^\n]*", r"\1 ...", text)


@pytest.mark.parametrize("file", CHECKS, ids=lambda file: file.stem)
def test_what_check_says(croft, file):
    """Golden files; ACCEPT=1 writes them anew. A name with -strict is checked with --strict."""
    strict = ["--strict"] if file.stem.endswith("-strict") else []
    outcome = croft.run("check", os.path.relpath(file), *strict)
    text = without_library_lines(outcome.err.replace(os.path.relpath(file), file.name))
    golden = file.with_suffix(".err")
    if os.environ.get("ACCEPT"):
        golden.write_text(text)
    assert text == golden.read_text()
    assert outcome.code == (1 if "error: " in text else 0)


def test_every_kind_of_finding_has_its_golden():
    said = "".join(pathlib.Path(file).with_suffix(".err").read_text() for file in CHECKS)
    for words in ("needs the attribute", "must be a", "is the least", "cannot be \"",
                  "means nothing to", "has no component type", "has no sfClass", "is set by croft"):
        assert words in said, words
