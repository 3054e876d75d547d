import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sentence } from "../i18n/codes";
import { overwriteGetLocale } from "../paraglide/runtime";
import { CODES } from "./types";

const rust = readFileSync(new URL("../../../crates/wire/src/code.rs", import.meta.url), "utf8");
const names = [...rust.matchAll(/^ {4}([A-Z][A-Za-z]+) => \d{3},/gm)].map((found) =>
  (found[1] ?? "").replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase(),
);

test("the client knows exactly the server's codes", () => {
  expect(names.length).toBeGreaterThan(30);
  expect([...CODES].sort()).toEqual([...names].sort());
});

test("every code has its own sentence in each language", () => {
  for (const locale of ["de", "en"] as const) {
    overwriteGetLocale(() => locale);
    for (const code of CODES) {
      const text = sentence(code);
      expect(text, `${code} in ${locale}`).toMatch(/^\p{Lu}.{8,}[.?!]$/u);
      expect(text).not.toContain("code_");
    }
  }
});
