// Drives the farm with the JavaScript SDK: node client.mjs ENDPOINT KEY SECRET BUCKET
// Buffers and streams (a stream goes out as aws-chunked with a trailer). Prints what it saw as JSON.
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import * as s3 from "@aws-sdk/client-s3";

const [endpoint, accessKeyId, secretAccessKey, Bucket] = process.argv.slice(2);
const client = new s3.S3Client({
  endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  maxAttempts: 1,
  credentials: { accessKeyId, secretAccessKey },
});
const hash = (data) => createHash("sha256").update(data).digest("hex");
const body = async (Key, more = {}) =>
  Buffer.from(await (await client.send(new s3.GetObjectCommand({ Bucket, Key, ...more }))).Body.transformToByteArray());
const seen = {};

await client.send(new s3.CreateBucketCommand({ Bucket }));
const small = Buffer.from("grüße\n");
const large = randomBytes(6 * 1024 * 1024);

seen.buffer = await client.send(new s3.PutObjectCommand({ Bucket, Key: "buffer", Body: small, Metadata: { colour: "blue" } }));
seen.bufferBack = (await body("buffer")).toString();
seen.metadata = (await client.send(new s3.HeadObjectCommand({ Bucket, Key: "buffer" }))).Metadata;

// A stream of known length: the SDK sends STREAMING-UNSIGNED-PAYLOAD-TRAILER in HTTP chunks.
await client.send(new s3.PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from([large.subarray(0, 100_000), large.subarray(100_000)]), ContentLength: large.length }));
const stored = await client.send(new s3.GetObjectCommand({ Bucket, Key: "stream", ChecksumMode: "ENABLED" }));
seen.streamSame = hash(Buffer.from(await stored.Body.transformToByteArray())) === hash(large);
seen.streamChecksum = stored.ChecksumCRC32;
seen.contentEncoding = stored.ContentEncoding ?? null;

for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  try {
    const put = await client.send(new s3.PutObjectCommand({ Bucket, Key: "sum-" + algorithm, Body: small, ChecksumAlgorithm: algorithm }));
    (seen.checksums ??= {})[algorithm] = put["Checksum" + algorithm];
  } catch (error) {
    // CRC64NVME needs an optional package of the SDK.
    if (!/crt/i.test(String(error))) throw error;
  }
}

const upload = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
const Parts = [];
for (const [index, piece] of [large, small].entries()) {
  const part = await client.send(new s3.UploadPartCommand({ Bucket, Key: "parts", UploadId: upload.UploadId, PartNumber: index + 1, Body: piece }));
  Parts.push({ ETag: part.ETag, PartNumber: index + 1, ChecksumCRC32: part.ChecksumCRC32 });
}
seen.completed = (await client.send(new s3.CompleteMultipartUploadCommand({ Bucket, Key: "parts", UploadId: upload.UploadId, MultipartUpload: { Parts } }))).ETag;
seen.partsSame = hash(await body("parts")) === hash(Buffer.concat([large, small]));
seen.secondPart = (await body("parts", { PartNumber: 2 })).toString();

seen.list = (await client.send(new s3.ListObjectsV2Command({ Bucket, Prefix: "s", Delimiter: "-" }))).KeyCount;
await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/buffer` }));
seen.copy = (await body("copy")).toString();
try {
  await client.send(new s3.PutObjectCommand({ Bucket, Key: "copy", Body: "x", IfNoneMatch: "*" }));
} catch (error) {
  seen.refused = error.name;
}
try {
  await body("absent");
} catch (error) {
  seen.absent = error.name;
}
const keys = (await client.send(new s3.ListObjectsV2Command({ Bucket }))).Contents.map(({ Key }) => ({ Key }));
seen.deleted = (await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: keys } }))).Deleted.length;
seen.keys = keys.length;
await client.send(new s3.DeleteBucketCommand({ Bucket }));
console.log(JSON.stringify(seen));
