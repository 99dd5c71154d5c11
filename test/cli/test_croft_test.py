"""croft test: descriptions as tests."""
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import xml.etree.ElementTree as ElementTree

from support.croft import BINARY, ROOT, clean_environment, wait_until

INCLUDES = '#include "/org/smartfrog/services/assertions/components.sf"\n'

PASSING = INCLUDES + """
sfConfig extends TestCompound {
  description "an attribute that is there";
  action extends Compound { x 7; }
  tests extends Sequence {
    check extends AssertWorkflow { reference LAZY ROOT:sfConfig:action; attribute "x"; attributeEquals 7; }
  }
}
"""
FAILING = INCLUDES + """
sfConfig extends TestCompound {
  action extends Compound { x 7; }
  tests extends AssertWorkflow { reference LAZY ROOT:sfConfig:action; attribute "x"; attributeEquals 8; message "x"; }
}
"""
SKIPPED = INCLUDES + """
sfConfig extends TestCompound {
  condition extends IsPropertySet { property "test.given"; }
  action extends Prim {}
}
"""


COMPUTED = INCLUDES + """#include "/org/smartfrog/services/filesystem/components.sf"
#include "/org/smartfrog/services/utils/components.sf"
sfConfig extends TestCompound {
  action extends Compound {
    folder extends TempDir { deleteOnExit true; }
    note ("in " ++ LAZY PARENT:folder:absolutePath);
    host extends lookupLocalhost;
  }
  tests extends Sequence {
    links extends AssertWorkflow {
      equalsString1 (LAZY ROOT:sfConfig:action:note ++ "/x");
      equalsString2 ("in " ++ LAZY ROOT:sfConfig:action:folder:absolutePath ++ "/x");
    }
    numbers extends AssertWorkflow { isTrue ((LAZY ROOT:sfConfig:action:folder:size + 1) > 4); }
    names extends AssertWorkflow { reference LAZY ROOT:sfConfig:action; attribute "host"; }
  }
}
"""


