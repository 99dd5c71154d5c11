// How the server is started and what it is told; apart from vscode's own modules, so that a test can read it.
"use strict";

function serverOptions(settings) {
  return { command: settings.get("path"), args: ["lsp"] };
}

function clientOptions(settings) {
  return {
    documentSelector: [{ language: "smartfrog" }],
    initializationOptions: { include: settings.get("include"), properties: settings.get("properties") },
  };
}

module.exports = { clientOptions, serverOptions };
