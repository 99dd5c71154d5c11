"""Wrong input of every kind: exit code, place, and a message that helps."""
import http.server
import os
import socket
import threading

import pytest

from support.croft import TALK

HEAD = '#include "/org/smartfrog/components.sf"\n#include "/org/smartfrog/services/amazon/ec2/components.sf"\n#include "/org/smartfrog/services/amazon/s3/components.sf"\n'

# description, words that the message must hold
WRONG = {
    "unknown type": ('sfConfig extends Compund {}\n', [":4:18", "Compund", "did you mean 'Compound'"]),
    "reference to nothing": ('sfConfig extends Compound { a nowhere; }\n', [":4:", "nowhere"]),
    "cycle of types": ('A extends B;\nB extends A;\nsfConfig extends A;\n', ["A", "B", "cycl"]),
    "cycle of values": ('sfConfig extends Compound { a b; b a; }\n', ["cycl"]),
    "syntax error": ('sfConfig extends Compound { a = 1; }\n', [":4:31", "^"]),
    "unclosed body": ('sfConfig extends Compound { a 1;\n', ["}"]),
    "missing attribute": ('sfConfig extends ImageInstance { id "a"; key "b"; }\n', ["imageID"]),
    "wrong type": ('sfConfig extends ImageInstance { id "a"; key "b"; imageID 5; }\n', ["imageID", "string"]),
    "wrong count": ('sfConfig extends ImageInstance { id "a"; key "b"; imageID "ami-1"; minCount 5; maxCount 2; }\n', ["minCount", "maxCount"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_refuses(croft, tmp_path, name):
    text, words = WRONG[name]
    file = tmp_path / "app.sf"
    file.write_text(HEAD + text)
    outcome = croft.run("check", file)
    assert outcome.code == 1, outcome
    for word in words:
        assert word in outcome.err, outcome
    # `up` says the same and starts nothing.
    assert croft.run("up", file).code == 1
    assert croft.pid("controller") is None


def test_an_unreadable_include_names_the_chain(croft, tmp_path):
    (tmp_path / "inner.sf").write_text('#include "absent.sf"\n')
    file = tmp_path / "app.sf"
    file.write_text('#include "inner.sf"\nsfConfig extends {}\n')
    outcome = croft.run("check", file)
    assert outcome.code == 1
    for word in ("inner.sf:1:", "absent.sf", "app.sf:1:"):
        assert word in outcome.err, outcome


def test_several_errors_are_told_in_one_run(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text("a = 1;\nb extends { c ( ; }\nsfConfig extends {}\nd ] 3;\n")
    outcome = croft.run("check", file)
    assert outcome.code == 1
    assert "app.sf:1:" in outcome.err and "app.sf:4:" in outcome.err, outcome


def test_unknown_verbs_and_options_exit_64(croft):
    outcome = croft.run("upp")
    assert outcome.code == 64 and "did you mean 'up'" in outcome.err
    assert croft.run("up", "--nonsense").code == 64
    assert croft.run("up").code == 64


def test_no_controller_exits_3(croft):
    assert croft.run("status").code == 3


def talk_with(tmp_path, **changes):
    """A small service on the embedded farm with one attribute changed."""
    values = dict(id='"AKIDME"', key='"secret-of-me-0001"', imageID='"ami-00000001"', minCount="1", maxCount="1")
    values.update(changes)
    body = " ".join(f"{k} {v};" for k, v in values.items())
    file = tmp_path / "app.sf"
    file.write_text(HEAD + 'farm extends EmbeddedFarm { accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; instances 3; } } '
                    'images extends { small "ami-00000001"; } }\n'
                    f'sfConfig extends Compound {{ service extends ImageInstance {{ {body} }} }}\n')
    return file


# what is changed, the service's error code, words that help
REFUSED = {
    "no such image": (dict(imageID='"ami-ffffffff"'), ["InvalidAMIID.NotFound", "ami-ffffffff"]),
    "wrong key": (dict(key='"not-the-secret"'), ["AuthFailure"]),
    "unknown id": (dict(id='"AKIDNOBODY"'), ["AuthFailure"]),
    "quota below minCount": (dict(minCount="5", maxCount="9"), ["InstanceLimitExceeded"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_farm_refuses_is_told_with_its_code(croft, tmp_path, name):
    changes, words = REFUSED[name]
    outcome = croft.run("up", talk_with(tmp_path, **changes), "--name", "app")
    assert outcome.code == 1, outcome
    for word in words:
        assert word in outcome.err, outcome
    down = croft.ok("down", "app", "--json").json
    assert down["left"] == []


OUTAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message>
<RequestId>A2A7E5395E27DFBB</RequestId><HostId>f691zulHNsUqonsZkjhIL/sGsn6K</HostId></Error>"""

BUCKET = HEAD + 'sfConfig extends Compound { b extends TransientS3Bucket { bucket "outage"; username "AKIDME"; password "k"; } }\n'


def test_an_endpoint_that_answers_500_as_in_2008(croft, tmp_path):
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            calls.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(500)
            self.send_header("Content-Length", str(len(OUTAGE)))
            self.end_headers()
            self.wfile.write(OUTAGE)
        do_GET = do_DELETE = do_POST = do_PUT

        def do_HEAD(self):
            calls.append(self.path)
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        file = tmp_path / "app.sf"
        file.write_text(BUCKET)
        outcome = croft.run("up", file, "--name", "app", "--farm", f"http://127.0.0.1:{server.server_port}")
        assert outcome.code == 1, outcome
        for word in ("InternalError", "A2A7E5395E27DFBB", "500"):
            assert word in outcome.err, outcome
        assert 2 <= len(calls) <= 40, "it tries again, but never storms"
    finally:
        server.shutdown()


def test_an_endpoint_that_refuses(croft, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    file = tmp_path / "app.sf"
    file.write_text(BUCKET)
    outcome = croft.run("up", file, "--name", "app", "--farm", f"http://127.0.0.1:{port}")
    assert outcome.code == 1, outcome
    assert f"127.0.0.1:{port}" in outcome.err and "refused" in outcome.err.lower(), outcome


def test_an_endpoint_that_hangs(croft, tmp_path):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    port = listener.getsockname()[1]
    file = tmp_path / "app.sf"
    file.write_text(BUCKET)
    try:
        outcome = croft.run("up", file, "--name", "app", "--farm", f"http://127.0.0.1:{port}", "--timeout", "3s", limit=60)
        assert outcome.code == 1, outcome
        assert "took longer" in outcome.err or "timeout" in outcome.err, outcome
    finally:
        listener.close()


def test_a_wrong_key_of_a_bucket_is_told_with_its_place(croft, tmp_path):
    file = talk_with(tmp_path)
    file.write_text(file.read_text() + 'sfConfig:b extends TransientS3Bucket { bucket "mine"; username "AKIDME";\n  password "not-it"; }\n')
    outcome = croft.run("up", file, "--name", "app")
    assert outcome.code == 1, outcome
    for word in ("SignatureDoesNotMatch", f"{file.name}:{len(file.read_text().splitlines())}:", "access key and its secret"):
        assert word in outcome.err, outcome
    assert croft.ok("down", "app", "--json").json["left"] == []


def test_a_type_whose_include_is_missing_names_the_file(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text('#include "/org/smartfrog/components.sf"\nsfConfig extends Compound { b extends S3Bucket { bucket "x"; } }\n')
    outcome = croft.run("check", file)
    assert outcome.code == 1
    assert '#include "/org/smartfrog/services/amazon/s3/components.sf"' in outcome.err, outcome


def test_two_components_that_make_one_bucket_are_refused(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(HEAD + 'sfConfig extends Compound { id "a"; a extends TransientS3Bucket { bucket "mine"; username "u"; password "p"; }\n'
                    'b extends a {} }\n')
    for verb in ("plan", "up"):
        outcome = croft.run(verb, file, "--name", "app")
        assert outcome.code == 1, outcome
        assert "both make the bucket 'mine'" in outcome.err and "app.sf:" in outcome.err, outcome


def test_what_all_verbs_take_may_stand_before_the_verb(croft, tmp_path):
    outcome = croft.run("--json", "--home", tmp_path / "elsewhere", "status")
    assert outcome.code == 3 and "elsewhere" in outcome.out, outcome


@pytest.mark.parametrize("kind", ["fifo", "/dev/zero"])
@pytest.mark.parametrize("how", ["included", "named"])
def test_what_may_never_end_is_not_read(croft, tmp_path, kind, how):
    endless = tmp_path / "endless.sf" if kind == "fifo" else kind
    if kind == "fifo":
        os.mkfifo(endless)
    file = tmp_path / "app.sf"
    file.write_text(f'#include "{endless}"\nsfConfig extends {{}}\n')
    outcome = croft.run("check", file if how == "included" else endless)
    assert outcome.code == 1 and "no regular file" in outcome.err, outcome


def test_check_looks_at_every_environment(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(HEAD + 'sfConfig extends Compound { front extends Prim { port 1; } }\n'
                    'environments extends Environments {\n  dev extends { sfConfig:front:port 2; }\n  prod extends dev { sfConfig:frnt:port 3; }\n}\n')
    outcome = croft.run("check", file)
    assert outcome.code == 1
    for word in ("frnt", "app.sf:7:", "environment 'prod'"):
        assert word in outcome.err, outcome
    assert croft.run("check", file, "--environment", "dev").code == 0


def test_doc_looks_into_a_folder(croft, tmp_path):
    (tmp_path / "main.sf").write_text(HEAD + "// A server of ours.\nServer extends Prim { port 80; }\n")
    assert "A server of ours" in croft.ok("doc", "Server", "--from", tmp_path).out
