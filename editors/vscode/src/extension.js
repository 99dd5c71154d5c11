// Starts `croft lsp` for descriptions and hands it the settings.
"use strict";
const { commands, workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { clientOptions, serverOptions } = require("./options");

let client;

async function start() {
  const settings = workspace.getConfiguration("croft");
  client = new LanguageClient("croft", "croft", serverOptions(settings), {
    ...clientOptions(settings),
    synchronize: { configurationSection: "croft", fileEvents: workspace.createFileSystemWatcher("**/*.sf") },
  });
  await client.start();
}

async function activate(context) {
  context.subscriptions.push(
    commands.registerCommand("croft.restart", async () => {
      if (client) await client.stop();
      await start();
    }),
  );
  await start();
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
