"""Components on a real machine: links out of the work folder, modes, large uploads, changes in place."""
import http.server
import os
import pathlib
import stat
import threading
import urllib.request

from support.clients import client
from support.croft import wait_until

FILES = '#include "/org/smartfrog/services/filesystem/components.sf"\n'
S3 = """
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
farm extends EmbeddedFarm { accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; } } }
"""
KEYS = 'username "AKIDME"; password "secret-of-me-0001";'


def work_folder(croft, application="app"):
    folder = pathlib.Path(croft.home, "work", application)
    folder.mkdir(parents=True)
    return folder


def up(croft, tmp_path, text, *options):
    file = tmp_path / "app.sf"
    file.write_text(text)
    return croft.run("up", file, "--name", "app", *options)


def test_a_link_does_not_lead_out_of_the_work_folder(croft, tmp_path):
    work = work_folder(croft)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (work / "out").symlink_to(outside)
    (work / "file").symlink_to(outside / "secret.txt")
    (work / "nothing").symlink_to(outside / "new.txt")
    for component in ('TextFile { filename "out/new.txt"; text "x"; }',
                      'TextFile { filename "nothing"; text "x"; }',
                      'Mkdir { dir "out/folder"; }',
                      'File { filename "file"; mustExist true; testOnStartup true; }'):
        outcome = up(croft, tmp_path, FILES + "sfConfig extends Compound { a extends " + component + " }")
        assert outcome.code != 0, outcome
        assert "leads out of" in outcome.err + outcome.out, outcome
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    # A link that stays inside is followed, and a folder that the operator opens is open.
    (work / "data").mkdir()
    (work / "in").symlink_to("data")
    text = FILES + 'sfConfig extends Compound {{ a extends TextFile {{ filename "{}"; text "x"; }} }}'
    assert up(croft, tmp_path, text.format("in/a.txt")).code == 0
    assert (work / "data" / "a.txt").read_text() == "x"
    assert up(croft, tmp_path, text.format(outside / "b.txt"), "--allow-files", outside).code == 0
    assert (outside / "b.txt").read_text() == "x"


def test_modes_of_files(croft, tmp_path):
    work = work_folder(croft)
    for path in (work / "d" / "e", work / "f"):
        path.mkdir(parents=True)
    (work / "d" / "e" / "x").write_text("")
    (work / "d" / "link").symlink_to("/etc/passwd")
    before = os.stat("/etc/passwd").st_mode
    text = FILES + """
sfConfig extends Compound {
  all extends Chmod { file "d"; octalCode "750"; recursively true; sfShouldTerminate false; }
  one extends Chmod { file "f"; userPermissions "+r-w"; othersPermissions "-rwx"; sfShouldTerminate false; }
}
"""
    (work / "f").chmod(0o707)
    outcome = up(croft, tmp_path, text)
    assert outcome.code == 0, outcome
    for path in (work / "d", work / "d" / "e", work / "d" / "e" / "x"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o750, path
    assert stat.S_IMODE((work / "f").stat().st_mode) == 0o500
    assert os.stat("/etc/passwd").st_mode == before


def test_when_a_file_was_changed(croft, tmp_path):
    work = work_folder(croft)
    text = FILES + 'sfConfig extends Compound { t extends TouchFile { filename "t"; timestamp 100000L; } }'
    assert up(croft, tmp_path, text).code == 0
    assert (work / "t").stat().st_mtime == 100


def test_a_large_file_goes_up_in_parts(croft, tmp_path):
    data = os.urandom(1 << 20) * 17 + b"the end"
    (work_folder(croft) / "large.bin").write_bytes(data)
    text = S3 + f"""
sfConfig extends Compound {{
  bucket extends TransientS3Bucket {{ bucket "parts-bucket"; {KEYS} }}
  file extends PutS3File {{
    bucket "parts-bucket"; name "large"; {KEYS}
    datasource extends FileDataSource {{ filename "large.bin"; contentType "video/mp4"; }}
    headers [S3_PUBLIC_READ_HEADER];
    dependsOn [LAZY PARENT:bucket];
  }}
}}
"""
    outcome = up(croft, tmp_path, text, "--json")
    assert outcome.code == 0, outcome
    s3 = client("s3", outcome.json["farm"]["url"], "AKIDME", "secret-of-me-0001")
    got = s3.get_object(Bucket="parts-bucket", Key="large")
    assert got["ETag"].strip('"').endswith("-3"), got["ETag"]
    assert got["Body"].read() == data and got["ContentType"] == "video/mp4"
    with urllib.request.urlopen(outcome.json["farm"]["url"] + "/parts-bucket/large", timeout=20) as public:
        assert len(public.read()) == len(data)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="parts-bucket")
    assert croft.ok("down", "app", "--json").json["left"] == []


