// The default Trusted Types policy. Imported first of all, so that it stands before any library touches the page
// (S-10: `require-trusted-types-for 'script'`). It lets through exactly two harmless strings of HTML and no script
// but our own; whatever else is tried throws, and the browser reports it.

/** Empty text (React Aria's announcer) and the empty document (Tiptap without content). */
const HARMLESS_HTML: ReadonlySet<string> = new Set(["", "<body></body>"]);

interface PolicyFactory {
  createPolicy(
    name: string,
    rules: { createHTML(html: string): string; createScriptURL(url: string): string },
  ): unknown;
}

export function allowHtml(html: string): string {
  if (HARMLESS_HTML.has(html)) return html;
  throw new TypeError("HTML from a string is not allowed");
}

export function allowScriptUrl(url: string, origin: string): string {
  const parsed = new URL(url, origin);
  if (parsed.origin === origin && /^\/assets\/[\w.-]+\.js$/.test(parsed.pathname)) return parsed.href;
  throw new TypeError("only scripts of this server are allowed");
}

const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
factory?.createPolicy("default", {
  createHTML: allowHtml,
  createScriptURL: (url) => allowScriptUrl(url, location.origin),
});
