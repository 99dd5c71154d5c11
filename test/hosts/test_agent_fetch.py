"""Fetching over HTTPS from servers with certificates of the usual kinds, through the agent's own TLS."""
import functools
import hashlib
import http.server
import ssl
import threading

import pytest

from support.agents import Agent, openssl

KEYS = {"rsa": ["-newkey", "rsa:2048"], "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ec384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}
VERSIONS = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    def __init__(self, folder, kind, version):
        key, certificate = folder / f"{kind}.key", folder / f"{kind}.pem"
        if not certificate.exists():
            openssl("req", "-x509", *KEYS[kind], "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                    f"/CN={kind} site", "-addext", "subjectAltName=IP:127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.maximum_version = version
        handler = functools.partial(Quiet, directory=str(folder / "site"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.certificate = certificate.read_text()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sites(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file").write_bytes(b"content" * 10_000)
    found = {(kind, name): Site(tmp_path, kind, version) for kind in KEYS for name, version in VERSIONS.items()}
    yield found
    for site in found.values():
        site.server.shutdown()
        site.server.server_close()


def fetch_work(name, url, path, digest=""):
    what = {"url": url, "path": str(path), "sha256": digest, "mode": 0o644, "most": 1 << 30, "within": 60_000_000_000}
    return {"name": name, "digest": "1", "kind": "fetch", "what": what}


def test_every_usual_kind_of_server(sites, tmp_path, controller):
    trusted = tmp_path / "trusted.pem"
    trusted.write_text("".join({site.certificate for (kind, _), site in sites.items() if kind != "ec384"}))
    agent = Agent(tmp_path, controller, environment={"SSL_CERT_FILE": str(trusted)})
    try:
        session = controller.meet()
        digest = hashlib.sha256(b"content" * 10_000).hexdigest()
        for (kind, version), site in sites.items():
            name, path = f"{kind}-{version}", tmp_path / f"{kind}-{version}"
            session.call("apply", work=fetch_work(name, f"{site.url}/file", path, digest))
            if kind == "ec384":  # not among the trusted
                session.wait(lambda name=name: "certificate is not accepted" in session.states.get(name, {}).get("why", ""), name)
                assert not path.exists()
            else:
                session.until(name, phase="ready")
                assert path.read_bytes() == b"content" * 10_000
            session.call("remove", name=name)
            assert not path.exists()
    finally:
        agent.stop()
        agent.clear()