def test_bodies_come_from_the_work_folder_only(croft, tmp_path):
    text = S3 + f"""
sfConfig extends PutS3File {{
  bucket "b"; name "passwords"; {KEYS} datasource extends FileDataSource {{ filename "/etc/passwd"; }}
}}
"""
    outcome = up(croft, tmp_path, text)
    assert outcome.code != 0
    assert "outside the work folder" in outcome.err + outcome.out
    assert "--allow-files /etc" in outcome.err + outcome.out


UPDATABLE = FILES + """
sfConfig extends Compound {
  page extends TextFile { filename "page"; text "%s"; sfUpdatable true; }
  guard extends ExceptionThrower { sfUpdatable true; failOnUpdate %s; message "not now"; }
}
#include "/org/smartfrog/services/assertions/components.sf"
"""


def test_changes_in_place_all_or_nothing(croft, tmp_path):
    work = work_folder(croft)
    assert up(croft, tmp_path, UPDATABLE % ("one", "false")).code == 0
    assert (work / "page").read_text() == "one"
    refused = up(croft, tmp_path, UPDATABLE % ("two", "true"))
    assert refused.code != 0
    assert "not now" in refused.err and "nothing was changed" in refused.err, refused
    assert (work / "page").read_text() == "one"
    assert croft.ok("status", "app", "--json").json["state"] == "running"
    assert up(croft, tmp_path, UPDATABLE % ("three", "false")).code == 0
    assert (work / "page").read_text() == "three"
    events = [event for event in croft.ok("events", "app", "--json").lines()]
    assert [e["component"] for e in events if e["event"] == "UPDATED"] == ["app:page"]
    assert not [e for e in events if e["event"] == "TERMINATED"]


def test_a_workflow_that_is_done_is_no_failure(croft, tmp_path):
    outcome = up(croft, tmp_path, """
#include "/org/smartfrog/sfcore/workflow/components.sf"
sfConfig extends Sequence { a extends DoNothing { time 1; message "all is well"; } }
""")
    # Whether it had ended when `up` looked is a matter of moments; that it came up is not.
    assert outcome.code == 0, outcome
    assert "'app' has ended normally: all is well" in outcome.out or "'app' runs" in outcome.out, outcome


def test_an_object_without_a_name_is_no_bucket(croft, tmp_path):
    outcome = up(croft, tmp_path, S3 + f'sfConfig extends DeleteS3File {{ bucket "some-bucket"; name ""; {KEYS} }}')
    assert outcome.code != 0
    assert "name is empty" in outcome.err + outcome.out


SEQUENCE = """
#include "/org/smartfrog/services/assertions/components.sf"
sfConfig extends Compound {
  h extends History {}
  s extends Sequence {
    a extends HistoryEvent { history LAZY ROOT:sfConfig:h; message "a"; }
    wait extends Delay { time 2000; }
    b extends HistoryEvent { history LAZY ROOT:sfConfig:h; message "b"; }
    check extends HistoryAssert { history LAZY ROOT:sfConfig:h; messages ["a", "b"]; }
    stay extends DoNothing {}
  }
}
"""


