"""Real clients, always with an explicit endpoint."""
import json
import subprocess

import boto3
from botocore.config import Config

REGION = "us-east-1"


def client(service, url, access_key, secret_key, **config):
    options = dict(signature_version="s3v4" if service == "s3" else None, s3={"addressing_style": "path"},
                   retries={"max_attempts": 1}, connect_timeout=5, read_timeout=60)
    options.update(config)
    return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id=access_key,
                        aws_secret_access_key=secret_key, config=Config(**options))


def aws(env, url, access_key, secret_key, *args, limit=60):
    """Debian's awscli; returns (exit code, stdout, stderr)."""
    settings = dict(env, AWS_ACCESS_KEY_ID=access_key, AWS_SECRET_ACCESS_KEY=secret_key, AWS_DEFAULT_REGION=REGION,
                    AWS_PAGER="", AWS_MAX_ATTEMPTS="1")
    done = subprocess.run(["/usr/bin/aws", "--endpoint-url", url, *map(str, args)], env=settings, capture_output=True,
                          text=True, timeout=limit)
    return done.returncode, done.stdout, done.stderr


# awscli takes a second to start; what one process can do one after the other need not start it each time.
AWS_SESSION = """
import contextlib, io, json, os, sys
from awscli.clidriver import create_clidriver
for key, secret, args in json.load(sys.stdin):
    os.environ.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = create_clidriver().main(args)
    sys.stdout.write(json.dumps([code, out.getvalue(), err.getvalue()]) + "\\n")
"""


def aws_session(env, url, *commands, limit=120):
    """Commands of Debian's awscli, each (access key, secret key, arguments); [(exit code, stdout, stderr), ...]."""
    settings = dict(env, AWS_DEFAULT_REGION=REGION, AWS_PAGER="", AWS_MAX_ATTEMPTS="1")
    wanted = [(key, secret, ["--endpoint-url", url, *map(str, args)]) for key, secret, args in commands]
    done = subprocess.run(["/usr/bin/python3", "-c", AWS_SESSION], input=json.dumps(wanted), env=settings, capture_output=True,
                          text=True, timeout=limit)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]
