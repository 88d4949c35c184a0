// The Solidity compiler as a command, for py-solc-x and brownie.
//
// It calls the `solc` npm MODULE: the npm command-line wrapper exits before a pipe has taken its whole
// output, so long results arrive cut off. Only what py-solc-x uses is here: `--version`, and
// `--standard-json` with the input on stdin. Imports that the input does not carry are read from disk,
// from the working folder and the folders of `--allow-paths` only.
//
// `node tools/solc.cjs --install FILE` writes an executable FILE that py-solc-x will find under
// $SOLCX_BINARY_PATH. The compiler's version is written into it: py-solc-x asks for the version before
// every call, and loading the compiler only to answer that costs half a second.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const BANNER = "solc, the solidity compiler commandline interface";

function readImport(roots) {
  return (name) => {
    const file = path.resolve(name);
    const inside = (root) => !path.relative(root, file).startsWith("..");
    if (!roots.some(inside)) return { error: `File outside of allowed directories: ${name}` };
    try {
      return { contents: fs.readFileSync(file, "utf8") };
    } catch (error) {
      return { error: `File not found: ${name} (${error.code})` };
    }
  };
}

/** Writes everything before the process may end: `process.exit` does not wait for a pipe. */
function writeAll(text) {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the reader is slower than we are
    }
  }
}

function install(file) {
  const version = require("solc").version();
  const self = path.relative(path.dirname(path.resolve(file)), __filename);
  const text = `#!/usr/bin/env node\nrequire(${JSON.stringify(self)}).main(${JSON.stringify(version)});\n`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new`, text, { mode: 0o755 });
  fs.renameSync(`${file}.new`, file); // never a half-written executable for a parallel run
}

function main(version) {
  const args = process.argv.slice(2);
  if (args.includes("--version")) return writeAll(`${BANNER}\nVersion: ${version}\n`);
  if (!args.includes("--standard-json")) {
    process.stderr.write("solc: only --version and --standard-json are supported\n");
    process.exit(2);
  }
  const allowed = args[args.indexOf("--allow-paths") + 1];
  const roots = [".", ...(args.includes("--allow-paths") ? allowed.split(",") : [])];
  const read = readImport(roots.filter(Boolean).map((root) => path.resolve(root)));
  writeAll(require("solc").compile(fs.readFileSync(0, "utf8"), { import: read }));
}

module.exports = { main };
if (require.main === module) {
  if (process.argv[2] === "--install" && process.argv[3]) install(process.argv[3]);
  else main(require("solc").version());
}