def test_a_sequence_goes_on_at_its_step_after_a_kill(croft, tmp_path):
    assert up(croft, tmp_path, SEQUENCE).code == 0
    wait_until(lambda: '"app:s:wait"' in croft.run("events", "app", "--json").out, "the second step has begun")
    croft.kill("controller")
    assert up(croft, tmp_path, SEQUENCE).code == 0
    wait_until(lambda: '"app:s:stay"' in croft.run("events", "app", "--json").out, "the last step has begun")
    status = croft.ok("status", "app", "--json").json
    assert status["state"] == "running", status


class Store(http.server.BaseHTTPRequestHandler):
    """Answers everything, and keeps what it was asked."""
    seen = []

    def do_GET(self):
        self.seen.append((self.path, self.headers.get("Authorization", "").split(",")[0], self.headers.get("Host")))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


def test_a_url_is_where_signed_requests_go(croft, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"127.0.0.1:{server.server_port}"
    outcome = up(croft, tmp_path, S3 + f"""
sfConfig extends Compound {{
  plain extends RemoteResource {{ url "http://{here}/some/key?a=1"; startActions [GET_ACTION]; authorization "HTTP_AWS"; {KEYS} }}
  object extends GetS3File {{ url "http://{here}/bucket/a%20b"; bucket "other"; name "c"; {KEYS} }}
}}
""")
    server.shutdown()
    server.server_close()
    assert outcome.code == 0, outcome
    assert {path for path, _, host in Store.seen if host == here} == {"/some/key?a=1", "/bucket/a%20b"}
    assert all(signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDME/") for _, signed, _ in Store.seen), Store.seen


def test_an_object_of_any_size_is_got(croft, tmp_path):
    with open(work_folder(croft) / "large.bin", "wb") as file:
        file.truncate(66 << 20)
    outcome = up(croft, tmp_path, S3 + f"""
sfConfig extends Compound {{
  bucket extends TransientS3Bucket {{ bucket "demo-large"; {KEYS} }}
  put extends PutS3File {{ bucket "demo-large"; name "x"; {KEYS} datasource extends FileDataSource {{ filename "large.bin"; }} }}
  get extends GetS3File {{ bucket "demo-large"; name "x"; {KEYS} }}
}}
""", "-q")
    assert outcome.code == 0, outcome
    # In the order of the text, although nothing links them.
    events = [line for line in croft.ok("events", "app", "--json").lines() if line["event"] == "RUNNING"]
    order = [line["component"] for line in events]
    assert order.index("app:bucket") < order.index("app:put") < order.index("app:get"), order
    assert croft.ok("down", "app").code == 0


def test_what_cannot_be_deployed_is_refused_by_check(croft, tmp_path):
    nested = "sfConfig " + "extends Compound { a " * 230 + "1;" + " }" * 230 + "\n"
    for text, says in (('sfConfig extends Compound { "a:b" extends Compound; }', "stands between names"),
                       (f'sfConfig extends Compound {{ "{"n" * 4000}" extends Compound; }}', "at most 3072"),
                       (nested, "more than 200 components")):
        file = tmp_path / "wrong.sf"
        file.write_text('#include "/org/smartfrog/components.sf"\n' + text + "\n")
        outcome = croft.run("check", file)
        assert outcome.code != 0 and says in outcome.err + outcome.out, outcome
        assert "wrong.sf:" in outcome.err + outcome.out, "the place is said"


def test_properties_and_variables_are_read_where_they_are_needed(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(FILES + """
sfConfig extends Compound {
  a extends TextFile { filename "a"; text LAZY PROPERTY colour; }
  b extends TextFile { filename "b"; text ("hello " ++ LAZY ENVPROPERTY GREETED); }
  c extends TextFile { filename "c"; text LAZY OPTIONAL("none") PROPERTY absent; }
  d extends File { parent LAZY PROPERTY user.home; filename "."; mustBeDir true; testOnStartup true; }
}
""")
    outcome = croft.run("up", file, "--name", "app", "-D", "colour=blue", env={"GREETED": "frog"})
    assert outcome.code == 0, outcome
    work = pathlib.Path(croft.home, "work", "app")
    assert [(work / name).read_text() for name in "abc"] == ["blue", "hello frog", "none"]
