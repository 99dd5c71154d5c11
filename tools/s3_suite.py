#!/usr/bin/env python3
"""Runs the public S3 compatibility suite (ceph/s3-tests, fetched by you; it is no part of this tree) against a fresh farm.

  tools/s3_suite.py FOLDER_OF_THE_SUITE [--farm PROGRAM] [--all] [further arguments for pytest]

PROGRAM is croft-farm-dev (default: the one of the release build). It needs pytest, pytest-xdist, pytest-timeout and a boto3 that knows
conditional writes. What is selected are the tests that concern an artifact store and that the suite itself does not mark as failing on
AWS or on Ceph's own gateway: no server access logs, no encryption with keys (SSE-C, KMS), no IAM users and tenants, no cloud tiers.
Days of lifecycle rules last ten seconds; the three tests that look at expiry dates run again with days of 24 hours.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.croft import free_port, wait_until  # noqa: E402

MARKS = " and ".join(f"not {mark}" for mark in (
    "fails_on_aws", "fails_on_rgw", "bucket_logging", "bucket_logging_cleanup", "encryption", "sse_s3", "cloud_transition", "iam_user"))
NAMES = "not tenant and not torrent"
REAL_DAYS = "lifecycle_expiration_header"
USERS = {"main": "111111111111", "alt": "222222222222", "tenant": "333333333333"}


def user_section(title, name, account, more=""):
    return (f"[{title}]\ndisplay_name = {name}\nuser_id = {account['canonicalId']}\nemail = {name}@example.com\napi_name =\n"
            f"access_key = {account['accessKey']}\nsecret_key = {account['secretKey']}\n{more}")


def configuration(port, accounts):
    main, alt = accounts["main"], accounts["alt"]
    parts = [f"[DEFAULT]\nhost = localhost\nport = {port}\nis_secure = False\nssl_verify = False\n",
             "[fixtures]\nbucket prefix = yr-{random}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n",
             user_section("s3 main", "main", main, "lc_debug_interval = 10\n"), user_section("s3 alt", "alt", alt),
             user_section("s3 tenant", "tenant", accounts["tenant"], "tenant =\n")]
    parts += [user_section(title, "main", main) for title in ("iam", "iam root")] + [user_section("iam alt root", "alt", alt)]
    parts.append("[webidentity]\n" + "".join(f"{n} = x\n" for n in ("token", "aud", "sub", "azp", "user_token", "thumbprint", "KC_REALM")))
    return "\n".join(parts)


def run(suite, program, day, arguments):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-s3-suite-"))
    port = free_port()
    accounts = {}
    for name, number in USERS.items():
        out = subprocess.run([program, "account", folder, name, f"AKIA{name.upper():A<16}", name * 8, number, "--sigv2"],
                             check=True, capture_output=True, text=True).stdout
        accounts[name] = json.loads(out)
    settings = folder.with_suffix(".conf")
    settings.write_text(configuration(port, accounts))
    farm = subprocess.Popen([program, folder, f"127.0.0.1:{port}", "--no-sync", "--no-ec2", f"--lifecycle-day={day}"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        wait_until(lambda: farm.stdout.readline(), "the farm says its address")
        return subprocess.run([sys.executable, "-m", "pytest", "s3tests/functional/test_s3.py", "-q", "-p", "no:cacheprovider",
                               "--timeout", "180", *arguments], cwd=suite, env={**os.environ, "S3TEST_CONF": str(settings)}).returncode
    finally:
        farm.terminate()
        farm.wait()
        settings.unlink()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--farm", default=str(ROOT / "build/release/croft-farm-dev"))
    parser.add_argument("--all", action="store_true", help="everything the suite has for S3, whatever it concerns")
    options, arguments = parser.parse_known_args()
    if options.all:
        sys.exit(run(options.suite, options.farm, "10s", arguments))
    first = run(options.suite, options.farm, "10s", ["-m", MARKS, "-k", f"{NAMES} and not {REAL_DAYS}", *arguments])
    sys.exit(run(options.suite, options.farm, "24h", ["-m", MARKS, "-k", REAL_DAYS, *arguments]) or first)


if __name__ == "__main__":
    main()
