// Which addresses a link in a pad may lead to. Pure, for the editor and the link dialog.

/** Addresses that a link may lead to; everything else is refused while typing, pasting and loading (S-12). */
export function isLinkAllowed(address: string): boolean {
  try {
    return ["https:", "http:", "mailto:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

/** What somebody typed as an address, completed; `null` when it is none. */
export function completeLink(typed: string): string | null {
  const text = typed.trim();
  if (text === "" || /\s/.test(text)) return null;
  if (/^[^\s@:/]+@[^\s@/]+\.[^\s@/]+$/.test(text)) return `mailto:${text}`;
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return isLinkAllowed(text) ? text : null;
  const guess = `https://${text}`;
  return /^[^/]+\.[^/]+/.test(text) && isLinkAllowed(guess) ? guess : null;
}
