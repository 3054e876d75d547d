// The client's own words, for walks that go through the pages in more than one language.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export type Language = "de" | "en";
export type Words = (key: string, values?: Record<string, string | number>) => string;

type Message = string | [{ match: Record<string, string> }];

function catalogue(language: Language): Record<string, Message> {
  const files = [`${language}.json`, `pad.${language}.json`, `call.${language}.json`];
  return Object.assign(
    {},
    ...files.map((file) => JSON.parse(readFileSync(resolve("messages", file), "utf8"))),
  );
}

/** All keys: none of them may ever be seen on a page. */
export const KEYS: ReadonlySet<string> = new Set(Object.keys(catalogue("de")));

export function words(language: Language): Words {
  const all = catalogue(language);
  return (key, values = {}) => {
    const found = all[key];
    if (found === undefined) throw new Error(`no message ${key}`);
    const form = values.count === 1 ? "countPlural=one" : "countPlural=other";
    const text = typeof found === "string" ? found : (found[0].match[form] ?? "");
    return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
  };
}
