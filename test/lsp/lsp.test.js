"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { fileURLToPath } = require("node:url");
const { describe, it, beforeEach, afterEach } = require("node:test");
const { Client, edited, rpc } = require("./client");

const app = `#include "/org/smartfrog/components.sf"

/** A server of ours. */
Server extends Prim {
  host "localhost"; // where it listens
  port 80;
  url ("http://" ++ host ++ ":" ++ port);
}

sfConfig extends Compound {
  front extends Server {
    port 8080;
  }
  back extends Server;
  back:port 8081;
  peer LAZY front;
  seen front:url;
}
`;

describe("croft lsp", () => {
  let client;
  beforeEach(async () => {
    client = new Client();
  });
  afterEach(async () => {
    assert.equal(await client.stop(), 0, "shutdown, exit: code 0");
  });

  it("says what it can do", async () => {
    const { capabilities, serverInfo } = await client.start();
    assert.equal(serverInfo.name, "croft");
    assert.equal(capabilities.textDocumentSync.change, rpc.TextDocumentSyncKind.Incremental);
    assert.equal(capabilities.positionEncoding, "utf-16");
    for (const name of ["hover", "definition", "references", "documentSymbol", "documentFormatting"])
      assert.equal(capabilities[`${name}Provider`], true, name);
  });

  it("diagnoses as the text changes", async () => {
    await client.start();
    assert.deepEqual(await client.open("a.sf", app), []);
    // "seen front:url" -> "seen front:ur"
    const line = app.split("\n").findIndex((one) => one.includes("seen"));
    const at = app.split("\n")[line].indexOf("url") + 2;
    const found = await client.change("a.sf", 2, [
      { range: { start: { line, character: at }, end: { line, character: at + 1 } }, text: "" },
    ]);
    assert.equal(found.length, 1);
    assert.equal(found[0].severity, rpc.DiagnosticSeverity.Error);
    assert.match(found[0].message, /front:ur|'ur'/);
    assert.match(found[0].message, /did you mean 'url'/);
    assert.equal(found[0].range.start.line, line);
    const cured = await client.change("a.sf", 3, [
      { range: { start: { line, character: at }, end: { line, character: at } }, text: "l" },
    ]);
    assert.deepEqual(cured, []);
  });

  it("reports several syntax errors, and none in a library without sfConfig", async () => {
    await client.start();
    const found = await client.open("a.sf", "a extends {\n  x = 1;\n  y (1 + );\n}\nsfConfig extends { }\n");
    assert.ok(found.length >= 2, JSON.stringify(found));
    assert.deepEqual(await client.open("lib.sf", "T extends { needed TBD; other needed; }\n"), []);
  });

  it("shows an error of an included file where it is included", async () => {
    client.write("part.sf", "a 1;\nb = 2;\n");
    await client.start();
    const [found] = await client.open("a.sf", 'x 1;\n#include "part.sf"\nsfConfig extends { }\n');
    assert.equal(found.range.start.line, 1);
    assert.match(found.message, /part\.sf:2:3/);
    assert.equal(found.relatedInformation[0].location.uri, client.uri("part.sf"));
  });

  it("counts characters as UTF-16", async () => {
    await client.start();
    const text = 'sfConfig extends { a "𝄞é"; b wrong; }\n';
    const [found] = await client.open("a.sf", text);
    assert.equal(found.range.start.character, text.indexOf("wrong"));
    const hover = await client.request(rpc.HoverRequest.type, client.at("a.sf", text, "b wrong"));
    assert.equal(hover.range.start.character, text.indexOf("b wrong"));
  });

  it("speaks UTF-8 with a client that prefers it", async () => {
    const { capabilities } = await client.start({ capabilities: { general: { positionEncodings: ["utf-8", "utf-16"] } } });
    assert.equal(capabilities.positionEncoding, "utf-8");
    const text = 'sfConfig extends { a "é"; b wrong; }\n';
    const [found] = await client.open("a.sf", text);
    assert.equal(found.range.start.character, text.indexOf("wrong") + 1);
  });

  it("hovers over attributes, types, includes and words", async () => {
    await client.start();
    await client.open("a.sf", app);
    const at = async (marker, by) =>
      (await client.request(rpc.HoverRequest.type, client.at("a.sf", app, marker, by)))?.contents.value;
    assert.match(await at("Server {"), /A server of ours/);
    assert.match(await at("front:url", 7), /url \("http:\/\/" \+\+ host/);
    assert.match(await at("seen"), /= `"http:\/\/localhost:8080"`/);
    assert.match(await at("host \"localhost\""), /where it listens/);
    assert.match(await at("/org/smartfrog"), /\/org\/smartfrog\/components\.sf/);
    assert.match(await at("LAZY"), /link/);
    assert.match(await at("Compound"), /compound\.sf/);
    assert.equal(await at("8081"), undefined);
  });

  it("completes types, attributes, members, values and files", async () => {
    await client.start();
    const complete = async (text, marker = "|", more = {}) => {
      const params = { ...client.at("c.sf", text, marker), ...more };
      await client.open("c.sf", text.replace(marker, ""), ++version);
      const list = await client.request(rpc.CompletionRequest.type, params);
      return list.items;
    };
    let version = 0;
    const labels = (items) => items.map((one) => one.label);
    const head = app.replace("sfConfig extends Compound {", "sfConfig extends Compound {\n@");
    const type = await complete(head.replace("@", "x extends Ser|"));
    assert.ok(labels(type).includes("Server"));
    const far = type.find((one) => one.label === "S3Bucket");
    assert.match(far.additionalTextEdits[0].newText, /^#include "\/org\/smartfrog\/.*s3.*"\n$/);
    assert.deepEqual(labels(await complete(head.replace("@", "x front:|"))).slice(0, 3).sort(), ["host", "port", "url"].sort());
    const keys = await complete(head.replace("@", "x extends Server {\n ho|\n}"));
    assert.ok(labels(keys).includes("host"));
    assert.ok(!labels(keys).includes("Server"));
    const values = labels(await complete(head.replace("@", "x |")));
    for (const wanted of ["front", "LAZY", "extends", "true"]) assert.ok(values.includes(wanted), wanted);
    const files = labels(await complete('#include "|"\n'));
    assert.ok(files.includes("/org/smartfrog/components.sf"));
    const blank = { context: { triggerKind: 2, triggerCharacter: " " } };
    assert.ok((await complete(head.replace("@", "x extends |"), "|", blank)).length > 100);
    assert.deepEqual(await complete(head.replace("@", "x 1; |"), "|", blank), []);
    assert.deepEqual(await complete("// comment |\nsfConfig extends { }\n"), []);
  });

  it("goes to definitions, into included files and the library", async () => {
    client.write("lib/part.sf", "// first\nDeep extends { in extends { leaf 1; } }\n");
    await client.start();
    const text = `#include "lib/part.sf"\n${app.replace("peer LAZY front;", "far extends Deep; leaf far:in:leaf;")}`;
    await client.open("a.sf", text);
    const go = (marker, by) => client.request(rpc.DefinitionRequest.type, client.at("a.sf", text, marker, by));
    const server = await go("front extends Server", 15);
    assert.equal(server.uri, client.uri("a.sf"));
    assert.equal(text.split("\n")[server.range.start.line], "Server extends Prim {");
    const leaf = await go("far:in:leaf", 8);
    assert.equal(leaf.uri, client.uri("lib/part.sf"));
    assert.deepEqual(leaf.range.start, { line: 1, character: 28 });
    assert.equal((await go("lib/part.sf")).uri, client.uri("lib/part.sf"));
    const prim = await go("Prim {");
    const file = fileURLToPath(prim.uri);
    assert.match(file, /library-[0-9.]+\/org\/smartfrog\/sfcore\/prim\/prim\.sf$/);
    assert.match(fs.readFileSync(file, "utf8").split("\n")[prim.range.start.line], /^Prim extends/);
    assert.equal(await go("8081"), null);
  });

  it("finds references, in files that are not open too", async () => {
    client.write("other.sf", '#include "a.sf"\nmore extends Server { port 1; }\n');
    client.write("a.sf", app);
    await client.start();
    await client.open("a.sf", app);
    const params = { ...client.at("a.sf", app, "port 80"), context: { includeDeclaration: true } };
    const found = await client.request(rpc.ReferencesRequest.type, params);
    const shown = found.map((one) => `${one.uri.split("/").at(-1)}:${one.range.start.line}`).sort();
    assert.deepEqual(shown, ["a.sf:11", "a.sf:14", "a.sf:5", "a.sf:6", "other.sf:1"].sort());
    const without = await client.request(rpc.ReferencesRequest.type, { ...params, context: { includeDeclaration: false } });
    assert.deepEqual(without.map((one) => one.range.start.line), [6]);
  });

  it("renames what means the same, and nothing else", async () => {
    client.write("other.sf", '#include "a.sf"\nmore extends Server { port 1; }\nport 7;\n');
    client.write("a.sf", app);
    await client.start();
    await client.open("a.sf", app);
    const params = client.at("a.sf", app, "port 80");
    const prepared = await client.request(rpc.PrepareRenameRequest.type, params);
    assert.equal(prepared.placeholder, "port");
    const { changes } = await client.request(rpc.RenameRequest.type, { ...params, newName: "socket" });
    const text = edited(app, changes[client.uri("a.sf")]);
    assert.equal(text, app.replaceAll(/\bport\b/g, "socket"));
    const other = edited(fs.readFileSync(client.file("other.sf"), "utf8"), changes[client.uri("other.sf")]);
    assert.equal(other, '#include "a.sf"\nmore extends Server { socket 1; }\nport 7;\n');
    // The description means the same under the new name.
    assert.deepEqual(await client.open("renamed.sf", text), []);
  });

  it("renames what environments place, too", async () => {
    const text =
      '#include "/org/smartfrog/components.sf"\nsfConfig extends Compound { front extends Prim { port 1; } }\n' +
      "environments extends Environments { dev extends { sfConfig:front:port 2; } prod extends dev { sfConfig:front:port 3; } }\n";
    await client.start();
    await client.open("e.sf", text);
    const params = client.at("e.sf", text, "front extends");
    const { changes } = await client.request(rpc.RenameRequest.type, { ...params, newName: "edge" });
    assert.equal(edited(text, changes[client.uri("e.sf")]), text.replaceAll(/\bfront\b/g, "edge"));
  });

  it("refuses names that would break the description", async () => {
    await client.start();
    await client.open("a.sf", app);
    const rename = (marker, newName, by) =>
      client.request(rpc.RenameRequest.type, { ...client.at("a.sf", app, marker, by), newName });
    await assert.rejects(rename("port 80", "host"), /there is a 'host' already/);
    await assert.rejects(rename("port 80", "two words"), /is no name/);
    await assert.rejects(rename("port 80", "extends"), /is no name/);
    await assert.rejects(rename("Prim {", "Mine"), /library/);
    await assert.rejects(rename("sfConfig", "other"), /meaning of its own/);
    await assert.rejects(rename("8081", "x"), /nothing to rename/);
  });

  it("outlines and formats", async () => {
    await client.start();
    await client.open("a.sf", app);
    const symbols = await client.request(rpc.DocumentSymbolRequest.type, { textDocument: { uri: client.uri("a.sf") } });
    assert.deepEqual(symbols.map((one) => one.name), ["Server", "sfConfig"]);
    assert.deepEqual(symbols[1].children.map((one) => one.name), ["front", "back", "back:port", "peer", "seen"]);
    const ugly = "a   1;b 2\nsfConfig extends{x 1;}\n";
    await client.open("u.sf", ugly);
    const edits = await client.request(rpc.DocumentFormattingRequest.type, {
      textDocument: { uri: client.uri("u.sf") },
      options: { tabSize: 2, insertSpaces: true },
    });
    const text = edited(ugly, edits);
    assert.equal(text, "a 1;\nb 2;\nsfConfig extends { x 1; }\n");
    const broken = "a extends {\n";
    await client.open("b.sf", broken);
    const none = await client.request(rpc.DocumentFormattingRequest.type, {
      textDocument: { uri: client.uri("b.sf") },
      options: { tabSize: 2, insertSpaces: true },
    });
    assert.deepEqual(none, []);
  });

  it("looks again when an included text changes in another window", async () => {
    await client.start();
    await client.open("part.sf", "value 1;\n");
    const text = '#include "part.sf"\nsfConfig extends { sfClass "croft.Prim"; x value; }\n';
    assert.deepEqual(await client.open("a.sf", text), []);
    const again = client.diagnosed(client.uri("a.sf"), 1);
    client.connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, {
      textDocument: { uri: client.uri("part.sf"), version: 2 },
      contentChanges: [{ text: "other 1;\n" }],
    });
    assert.match((await again)[0].message, /value/);
  });

  it("takes include folders and properties from the settings", async () => {
    client.write("library/mine.sf", "v PROPERTY level;\n");
    await client.start({ settings: { include: [client.file("library")], properties: { level: "high" } } });
    const text = '#include "mine.sf"\nsfConfig extends { sfClass "croft.Prim"; x v; }\n';
    assert.deepEqual(await client.open("a.sf", text), []);
    const hover = await client.request(rpc.HoverRequest.type, client.at("a.sf", text, "x v"));
    assert.match(hover.contents.value, /"high"/);
  });

  it("refuses what it does not know, and goes on", async () => {
    await client.start();
    await assert.rejects(client.connection.sendRequest("textDocument/unheardOf", {}), /does not know/);
    await assert.rejects(client.request(rpc.HoverRequest.type, client.at("none.sf", "x", "x")), /not open/);
    await assert.rejects(client.connection.sendRequest("textDocument/hover", { textDocument: 5 }), /not open/);
    assert.deepEqual(await client.open("a.sf", app), []);
  });
});
