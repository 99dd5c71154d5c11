// The extension folder hangs together: what package.json names is there, and the server is started as it should be.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { it } = require("node:test");
const { Client, root } = require("./client");

const folder = path.join(root, "editors/vscode");
const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
const { clientOptions, serverOptions } = require(path.join(folder, "src/options.js"));

const defaults = {
  get: (name) => manifest.contributes.configuration.properties[`croft.${name}`].default,
};

it("names files that are there", () => {
  const [language] = manifest.contributes.languages;
  const [grammar] = manifest.contributes.grammars;
  for (const file of [manifest.main, language.configuration, grammar.path]) assert.ok(fs.existsSync(path.join(folder, file)), file);
  assert.equal(JSON.parse(fs.readFileSync(path.join(folder, grammar.path), "utf8")).scopeName, grammar.scopeName);
  JSON.parse(fs.readFileSync(path.join(folder, language.configuration), "utf8"));
});

it("has a word pattern that takes names of the language whole", () => {
  const { wordPattern } = JSON.parse(fs.readFileSync(path.join(folder, "language-configuration.json"), "utf8"));
  const pattern = new RegExp(`^(?:${wordPattern})$`);
  for (const name of ["dfs.block.size", "permission_a+rw", "test.aws-id", "$x"]) assert.match(name, pattern);
});

it("hands over settings that the server takes", async () => {
  const server = serverOptions(defaults);
  assert.deepEqual(server, { command: "croft", args: ["lsp"] });
  const client = new Client();
  await client.start({ settings: clientOptions(defaults).initializationOptions });
  assert.deepEqual(await client.open("a.sf", 'sfConfig extends { sfClass "croft.Prim"; }\n'), []);
  assert.equal(await client.stop(), 0);
});
