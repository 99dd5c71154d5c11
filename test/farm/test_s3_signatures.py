"""What a signature covers beyond the head: bodies, chunks, trailers, and requests that were tampered with on the way.
The head's own cases are a table in src/farm/api/auth_test.cpp. Signed here by botocore and by hand, not by croft."""
import base64
import datetime
import hashlib
import hmac
import http.client
import uuid
import zlib
from urllib.parse import quote

import pytest

EMPTY = hashlib.sha256(b"").hexdigest()


class Signer:
    """SigV4 by hand, so that each part can be made wrong."""

    def __init__(self, account, port, service="s3"):
        self.key, self.secret, self.port, self.service = account["accessKey"], account["secretKey"], port, service

    def hmac_chain(self, date):
        out = ("AWS4" + self.secret).encode()
        for part in (date, "us-east-1", self.service, "aws4_request"):
            out = hmac.new(out, part.encode(), hashlib.sha256).digest()
        return out

    def headers(self, method, path, payload_hash, extra=None, query=""):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.amz_date, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        self.scope = f"{date}/us-east-1/{self.service}/aws4_request"
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-date": self.amz_date, "x-amz-content-sha256": payload_hash}
        headers.update({k.lower(): v for k, v in (extra or {}).items()})
        names = sorted(headers)
        canonical = "\n".join([method, quote(path), query, *[f"{n}:{headers[n]}" for n in names], "", ";".join(names), payload_hash])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", self.amz_date, self.scope, hashlib.sha256(canonical.encode()).hexdigest()])
        self.signing_key = self.hmac_chain(date)
        self.seed = hmac.new(self.signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{self.scope}, "
                                    f"SignedHeaders={';'.join(names)}, Signature={self.seed}")
        return headers

    def chunk_signature(self, previous, data):
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", self.amz_date, self.scope, previous, EMPTY, hashlib.sha256(data).hexdigest()])
        return hmac.new(self.signing_key, text.encode(), hashlib.sha256).hexdigest()

    def trailer_signature(self, previous, trailers):
        text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", self.amz_date, self.scope, previous,
                          hashlib.sha256(trailers.encode()).hexdigest()])
        return hmac.new(self.signing_key, text.encode(), hashlib.sha256).hexdigest()

    def signed_chunks(self, pieces):
        previous, out = self.seed, b""
        for data in [*pieces, b""]:
            previous = self.chunk_signature(previous, data)
            out += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), previous.encode(), data)
        self.last = previous
        return out


@pytest.fixture(scope="module")
def bucket(s3):
    name = "s-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def signer(farm, account):
    return Signer(account, farm.port)


def send(farm, method, path, headers, body=b"", chunked=False):
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=20)
    try:
        connection.putrequest(method, quote(path, safe="/?"), skip_host=True, skip_accept_encoding=True)
        if chunked:
            headers = {**headers, "transfer-encoding": "chunked"}
        elif "content-length" not in headers:
            headers = {**headers, "content-length": str(len(body))}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        if chunked:
            for i in range(0, len(body), 1000):
                piece = body[i:i + 1000]
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send(b"0\r\n\r\n")
        else:
            connection.send(body)
        answer = connection.getresponse()
        text = answer.read().decode()
        code = text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""
        return answer.status, code
    finally:
        connection.close()


def stored(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)


SIZES = [[], [b"x" * 10], [b"a" * 8192, b"b" * 8192, b"c" * 100], [b"z" * 65536, b"y" * 65536]]


@pytest.mark.parametrize("pieces", SIZES, ids=range(len(SIZES)))
def test_signed_chunks(farm, s3, bucket, signer, pieces):
    data = b"".join(pieces)
    headers = signer.headers("PUT", f"/{bucket}/chunked", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                             {"x-amz-decoded-content-length": str(len(data)), "content-encoding": "aws-chunked,gzip"})
    assert send(farm, "PUT", f"/{bucket}/chunked", headers, signer.signed_chunks(pieces)) == (200, "")
    got = stored(s3, bucket, "chunked")
    assert got["Body"].read() == data and got["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [5, 100000])
def test_unsigned_chunks_with_trailer(farm, s3, bucket, signer, chunked, size):
    data = bytes(range(256)) * (size // 256) + b"t" * (size % 256)
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    headers = signer.headers("PUT", f"/{bucket}/trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                             {"x-amz-decoded-content-length": str(len(data)), "x-amz-trailer": "x-amz-checksum-crc32",
                              "content-encoding": "aws-chunked"})
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(data), data, crc.encode())
    assert send(farm, "PUT", f"/{bucket}/trailer", headers, body, chunked) == (200, "")
    got = s3.get_object(Bucket=bucket, Key="trailer", ChecksumMode="ENABLED")
    assert got["Body"].read() == data and got["ChecksumCRC32"] == crc and "ContentEncoding" not in got
    wrong = body.replace(crc.encode(), b"AAAAAA==")
    assert send(farm, "PUT", f"/{bucket}/trailer2", headers | signer.headers(
        "PUT", f"/{bucket}/trailer2", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        {"x-amz-decoded-content-length": str(len(data)), "x-amz-trailer": "x-amz-checksum-crc32",
         "content-encoding": "aws-chunked"}), wrong, chunked) == (400, "BadDigest")


