// Drives `croft lsp` with the protocol's reference client over stdio. CROFT_BINARY names the program.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const rpc = require("vscode-languageserver-protocol/node");

const root = path.resolve(__dirname, "../..");
const binary = process.env.CROFT_BINARY || path.join(root, "build/release/croft");
const limit = 60_000;

/** Rejects when nothing came in time, so that a failure names what was waited for. */
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limit} ms: ${what}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Also a client that nobody stopped (a failed test, a server that was killed) leaves no folder.
const folders = new Set();
process.on("exit", () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

class Client {
  constructor(environment = {}) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "croft-lsp-"));
    folders.add(this.folder);
    this.process = spawn(binary, ["lsp"], {
      cwd: this.folder,
      env: { ...process.env, XDG_CACHE_HOME: path.join(this.folder, ".cache"), ...environment },
    });
    this.ended = new Promise((resolve) => this.process.on("exit", (code, signal) => resolve(code ?? signal)));
    this.connection = rpc.createProtocolConnection(
      new rpc.StreamMessageReader(this.process.stdout),
      new rpc.StreamMessageWriter(this.process.stdin),
    );
    this.published = new Map();
    this.waiting = [];
    this.logs = [];
    this.connection.onNotification(rpc.PublishDiagnosticsNotification.type, (params) => {
      this.published.set(params.uri, params);
      this.waiting = this.waiting.filter((one) => !one(params));
    });
    this.connection.onNotification(rpc.LogMessageNotification.type, (params) => this.logs.push(params.message));
    this.connection.listen();
  }

  async start(options = {}) {
    const result = await this.request(rpc.InitializeRequest.type, {
      processId: process.pid,
      rootUri: this.uri(""),
      capabilities: options.capabilities || {},
      initializationOptions: options.settings,
      workspaceFolders: null,
    });
    this.connection.sendNotification(rpc.InitializedNotification.type, {});
    return result;
  }

  request(type, params) {
    return within(this.connection.sendRequest(type, params), type.method);
  }

  file(name) {
    return path.join(this.folder, name);
  }
  uri(name) {
    return pathToFileURL(this.file(name)).href;
  }

  /** Writes a file, without opening it. */
  write(name, text) {
    fs.mkdirSync(path.dirname(this.file(name)), { recursive: true });
    fs.writeFileSync(this.file(name), text);
  }

  /** Opens a text and waits for its diagnostics. */
  async open(name, text, version = 1) {
    const uri = this.uri(name);
    const wait = this.diagnosed(uri, version);
    this.connection.sendNotification(rpc.DidOpenTextDocumentNotification.type, {
      textDocument: { uri, languageId: "smartfrog", version, text },
    });
    return wait;
  }

  async change(name, version, contentChanges) {
    const uri = this.uri(name);
    const wait = this.diagnosed(uri, version);
    this.connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, {
      textDocument: { uri, version },
      contentChanges,
    });
    return wait;
  }

  diagnosed(uri, version) {
    const seen = new Promise((resolve) => {
      this.waiting.push((params) => {
        const wanted = params.uri === uri && params.version >= version;
        if (wanted) resolve(params.diagnostics);
        return wanted;
      });
    });
    return within(seen, `diagnostics of ${uri}`);
  }

  /** Asks about the place of `marker` in the text (its start, or `by` characters further). */
  at(name, text, marker, by = 0) {
    const offset = text.indexOf(marker) + by;
    if (offset < by) throw new Error(`no '${marker}' in the text`);
    const before = text.slice(0, offset).split("\n");
    return {
      textDocument: { uri: this.uri(name) },
      position: { line: before.length - 1, character: before.at(-1).length },
    };
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await this.request(rpc.ShutdownRequest.type, undefined);
      this.connection.sendNotification(rpc.ExitNotification.type);
    }
    const code = await within(this.ended, "the end of the server");
    this.connection.dispose();
    fs.rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}

/** The text after the edits of one document. */
function edited(text, edits) {
  const lines = text.split("\n");
  const starts = [];
  let at = 0;
  for (const line of lines) {
    starts.push(at);
    at += line.length + 1;
  }
  const offset = (p) => Math.min(p.line >= lines.length ? text.length : starts[p.line] + p.character, text.length);
  let out = text;
  for (const edit of [...edits].sort((a, b) => offset(b.range.start) - offset(a.range.start)))
    out = out.slice(0, offset(edit.range.start)) + edit.newText + out.slice(offset(edit.range.end));
  return out;
}

module.exports = { Client, binary, edited, root, rpc, within };
