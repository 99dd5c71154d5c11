#!/usr/bin/python3
"""Writes sigv4_vectors.jsonl: random requests with the signatures botocore gives them.

Run with the Python that has botocore (Debian: python3-botocore):
    /usr/bin/python3 sigv4_vectors.py > sigv4_vectors.jsonl
The seed is fixed; the file changes only when this script or botocore's signing does.
"""
import datetime
import json
import random
import sys
from urllib.parse import quote

import botocore.auth as auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

chance = random.Random(20080407)
NASTY = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[]^`{|}é漢"


class FrozenClock(datetime.datetime):
    moment = datetime.datetime(2008, 4, 7, 10, 0, 0)

    @classmethod
    def utcnow(cls):
        return cls.moment


def text(low, high, alphabet=NASTY):
    return "".join(chance.choice(alphabet) for _ in range(chance.randint(low, high)))


def path(service):
    if service != "s3":
        pieces = [chance.choice(["a", "b%20c", ".", "..", "", "2008-04-07"]) for _ in range(chance.randint(0, 5))]
        return "/" + "/".join(pieces)
    pieces = [quote(text(0, 8), safe="-_.~") for _ in range(chance.randint(0, 4))]
    return "/" + "/".join(pieces)


def query():
    names = set()
    pairs = []
    for _ in range(chance.randint(0, 5)):
        name = text(1, 6)
        if name in names:
            continue
        names.add(name)
        pairs.append(quote(name, safe="-_.~") + "=" + quote(text(0, 8), safe="-_.~"))
    return "&".join(pairs)


def headers():
    out = {}
    for _ in range(chance.randint(0, 4)):
        value = text(0, 12, "abc XYZ  019\t-é").strip()
        out["X-Amz-Meta-" + text(1, 6, "abcXYZ019-")] = value
    if chance.random() < 0.5:
        out["Content-Type"] = chance.choice(["text/plain", "application/x-www-form-urlencoded; charset=utf-8"])
    if chance.random() < 0.3:
        out["User-Agent"] = "not signed"
    return out


def one(number):
    service = chance.choice(["s3", "s3", "ec2", "sts"])
    region = chance.choice(["us-east-1", "eu-central-1", "local"])
    token = "tok+/en==" if chance.random() < 0.3 else None
    key = "AKID" + text(8, 8, "ABCDEFGH0123")
    secret = text(40, 40, "abcXYZ019/+")
    FrozenClock.moment = datetime.datetime(2008, 4, 7) + datetime.timedelta(seconds=chance.randint(0, 10**9))
    host = chance.choice(["127.0.0.1:4566", "bucket.s3.local", "[::1]:8080", "ec2.us-east-1.amazonaws.com"])
    target = path(service)
    parameters = query()
    url = "http://" + host + target + ("?" + parameters if parameters else "")
    presigned = chance.random() < 0.4
    sent = {} if presigned else headers()
    body = b"" if presigned else text(0, 20).encode()
    request = AWSRequest(method=chance.choice(["GET", "PUT", "POST", "HEAD", "DELETE"]), url=url, headers=sent, data=body)
    credentials = Credentials(key, secret, token)
    expires = chance.randint(1, 604800)
    if presigned:
        kind = auth.S3SigV4QueryAuth if service == "s3" else auth.SigV4QueryAuth
        signer = kind(credentials, service, region, expires=expires)
    else:
        kind = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
        signer = kind(credentials, service, region)
    signer.add_auth(request)
    result_headers = [[name, value] for name, value in request.headers.items()]
    result_headers.append(["Host", host])
    return {
        "number": number,
        "method": request.method,
        "target": request.url[len("http://" + host):],
        "original_target": url[len("http://" + host):],
        "headers": result_headers,
        "service": service,
        "region": region,
        "access_key": key,
        "secret": secret,
        "token": token,
        "unix_time": int(FrozenClock.moment.replace(tzinfo=datetime.timezone.utc).timestamp()),
        "presigned": presigned,
        "expires": expires,
        "body": body.decode(),
    }


def main():
    auth.datetime.datetime = FrozenClock
    for number in range(200):
        json.dump(one(number), sys.stdout, sort_keys=True)
        sys.stdout.write("\n")


main()