@pytest.mark.parametrize("announced,sent,expected", [
    ("", "", (200, "")),
    ("", "x-amz-checksum-crc32:{}\r\n", (400, "MalformedTrailerError")),
    ("x-amz-checksum-crc32", "x-amz-checksum-crc32:{}\r\nx-amz-meta-a:b\r\n", (400, "MalformedTrailerError")),
    ("x-amz-checksum-crc32", "x-amz-checksum-sha1:{}\r\n", (400, "MalformedTrailerError")),
    ("x-amz-checksum-crc32", "", (400, "MalformedTrailerError")),
    ("X-Amz-Checksum-CRC32", "X-Amz-Checksum-CRC32:{}\r\n", (200, "")),
])
def test_only_announced_trailers_come(farm, s3, bucket, signer, announced, sent, expected):
    data = b"some data"
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    path = f"/{bucket}/announced-{uuid.uuid4().hex}"
    extra = {"x-amz-decoded-content-length": str(len(data))} | ({"x-amz-trailer": announced} if announced else {})
    headers = signer.headers("PUT", path, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", extra)
    body = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(data), data, sent.format(crc).encode())
    assert send(farm, "PUT", path, headers, body) == expected
    there = s3.list_objects_v2(Bucket=bucket, Prefix=path.split("/")[2])["KeyCount"]
    assert there == (expected[0] == 200)