def croft_test(*arguments, timeout=100):
    return subprocess.run([BINARY, "test", *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=clean_environment())


def test_expressions_over_links_are_computed_when_they_are_read(tmp_path):
    file = tmp_path / "computed.sf"
    file.write_text(COMPUTED.replace("deleteOnExit true;", "deleteOnExit true; size 4;"))
    result = croft_test(file)
    assert result.returncode == 0, result.stdout + result.stderr
    file.write_text(COMPUTED.replace("deleteOnExit true;", "deleteOnExit true; size 3;"))
    result = croft_test(file)
    assert result.returncode == 1 and "isTrue is false" in result.stdout, result.stdout + result.stderr


def test_a_folder_in_parallel_with_junit(tmp_path):
    folder = tmp_path / "tests"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.sf").write_text(PASSING)
    (folder / "b.sf").write_text(FAILING)
    (folder / "deep" / "c.sf").write_text(SKIPPED)
    (folder / "library.sf").write_text("Thing extends { x 1; }\n")
    junit = tmp_path / "junit.xml"
    result = croft_test(folder, "--junit", junit)
    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stdout.strip().endswith("1 passed, 1 failed, 1 skipped")
    assert "x is 7, 8 is wanted" in result.stdout
    suites = ElementTree.parse(junit).getroot()
    assert [suite.get("name").rsplit("/", 1)[1] for suite in suites] == ["a.sf", "b.sf", "c.sf"]
    assert [suite.get("failures") for suite in suites] == ["0", "1", "0"]
    assert [suite.get("skipped") for suite in suites] == ["0", "0", "1"]
    assert "8 is wanted" in suites[1].find("testcase/failure").text


def test_a_property_makes_a_condition_hold(tmp_path):
    file = tmp_path / "c.sf"
    file.write_text(SKIPPED)
    result = croft_test(file, "-D", "test.given=yes", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads(result.stdout)
    assert (document["passed"], document["skipped"]) == (1, 0)
    assert document["tests"][0]["farm"] is False


def test_a_description_without_tests_passes_when_it_comes_up(tmp_path):
    good, bad, wrong = tmp_path / "good.sf", tmp_path / "bad.sf", tmp_path / "wrong.sf"
    good.write_text(INCLUDES + "sfConfig extends Compound { a extends Prim {} }\n")
    bad.write_text(INCLUDES + 'sfConfig extends Sequence { a extends Fail { message "broken"; } }\n')
    wrong.write_text("sfConfig extends Nothing {}\n")
    assert croft_test(good).returncode == 0
    result = croft_test(bad)
    assert result.returncode == 1 and "broken" in result.stdout
    result = croft_test(wrong)
    assert result.returncode == 1 and "Nothing" in result.stdout and "1 failed" in result.stdout


def test_wrong_use(tmp_path):
    assert "no such file" in croft_test(tmp_path / "nothing.sf").stderr
    assert croft_test().returncode == 64
    file = tmp_path / "a.sf"
    file.write_text(PASSING)
    assert "--jobs takes 1 to 64" in croft_test(file, "--jobs", "0").stderr
    (tmp_path / "empty").mkdir()
    assert "no description" in croft_test(tmp_path / "empty").stderr


BUCKET = """
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/org/smartfrog/services/assertions/components.sf"

farm extends EmbeddedFarm {
  accounts extends { test extends Account { id "AKIDTEST"; key "a secret of the test"; instances 5; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Sequence {
  buckets extends TestCompound {
    action extends TransientS3Bucket { bucket "test-bucket"; username PROPERTY test.awsid; password PROPERTY test.awskey; }
    tests extends Sequence {
      put extends PutS3File {
        bucket "test-bucket"; name "a.txt"; username PROPERTY test.awsid; password PROPERTY test.awskey;
        datasource extends TextDataSource { text "hello"; }
        sfShouldTerminate true;
      }
      get extends GetS3File {
        bucket "test-bucket"; name "a.txt"; username PROPERTY test.awsid; password PROPERTY test.awskey;
        responseRegexp "^hello$"; sfShouldTerminate true;
      }
      remove extends DeleteS3File {
        bucket "test-bucket"; name "a.txt"; username PROPERTY test.awsid; password PROPERTY test.awskey;
        sfShouldTerminate true;
      }
    }
  }
  instances extends TestCompound {
    action extends ImageInstance { id PROPERTY test.awsid; key PROPERTY test.awskey; imageID "ami-26b6534f"; }
    tests extends Sequence {
      one extends ListInstances {
        id PROPERTY test.awsid; key PROPERTY test.awskey; imageID "ami-26b6534f"; state "running"; minCount 1; maxCount 1;
      }
    }
  }
  badKey extends ExpectTerminate {
    exitType "abnormal"; exitText "cannot be listed";
    action extends ListEC2Images { id PROPERTY test.awsid; key "wrong"; }
  }
}
"""


def test_buckets_and_instances_on_a_farm_of_their_own(tmp_path):
    file = tmp_path / "aws.sf"
    file.write_text(BUCKET)
    result = croft_test(file, "-D", "test.awsid=AKIDTEST", "-D", "test.awskey=a secret of the test", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads(result.stdout)
    assert [test["outcome"] for test in document["tests"]] == ["passed"] * 3
    assert all(test["farm"] for test in document["tests"])


def test_descriptions_for_aws_run_as_they_stand(tmp_path):
    """Without a word about a farm: -D gives the account, the description names the image."""
    text = BUCKET[:BUCKET.index("farm extends")] + BUCKET[BUCKET.index("sfConfig"):]
    page = """
  page extends TestCompound {
    action extends TransientS3Bucket { bucket "test-page"; username PROPERTY test.awsid; password PROPERTY test.awskey; }
    tests extends Sequence {
      hidden extends WaitForPage { host "test-page.s3.amazonaws.com"; minimumResponseCode 403; maximumResponseCode 403; timeout 5000; }
      put extends PutS3File {
        bucket "test-page"; name "a.html"; username PROPERTY test.awsid; password PROPERTY test.awskey;
        headers [S3_PUBLIC_READ_HEADER]; datasource extends HtmlTextDataSource { text "<p>hello</p>"; } sfShouldTerminate true;
      }
      shown extends WaitForPage { host S3Resource:host; path "test-page"; page "a.html"; responseRegexp "hello"; timeout 5000; }
    }
  }
}"""
    file = tmp_path / "aws.sf"
    file.write_text(text.rstrip()[:-1] + page)
    result = croft_test("-D", "test.awsid=AKIDTEST", "-D", "test.awskey=a secret of the test", "--json", file)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [test["outcome"] for test in json.loads(result.stdout)["tests"]] == ["passed"] * 4
    # The key of another farm's account is none of this one's.
    result = croft_test("-D", "test.awsid=AKIDTEST", "-D", "test.awskeys=a secret of the test", file)
    assert result.returncode == 1, result.stdout


def test_farms_of_different_descriptions_do_not_meet(tmp_path):
    """One says nothing about its farm, the next has an account of the same id with another secret."""
    plain = BUCKET[:BUCKET.index("farm extends")] + BUCKET[BUCKET.index("sfConfig"):]
    (tmp_path / "a.sf").write_text(plain)
    (tmp_path / "b.sf").write_text(BUCKET.replace("PROPERTY test.awskey", '"a secret of the test"'))
    (tmp_path / "c.sf").write_text(plain)
    result = croft_test("--jobs", "1", "-D", "test.awsid=AKIDTEST", "-D", "test.awskey=another secret", "--json", tmp_path)
    document = json.loads(result.stdout)
    assert [test["outcome"] for test in document["tests"]] == ["passed"] * 9, document


def test_one_that_hangs_and_one_that_is_no_description_stop_nobody(tmp_path):
    (tmp_path / "a-hangs.sf").write_text(INCLUDES + "sfConfig extends Sequence { a extends DoNothing; }\n")
    (tmp_path / "b-hangs.sf").write_text(INCLUDES + """
sfConfig extends TestCompound { testTimeout "1h"; action extends Compound {} tests extends DoNothing; }
""")
    (tmp_path / "c-broken.sf").write_text("sfConfig extends {\n")
    for i in range(12):
        (tmp_path / f"d{i:02}.sf").write_text(PASSING)
    junit = tmp_path / "junit.xml"
    result = croft_test("--timeout", "2s", "--jobs", "4", "--junit", junit, "--json", tmp_path)
    assert result.returncode == 1
    tests = json.loads(result.stdout)["tests"]
    assert [test["outcome"] for test in tests] == ["failed"] * 3 + ["passed"] * 12
    assert [test["file"].rsplit("/", 1)[1][:1] for test in tests] == list("abc") + ["d"] * 12
    assert all("2 s" in test["why"] for test in tests[:2]), tests[:2]
    assert "c-broken.sf:" in tests[2]["why"], tests[2]
    suites = ElementTree.parse(junit).getroot()
    assert suites.tag == "testsuites" and len(suites) == 15
    for suite, test in zip(suites, tests):
        case, = suite
        assert suite.get("name") == test["file"] and suite.get("tests") == "1"
        assert float(case.get("time")) >= 0 and case.get("classname") == test["file"]
        assert [child.tag for child in case] == (["failure"] if test["outcome"] == "failed" else [])


def test_a_message_of_odd_signs_is_xml_all_the_same(tmp_path):
    file = tmp_path / "a.sf"
    file.write_text(INCLUDES + r'sfConfig extends Sequence { a extends Fail { message "<&>\"\001 \uFFFE ä ]]>"; } }' + "\n")
    junit = tmp_path / "junit.xml"
    assert croft_test("--junit", junit, file).returncode == 1
    failure = ElementTree.parse(junit).getroot().find("testsuite/testcase/failure")
    assert "<&>" in failure.text and "ä ]]>" in failure.text


def test_the_examples_pass():
    result = croft_test(ROOT / "examples/tests", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads(result.stdout)
    assert document["passed"] >= 14 and document["skipped"] == 0


CASES = INCLUDES + """
sfConfig extends Sequence {
  quick extends TestCompound { action extends Compound { x 7; } tests extends DoNothing { time 1; } }
  slow extends TestCompound { action extends Compound { x 7; } tests extends DoNothing { time 400; } }
  bad extends TestCompound { action extends Compound { x 7; } tests extends Fail { message "broken"; } }
  never extends TestCompound { action extends Compound { x 7; } }
}
"""


def test_each_case_has_its_own_time_and_none_is_lost(tmp_path):
    file, junit = tmp_path / "cases.sf", tmp_path / "junit.xml"
    file.write_text(CASES)
    result = croft_test(file, "--json", "--junit", junit)
    document = json.loads(result.stdout)
    assert [(test["name"], test["outcome"]) for test in document["tests"]] == [
        ("cases:quick", "passed"), ("cases:slow", "passed"), ("cases:bad", "failed"), ("cases:never", "skipped")]
    seconds = [test["seconds"] for test in document["tests"]]
    assert seconds[1] >= 0.4 and seconds[1] > seconds[0] and seconds[3] == 0, seconds
    assert "was not run" in document["tests"][3]["why"]
    suite = ElementTree.parse(junit).getroot()[0]
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["4", "1", "1"]


def test_a_test_block_is_over_with_its_action(tmp_path):
    file = tmp_path / "block.sf"
    file.write_text(INCLUDES + "sfConfig extends TestBlock { action extends DoNothing { time 30; } }\n")
    result = croft_test(file, "--timeout", "60s")
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_is_no_description_is_not_passed_over(tmp_path):
    (tmp_path / "good.sf").write_text(PASSING)
    (tmp_path / "part.sf").write_text("port 80;\n")
    (tmp_path / "garbage.sf").write_text("this { is no ; description\n")
    result = croft_test(tmp_path, "--json")
    outcomes = {test["file"].rsplit("/", 1)[1]: test["outcome"] for test in json.loads(result.stdout)["tests"]}
    assert outcomes == {"good.sf": "passed", "garbage.sf": "failed"} and result.returncode == 1


def test_a_number_of_jobs_that_is_none_is_a_wrong_argument(tmp_path):
    (tmp_path / "good.sf").write_text(PASSING)
    for wrong in ("0", "65", "x"):
        result = croft_test("-j", wrong, tmp_path)
        assert result.returncode == 64 and "--jobs takes 1 to 64" in result.stderr, result


def test_a_step_that_has_not_ended_is_waited_for(tmp_path):
    file = tmp_path / "page.sf"
    file.write_text("""#include "/org/smartfrog/services/www/components.sf"
sfConfig extends WaitForPage { host "127.0.0.1"; port 9; page "none"; timeout 300; checkFrequency 50; }\n""")
    result = croft_test(file)
    assert result.returncode == 1 and "the page did not answer in time" in result.stdout, result


MACHINE = INCLUDES + """#include "/org/smartfrog/services/amazon/ec2/components.sf"
sfConfig extends TestCompound {
  action extends ImageInstance { imageID "ami-0c40f700000000001"; }
  tests extends DoNothing { time 600000; }
  testTimeout 600000;
}
"""


def test_a_killed_run_leaves_no_farm_and_no_machine():
    # Sockets have short paths: no folder of the test runner's.
    with tempfile.TemporaryDirectory(prefix="croft-kill-") as folder:
        file = pathlib.Path(folder, "machine.sf")
        file.write_text(MACHINE)
        run = subprocess.Popen([BINARY, "test", str(file), "--timeout", "10m"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=clean_environment(TMPDIR=folder))
        data = lambda what: list(pathlib.Path(folder).glob(f"croft-test-*/0/farm-0/farm/{what}"))
        try:
            wait_until(lambda: data("machines/*") or run.poll() is not None, "a machine")
            assert run.poll() is None and [line for line in processes() if folder in line and "farm serve" in line]
        finally:
            run.kill()
            run.wait()
        wait_until(lambda: not [line for line in processes() if folder in line], "all that ran for it to go")
        assert not data("*")


def processes():
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass  # it has ended meanwhile
    return found


def test_what_is_no_name_names_nothing(tmp_path):
    text = INCLUDES + 'sfConfig extends Sequence { n %s; run extends Run { asName %s; action extends DoNothing; } }\n'
    for name, said in (('"a:b"', "':' stands between names"), (r'"a\nb"', "it holds a line break")):
        file = tmp_path / "named.sf"
        file.write_text(text % (name, "LAZY PARENT:n"))
        late = croft_test(file)
        assert late.returncode == 1 and said in late.stdout, late
        file.write_text(text % (name, name))
        early = subprocess.run([BINARY, "check", file], capture_output=True, text=True, env=clean_environment())
        assert early.returncode != 0 and "asName cannot be a component's name" in early.stderr and said in early.stderr, early


def test_a_server_that_a_description_names_is_told_no_deadline(tmp_path):
    seen = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append({name.lower() for name in self.headers})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = tmp_path / "foreign.sf"
        file.write_text(f"""#include "/org/smartfrog/services/restlet/components.sf"
sfConfig extends GetRestResource {{
  host "127.0.0.1"; port {server.server_address[1]}; path "bucket"; page "key"; sfShouldTerminate true;
  authorization HTTP_AWS; username "AKIDEXAMPLE"; password "secret";
}}\n""")
        result = croft_test(file)
        server.shutdown()
    assert result.returncode == 0 and seen, result
    assert all("authorization" in headers and "x-croft-deadline-ms" not in headers for headers in seen), seen


def test_an_action_that_its_type_does_not_take_does_not_come_up(tmp_path):
    (tmp_path / "one.sf").write_text(INCLUDES + '''#include "/org/smartfrog/services/restlet/components.sf"
sfConfig extends Sequence {
  port extends ExpectDeployFailure { exitText "port"; action extends RemoteResource { host "x"; port 99999; } }
  name extends ExpectDeployFailure { exitText "host"; action extends RemoteResource { host 7; } }
}
''')
    result = croft_test(tmp_path / "one.sf")
    assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout + result.stderr


def test_a_folder_with_links_that_lead_to_themselves_is_run(tmp_path):
    (tmp_path / "one.sf").write_text(PASSING)
    (tmp_path / "loop.sf").symlink_to(tmp_path / "loop.sf")
    (tmp_path / "round").symlink_to(tmp_path)
    result = croft_test(tmp_path)
    assert result.returncode == 0 and "1 passed" in result.stdout, result.stdout + result.stderr


def test_an_interrupted_run_leaves_no_folder(tmp_path):
    (tmp_path / "one.sf").write_text(INCLUDES + '''#include "/org/smartfrog/sfcore/workflow/components.sf"
sfConfig extends TestCompound { action extends Compound {} tests extends DoNothing { time 600000; } testTimeout 600000; }
''')
    place = tmp_path / "tmp"
    place.mkdir()
    running = subprocess.Popen([BINARY, "test", str(tmp_path / "one.sf")], env={**clean_environment(), "TMPDIR": str(place)},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list(place.glob("croft-test-of-*")), "it has begun")
    running.terminate()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and not list(place.iterdir()), (running.returncode, out, err)
    # What a killed one left goes with the next.
    (place / f"croft-test-of-{running.pid}-abcdef").mkdir()
    (tmp_path / "two.sf").write_text(PASSING)
    done = subprocess.run([BINARY, "test", str(tmp_path / "two.sf")], env={**clean_environment(), "TMPDIR": str(place)}, timeout=60)
    assert done.returncode == 0 and not list(place.iterdir())
