// Small hooks of the room: media queries, sizes, keys, areas.
import { type RefObject, useEffect, useState, useSyncExternalStore } from "react";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => window.matchMedia(query).matches,
  );
}

export function useSize(ref: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

/** What this browser keeps about the keys (listed on the information page, P-01). */
export const SHORTCUTS_KEY = "werkraum.shortcuts";

export function shortcutsOn(): boolean {
  try {
    return localStorage.getItem(SHORTCUTS_KEY) !== "off";
  } catch {
    return true;
  }
}

export function rememberShortcuts(on: boolean): void {
  try {
    if (on) localStorage.removeItem(SHORTCUTS_KEY);
    else localStorage.setItem(SHORTCUTS_KEY, "off");
  } catch {
    // storage switched off: it counts until the page is closed
  }
}

/** Whether typing here means text, or a menu or dialog has the keys. */
function takesKeys(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target.closest(
      "input, textarea, select, [role=menu], [role=dialog], [role=alertdialog], [role=toolbar]",
    ) !== null
  );
}

/** Single keys without modifier (WCAG 2.1.4), and F6 from area to area. */
export function useShortcuts(on: boolean, keys: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      if (event.key === "F6") {
        event.preventDefault();
        nextArea(event.shiftKey ? -1 : 1);
        return;
      }
      const run =
        on && !event.shiftKey && !takesKeys(event.target) ? keys[event.key.toLowerCase()] : undefined;
      if (!run) return;
      event.preventDefault();
      run();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [on, keys]);
}

function nextArea(step: 1 | -1): void {
  const areas = [...document.querySelectorAll<HTMLElement>("[data-area]")].filter(
    (area) => area.offsetParent !== null,
  );
  const at = areas.findIndex((area) => area.contains(document.activeElement));
  const next = areas[(at + step + areas.length) % areas.length] ?? areas[0];
  next?.focus();
}