def test_signed_trailer(farm, s3, bucket, signer):
    data = b"q" * 20000
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    path = f"/{bucket}/signed-trailer"
    extra = {"x-amz-decoded-content-length": str(len(data)), "x-amz-trailer": "x-amz-checksum-crc32"}
    headers = signer.headers("PUT", path, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", extra)
    body = signer.signed_chunks([data])[:-2]
    line = f"x-amz-checksum-crc32:{crc}\n"
    trailer = f"x-amz-checksum-crc32:{crc}\r\nx-amz-trailer-signature:{signer.trailer_signature(signer.last, line)}\r\n\r\n"
    assert send(farm, "PUT", path, headers, body + trailer.encode()) == (200, "")
    headers = signer.headers("PUT", path, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", extra)
    body = signer.signed_chunks([data])[:-2]
    trailer = f"x-amz-checksum-crc32:{crc}\r\nx-amz-trailer-signature:{'0' * 64}\r\n\r\n"
    assert send(farm, "PUT", path, headers, body + trailer.encode()) == (403, "SignatureDoesNotMatch")


def streaming(signer, path, length, **extra):
    return signer.headers("PUT", path, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                          {"x-amz-decoded-content-length": str(length), **extra})


TAMPERED = {
    "data changed": lambda b, s: b.replace(b"aaaa", b"aaab", 1),
    "signature changed": lambda b, s: b.replace(b"chunk-signature=" + b[b.index(b"=") + 1:b.index(b"=") + 5], b"chunk-signature=0000", 1),
    "signature missing": lambda b, s: b.replace(b[b.index(b";"):b.index(b"\r\n")], b"", 1),
    "chunks swapped": lambda b, s: s.swapped,
    "last chunk missing": lambda b, s: b[:b.rindex(b"0;chunk-signature=")],
    "chunk left out": lambda b, s: s.without_first,
    "size not hex": lambda b, s: b.replace(b"2000;", b"20g0;", 1),
    "size huge": lambda b, s: b.replace(b"2000;", b"ffffffffffffffffff;", 1),
    "surplus after the end": lambda b, s: b + b"more",
}


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("count", [2, 8])
def test_tampered_chunks(farm, s3, bucket, signer, name, count):
    path = f"/{bucket}/tampered"
    pieces = [b"a" * 8192] + [bytes([98 + i]) * 8192 for i in range(count - 1)]
    headers = streaming(signer, path, 8192 * count)
    body = signer.signed_chunks(pieces)
    size = len(b"2000;chunk-signature=") + 64 + 2 + 8192 + 2
    signer.swapped = body[size:2 * size] + body[:size] + body[2 * size:]
    signer.without_first = body[size:]
    status, code = send(farm, "PUT", path, headers, TAMPERED[name](body, signer))
    assert (status, code) in ((403, "SignatureDoesNotMatch"), (400, "IncompleteBody")), (status, code)
    with pytest.raises(s3.exceptions.NoSuchKey):
        stored(s3, bucket, "tampered")


@pytest.mark.parametrize("declared", [0, 5, 11, 10 ** 13])
def test_wrong_decoded_length(farm, bucket, signer, declared):
    path = f"/{bucket}/length"
    headers = streaming(signer, path, declared)
    status, code = send(farm, "PUT", path, headers, signer.signed_chunks([b"x" * 10]))
    assert status == 400 and code in ("IncompleteBody", "EntityTooLarge")


@pytest.mark.parametrize("size", [10, 100000])
def test_payload_hash_of_other_data(farm, s3, bucket, signer, size):
    path = f"/{bucket}/hash"
    headers = signer.headers("PUT", path, hashlib.sha256(b"other").hexdigest())
    assert send(farm, "PUT", path, headers, b"x" * size) == (400, "XAmzContentSHA256Mismatch")
    with pytest.raises(s3.exceptions.NoSuchKey):
        stored(s3, bucket, "hash")


def test_xml_body_is_covered_too(farm, s3, bucket, signer):
    path = f"/{bucket}"
    s3.put_object(Bucket=bucket, Key="victim", Body=b"x")
    evil = b"<Delete><Object><Key>victim</Key></Object></Delete>"
    md5 = base64.b64encode(hashlib.md5(evil).digest()).decode()
    headers = signer.headers("POST", path, hashlib.sha256(b"<Delete/>").hexdigest(), {"content-md5": md5}, "delete=")
    # Only the body is wrong.
    assert send(farm, "POST", path + "?delete", headers, evil) == (400, "XAmzContentSHA256Mismatch")
    assert stored(s3, bucket, "victim")["Body"].read() == b"x"


def test_length_is_needed(farm, bucket, signer):
    path = f"/{bucket}/nolength"
    headers = signer.headers("PUT", path, "UNSIGNED-PAYLOAD")
    assert send(farm, "PUT", path, headers, b"x" * 10, chunked=True) == (411, "MissingContentLength")


def test_cut_body_leaves_nothing(farm, s3, bucket, signer):
    import socket
    path = f"/{bucket}/cut"
    headers = signer.headers("PUT", path, "UNSIGNED-PAYLOAD")
    head = f"PUT {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "content-length: 200000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", farm.port), timeout=10) as stream:
        stream.sendall(head.encode() + b"x" * 100000)
    with pytest.raises(s3.exceptions.NoSuchKey):
        stored(s3, bucket, "cut")


def test_sigv2_says_what_to_set(farm, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=10)
    connection.request("GET", f"/{bucket}/x?AWSAccessKeyId=AKIAX&Signature=abc&Expires=9999999999")
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 400 and "InvalidRequest" in text and "signature_version='s3v4'" in text
    connection.request("GET", "/?Action=DescribeRegions&AWSAccessKeyId=AKIAX&SignatureVersion=2&SignatureMethod=HmacSHA256&Signature=a")
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 401 and "AuthFailure" in text and "libcloud" in text


def test_other_services(farm, account):
    signer = Signer(account, farm.port, "iam")
    headers = signer.headers("POST", "/", EMPTY)
    status, code = send(farm, "POST", "/", headers, b"Action=ListUsers&Version=2010-05-08")
    assert (status, code) == (501, "NotImplemented")


SMUGGLED = [
    b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
    "GET /ü HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    b"GET /x HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("raw", SMUGGLED, ids=range(len(SMUGGLED)))
def test_heads_that_two_parsers_may_read_differently(farm, raw):
    import socket
    with socket.create_connection(("127.0.0.1", farm.port), timeout=10) as stream:
        stream.sendall(raw)
        answer = stream.recv(4096)
    assert answer.split(b" ", 2)[1] in (b"400", b"501"), answer
