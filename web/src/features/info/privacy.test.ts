// What the client keeps in the browser stands on the information page, key by key (P-01).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("every key of the browser's storage is named in each language", () => {
  const sources = import.meta.glob<string>(
    ["/src/**/*.{ts,tsx}", "!/src/paraglide/**", "!/src/**/*.test.*"],
    {
      query: "?raw",
      import: "default",
      eager: true,
    },
  );
  const keys = new Set(
    Object.values(sources).flatMap((source) =>
      [...source.matchAll(/["'`](werkraum\.[a-z]+)/g)].map(([, key]) => key ?? ""),
    ),
  );
  expect([...keys]).toContain("werkraum.shortcuts");
  for (const language of ["de", "en"]) {
    const messages = JSON.parse(readFileSync(`messages/${language}.json`, "utf8")) as Record<string, string>;
    const said = Object.entries(messages)
      .filter(([name]) => name.startsWith("privacy_device_"))
      .map(([, text]) => text)
      .join("\n");
    for (const key of keys) expect(said, language).toContain(key);
  }
});
