// The TextMate grammar against a scanner written from the language reference, 1.1: over every description at
// hand both must agree which characters are comments, texts, bytes, numbers and reserved words.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { it, before } = require("node:test");
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const root = path.resolve(__dirname, "../..");
const grammarFile = path.join(root, "editors/vscode/syntaxes/smartfrog.tmLanguage.json");
let grammar;

before(async () => {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(grammarFile, "utf8"), grammarFile),
  });
  grammar = await registry.loadGrammar("source.smartfrog");
});

/** The innermost scope of every character. */
function scopes(text) {
  let state = textmate.INITIAL;
  return text.split("\n").map((line) => {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    const out = [];
    for (const token of result.tokens)
      for (let i = token.startIndex; i < Math.min(token.endIndex, line.length); ++i) out.push(token.scopes);
    return out;
  });
}

const reserved = new Set(
  ("APPLY ASSERT ATTRIB DATA extends false HERE HOST PROPERTY IPROPERTY ENVPROPERTY IENVPROPERTY CONSTANT LAZY NULL " +
    "OPTIONAL PARENT PROCESS ROOT TBD THIS true IF THEN ELSE FI SWITCH ENDSWITCH VAR").split(" "));

// In the order in which they are tried; longest match is what the order gives.
const tokens = [
  ["comment", /\/\*\*\/|\/\*[^]*?\*\/|\/\/[^\n]*/y],
  ["directive", /#include\?|#include|#codebase/y],
  ["bytes", /#(?:HEX|DEC|OCT|BIN|B64)#[^#]*#/y],
  ["text", /##(?:\\[^]|[^\\#])*#|"(?:\\.|[^\\"\n])*"/y],
  ["number", /-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[lLdDfF]?/y],
  ["word", /(?:[A-Za-z_$\u00a2-\u00ff]|\\u[0-9a-fA-F]{4})(?:[\w.\-+@#~$%^&\u00a2-\u00ff]|\\u[0-9a-fA-F]{4})*/y],
  ["blank", /\s+/y],
  ["mark", /[^]/y],
];

/** [kind, start, end] of every token; null when the text has an error of the lexer. */
function scan(text) {
  const out = [];
  for (let at = 0; at < text.length; ) {
    for (const [kind, pattern] of tokens) {
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (!found) continue;
      if (kind === "mark" && (/["#\\]/.test(found[0]) || text.startsWith("/*", at))) return null;
      const name = kind === "word" && reserved.has(found[0]) ? "reserved" : kind;
      out.push([name, at, at + found[0].length]);
      at += found[0].length;
      break;
    }
  }
  return out;
}

const expected = {
  comment: /^comment\./,
  directive: /^keyword\.control\.directive/,
  bytes: /^constant\.other\.bytes/,
  text: /^string\./,
  number: /^constant\.numeric/,
  reserved: /^(keyword\.other|keyword\.control\.conditional|storage\.modifier|variable\.language|constant\.language)/,
};

function* descriptions(folder) {
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* descriptions(name);
    else if (name.endsWith(".sf")) yield name;
  }
}

it("agrees with the language on every description at hand", () => {
  let files = 0;
  let checked = 0;
  for (const folder of ["lib", "examples", "test/lang"])
    for (const name of descriptions(folder)) {
      const text = fs.readFileSync(path.join(root, name), "utf8").replace(/\r/g, "");
      const scanned = scan(text);
      if (!scanned) continue;
      ++files;
      const lines = scopes(text);
      const starts = [0];
      for (let i = 0; i < text.length; ++i) if (text[i] === "\n") starts.push(i + 1);
      let line = 0;
      for (const [kind, begin, end] of scanned) {
        for (let at = begin; at < end; ++at) {
          while (line + 1 < starts.length && starts[line + 1] <= at) ++line;
          if (text[at] === "\n") continue;
          const here = lines[line][at - starts[line]];
          const place = `${name}:${line + 1}:${at - starts[line] + 1} '${text.slice(begin, Math.min(end, begin + 30))}' is ${here.join(" ")}`;
          for (const [other, pattern] of Object.entries(expected)) {
            const has = here.some((scope) => pattern.test(scope));
            if (other === kind) assert.ok(has, `${place}, not a ${kind}`);
            else if (!(other === "reserved" && kind === "word")) assert.ok(!has, `${place}, but it is a ${kind}`);
          }
          ++checked;
        }
      }
    }
  assert.ok(files > 150 && checked > 40_000, `${files} files, ${checked} characters`);
});

/** Scopes of each piece of a line, without the ones around. */
function pieces(line) {
  const result = grammar.tokenizeLine(line, textmate.INITIAL);
  const out = [];
  for (const token of result.tokens) {
    const text = line.slice(token.startIndex, token.endIndex);
    const scope = token.scopes.at(-1).replace(".smartfrog", "");
    const joins = scope.startsWith("string") && out.at(-1)?.[1] === scope;
    if (joins) out.at(-1)[0] += text;
    else if (text.trim()) out.push([text, scope]);
  }
  return out;
}

it("colours names by what they are", () => {
  assert.deepEqual(pieces('  web extends Server { sfClass "x"; [sfFinal] port -5L; in:a LAZY PARENT:b; }'), [
    ["web", "entity.name.type"],
    ["extends", "keyword.other.extends"],
    ["Server", "entity.other.inherited-class"],
    ["{", "punctuation.section.block"],
    ["sfClass", "support.variable.property"],
    ['"x"', "string.quoted.double"],
    [";", "punctuation.terminator"],
    ["[", "punctuation.section.brackets"],
    ["sfFinal", "storage.modifier.tag"],
    ["]", "punctuation.section.brackets"],
    ["port", "variable.other"],
    ["-5L", "constant.numeric"],
    [";", "punctuation.terminator"],
    ["in", "variable.other.property"],
    [":", "punctuation.separator.path"],
    ["a", "variable.other"],
    ["LAZY", "storage.modifier"],
    ["PARENT", "variable.language"],
    [":", "punctuation.separator.path"],
    ["b", "variable.other"],
    [";", "punctuation.terminator"],
    ["}", "punctuation.section.block"],
  ]);
});

it("knows that operators need blanks around them", () => {
  assert.deepEqual(pieces("a-3 (b ++ c)"), [
    ["a-3", "variable.other.property"],
    ["(", "punctuation.section.brackets"],
    ["b", "variable.other"],
    ["++", "keyword.operator"],
    ["c", "variable.other"],
    [")", "punctuation.section.brackets"],
  ]);
});

it("marks escapes that the language does not have", () => {
  const marks = pieces('a "ok\\n \\q";').filter(([, scope]) => scope.includes("escape"));
  assert.deepEqual(marks, [["\\n", "constant.character.escape"], ["\\q", "invalid.illegal.escape"]]);
});
