"""Real clients, always with an explicit endpoint."""
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
