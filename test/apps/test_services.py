"""Each service of the library that the examples do not show: brought up with the real program, asked, and ended while it runs."""
import base64
import io
import json
import tarfile
import zipfile

import pytest

from support.croft import ROOT, Croft, wait_until

TEXT = ROOT / "examples/services/services.sf"
PASSWORD = "of-the-services-91e4"

# Takes the place of Hadoop: it holds what it is given against what it needs, and answers on its port.
STAND_IN = """#!/usr/bin/python3
import http.server, os, re, sys
conf = os.environ["HADOOP_CONF_DIR"]
def keys(kind):
    with open(f"{conf}/{kind}-site.xml") as file:
        return dict(re.findall("<name>(.*?)</name><value>(.*?)</value>", file.read()))
core, hdfs = keys("core"), keys("hdfs")
daemon = sys.argv[1]
names = "/srv/hadoop/data/is-formatted"
if daemon == "namenode" and "-format" in sys.argv:
    open(names, "x").close()
    sys.exit(0)
assert re.fullmatch(r"hdfs://[0-9.]+:8020", core["fs.defaultFS"]), core
assert os.path.exists(os.environ["JAVA_HOME"] + "/bin/java")
if daemon == "namenode":
    assert os.path.exists(names) and hdfs["dfs.replication"] == "1", hdfs
    port = hdfs["dfs.namenode.http-address"]
else:
    port = hdfs["dfs.datanode.http.address"]
    assert "0.0.0.0" not in core["fs.defaultFS"]
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{daemon} {core['fs.defaultFS']} {os.getuid()}".encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(port.split(":")[1])), Page).serve_forever()
"""


def curl(croft, place, url, *options):
    return croft.run("exec", f"services:{place}", "--", "curl", "-s", "--max-time", "10", *options, url).out


def works(croft):
    hosts = croft.ok("hosts", "services", "--json").json["hosts"]
    return {work["name"]: work for host in hosts for work in host["works"]}


@pytest.fixture(scope="module")
def croft(tmp_path_factory):
    one = Croft()
    place = tmp_path_factory.mktemp("services")
    (place / "secret").write_text(PASSWORD + "\n")
    with zipfile.ZipFile(place / "hello.war", "w") as war:
        page = zipfile.ZipInfo("hello.txt")
        page.external_attr = 0o100644 << 16
        war.writestr(page, "hello from a war")
    with tarfile.open(place / "hadoop.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("hadoop-3/bin/hdfs")
        entry.size, entry.mode = len(STAND_IN), 0o755
        tar.addfile(entry, io.BytesIO(STAND_IN.encode()))
    try:
        one.ok("up", TEXT, "-D", f"secret.file={place}/secret", "-D", f"war={place}/hello.war", "-D", f"hadoop={place}/hadoop.tar.gz",
               "--allow-files", place, "--json", limit=150)
        yield one
    finally:
        one.close()


def test_nginx_serves_and_leads_to_jetty(croft):
    assert curl(croft, "one", "http://127.0.0.1:8080/back/hello.txt") == "hello from a war"


def test_redis_keeps_what_it_is_given_and_lets_nobody_in_without_the_password(croft):
    def redis(*words, login=f"REDISCLI_AUTH={PASSWORD}"):
        return croft.run("exec", "services:one", "--", "env", login, "redis-cli", *words).out.strip()

    assert redis("SET", "a", "1") == "OK"
    assert redis("GET", "a") == "1"
    assert "NOAUTH" in redis("GET", "a", login="NOTHING=")


def test_the_filestore_takes_files_from_those_who_know_the_password(croft):
    login = ("-u", f"files:{PASSWORD}")
    croft.ok("exec", "services:one", "--", "sh", "-c", "echo shared > /tmp/file")
    address = croft.ok("exec", "services:other", "--", "hostname", "-I").out.split()[0]
    url = f"http://{address}:8088/file"
    assert curl(croft, "one", url, *login, "-T", "/tmp/file", "-w", "%{http_code}").endswith("201")
    assert curl(croft, "one", url, *login) == "shared\n"
    assert curl(croft, "one", url, "-o", "/dev/null", "-w", "%{http_code}") == "401"


def test_hadoop_finds_its_keys_and_where_the_name_node_is(croft):
    assert curl(croft, "one", "http://127.0.0.1:9870/jmx").startswith("namenode hdfs://0.0.0.0:8020 ")
    daemon, names, uid = curl(croft, "other", "http://127.0.0.1:9864/jmx").split()
    assert daemon == "datanode" and names.startswith("hdfs://10.") and uid != "0"


@pytest.mark.parametrize("name", ["nginx", "jetty", "redis", "store", "names"])
def test_what_is_killed_comes_back(croft, name):
    path = f"services:{name}:server"
    before = works(croft)[path]
    croft.ok("exec", path, "--", "kill", "-9", str(before["pid"]))
    wait_until(lambda: works(croft)[path]["pid"] not in (0, before["pid"]) and works(croft)[path]["phase"] == "ready",
               f"{name} runs again")


def etcd(croft, instance, path, **body):
    answer = croft.ok("exec", "services:etcd:machines", "--instance", instance, "--", "curl", "-s", "--max-time", "10",
                      "-d", json.dumps(body), f"http://127.0.0.1:2379/v3/{path}")
    return answer.json


def packed(text):
    return base64.b64encode(text.encode()).decode()


def etcd_machines(croft):
    return {h["instance"] for h in croft.ok("hosts", "services", "--json").json["hosts"]
            if h["component"] == "services:etcd:machines" and any(w["name"].endswith("etcd:server") and w["phase"] == "ready" for w in h["works"])}


def test_a_member_of_etcd_that_is_lost_is_replaced_and_knows_what_was_kept(croft):
    before = etcd_machines(croft)
    victim, *others = sorted(before)
    assert len(others) == 2
    etcd(croft, others[0], "kv/put", key=packed("a"), value=packed("kept"))
    # What only died would be started again; this one stands still.
    croft.ok("farm", "fault", "add", "freeze", "--instance", victim, "--for", "10m", "--data", f"{croft.home}/farm")
    new, = wait_until(lambda: (lambda now: now - before if len(now) == 3 and victim not in now else None)(etcd_machines(croft)),
                      "another member", 120)
    assert etcd(croft, new, "kv/range", key=packed("a"))["kvs"][0]["value"] == packed("kept")
    assert len(etcd(croft, new, "cluster/member/list")["members"]) == 3


def test_nothing_was_started_more_often_than_it_was_killed(croft):
    # What a killed one had started would keep its port, and the next one from lasting.
    assert {path: work["restarts"] for path, work in works(croft).items() if work.get("restarts", 0) > 1} == {}


@pytest.mark.parametrize("machine", ["one", "other"])
def test_a_machine_that_dies_is_started_again_with_all_that_it_serves(croft, machine):
    def there():
        host = next(h for h in croft.ok("hosts", "services", "--json").json["hosts"] if h["component"] == f"services:{machine}")
        return host["instance"], {w["name"]: (w["since"], w["phase"] == "ready") for w in host["works"] if w["name"].endswith(":server")}
    instance, before = there()
    assert len(before) >= 2 and all(ready for _, ready in before.values())
    croft.ok("farm", "fault", "add", "kill", "--instance", instance, "--data", f"{croft.home}/farm")
    def again():
        now, works = there()
        return now == instance and all(works[name][1] and works[name][0] != before[name][0] for name in before)
    wait_until(again, f"all of {machine} again", 120)


def test_down_leaves_nothing(croft):
    croft.ok("down", "services", limit=100)
    assert croft.ok("status", "services", "--json").json["state"] == "terminated"
