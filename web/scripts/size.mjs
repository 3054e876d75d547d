// What a guest loads before the pre-join can be used: the entry with everything that it and the join page import
// statically, gzipped. Fails beyond the budget (issue: at most 120 kB). Run after `npm run build`.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 120;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));

const files = new Set();
function collect(key) {
  const chunk = manifest[key];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const imported of chunk.imports ?? []) collect(imported);
}
collect("index.html");
collect("src/features/join/index.tsx");
if (files.size < 2) throw new Error("the manifest has no entry or no join page");

let total = 0;
for (const file of [...files].sort()) {
  const size = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1000).toFixed(1).padStart(7)} kB  ${file}`);
}
const kb = total / 1000;
console.log(`join_page_gzip_kb ${kb.toFixed(1)} (budget ${BUDGET_KB})`);
process.exit(kb <= BUDGET_KB ? 0 : 1);
