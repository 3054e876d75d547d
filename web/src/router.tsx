// Which address shows which page. Our own, because the client needs ten routes and nothing more: matching, links
// without reload, and the focus that moves to the new page's heading. Secrets stand in the fragment and are read by
// the pages themselves, so they never reach the server's log or a Referer (S-07).
import { type ComponentPropsWithoutRef, type MouseEvent, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** Goes to an address of our own without loading the page anew. */
export function navigate(to: string, options?: { replace?: boolean }): void {
  if (options?.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  for (const listener of listeners) listener();
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** A link inside the client; opens in a new tab like any other when asked to. */
export function Link({ href, onClick, ...rest }: ComponentPropsWithoutRef<"a"> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !plain || rest.target) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}

/** `/admin/rooms/:id` against `/admin/rooms/7` gives `{ id: "7" }`; no match gives `null`. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null; // not an address of ours
      }
    } else if (part !== value) return null;
  }
  return found;
}
