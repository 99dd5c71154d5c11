"""croft test: descriptions as tests."""
import json
import subprocess
import xml.etree.ElementTree as ElementTree

from support.croft import BINARY, ROOT, clean_environment

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


def test_the_examples_pass():
    result = croft_test(ROOT / "examples/tests", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads(result.stdout)
    assert document["passed"] >= 14 and document["skipped"] == 0
