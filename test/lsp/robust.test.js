"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { spawn } = require("node:child_process");
const { it } = require("node:test");
const { Client, binary, root, rpc, within } = require("./client");

const frame = (body) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const initialize = frame(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { capabilities: {} } }));
const finish = frame('{"jsonrpc":"2.0","id":99,"method":"shutdown"}') + frame('{"jsonrpc":"2.0","method":"exit"}');

/** What the server answers to raw bytes, and its exit code. */
async function raw(bytes) {
  const server = spawn(binary, ["lsp"]);
  let out = "";
  server.stdout.on("data", (data) => (out += data));
  server.stdin.on("error", () => {});
  server.stdin.end(bytes);
  const code = await within(new Promise((resolve) => server.on("close", resolve)), "the end of the server");
  return { out, code };
}

it("skips garbage and goes on", async () => {
  const { out, code } = await raw(`GET / HTTP/1.1\r\n\r\n\0\x01garbage${"x".repeat(20_000)}${initialize}${finish}`);
  assert.equal(code, 0);
  assert.match(out, /"id":1,"result":\{"capabilities"/);
});

it("answers broken JSON with an error and goes on", async () => {
  const { out, code } = await raw(frame("{nonsense") + frame("[1,2]") + frame("[".repeat(5000)) + initialize + finish);
  assert.equal(code, 0);
  assert.equal(out.match(/"code":-32700/g).length, 3);
  assert.match(out, /"id":1,"result"/);
});

it("refuses a request before initialize", async () => {
  const { out } = await raw(frame('{"jsonrpc":"2.0","id":7,"method":"textDocument/hover","params":{}}') + initialize + finish);
  assert.match(out, /"id":7,"error":\{"code":-32002/);
});

it("ends with code 1 when the client vanishes", async () => {
  const { code } = await raw(initialize);
  assert.equal(code, 1);
});

it("skips a message above the limit", async () => {
  const size = 128 * 1024 * 1024 + 1;
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const bytes = Buffer.concat([
    Buffer.from(initialize + `Content-Length: ${size}\r\n\r\n`),
    ...Array(128).fill(chunk),
    Buffer.from(" " + finish),
  ]);
  const { out, code } = await raw(bytes);
  assert.equal(code, 0);
  assert.match(out, /a message of 134217729 bytes was skipped/);
});

it("survives every case of the conformance suite, and edits that cut it anywhere", async () => {
  const client = new Client();
  await client.start();
  const folder = path.join(root, "test/lang/conformance");
  let version = 0;
  for (const name of fs.readdirSync(folder).filter((one) => one.endsWith(".sf"))) {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    const cut = text.slice(0, Math.floor((text.length * ((version * 7) % 10)) / 10));
    client.connection.sendNotification(rpc.DidOpenTextDocumentNotification.type, {
      textDocument: { uri: client.uri("case.sf"), languageId: "smartfrog", version: ++version, text: cut },
    });
    const lines = cut.split("\n");
    const position = { line: lines.length - 1, character: lines.at(-1).length };
    const textDocument = { uri: client.uri("case.sf") };
    await client.request(rpc.CompletionRequest.type, { textDocument, position });
    await client.request(rpc.HoverRequest.type, { textDocument, position });
    await client.request(rpc.DefinitionRequest.type, { textDocument, position });
    await client.request(rpc.ReferencesRequest.type, { textDocument, position, context: { includeDeclaration: true } });
    await client.request(rpc.DocumentSymbolRequest.type, { textDocument });
  }
  assert.ok(version > 100);
  assert.deepEqual(await client.open("ok.sf", 'sfConfig extends { sfClass "croft.Prim"; a 1; }\n'), []);
  assert.equal(await client.stop(), 0);
});

it("stays alive with endless descriptions and deep nesting", async () => {
  const client = new Client();
  await client.start();
  const [cycle] = await client.open("cycle.sf", "a extends b; b extends a;\nsfConfig extends a;\n");
  assert.match(cycle.message, /itself|each other|cycle|circle/);
  const deep = await client.open("deep.sf", "a extends { ".repeat(5000));
  assert.match(deep[0].message, /nested deeper/);
  const lines = ["a0 extends { x 1; }"];
  for (let i = 1; i < 40; ++i) lines.push(`a${i} extends { l extends a${i - 1}; r extends a${i - 1}; }`);
  const [bomb] = await client.open("bomb.sf", `${lines.join("\n")}\nsfConfig extends a39;\n`);
  assert.match(bomb.message, /components/);
  assert.equal(await client.stop(), 0);
});
