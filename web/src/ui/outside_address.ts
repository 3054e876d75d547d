// Which links lead out of the house. Pure, for the notice before they open.

/** The address of a link to another site; `null` for our own pages and for mail. */
export function outsideAddress(href: string | null | undefined, origin: string): URL | null {
  if (!href || !URL.canParse(href, origin)) return null;
  const address = new URL(href, origin);
  const web = address.protocol === "https:" || address.protocol === "http:";
  return web && address.origin !== origin ? address : null;
}
