// What screen readers are told without moving the focus. Polite news is gathered and said at most once in five
// seconds, so that a full room does not talk over itself; urgent news (removed, not saved) is said at once (DESIGN 3).
import { useSyncExternalStore } from "react";

const GATHER_MS = 5_000;
/** More lines than this are dropped, oldest first: nobody listens to a minute of arrivals. */
const LINES_MAX = 6;

interface Spoken {
  polite: string;
  urgent: string;
}

let spoken: Spoken = { polite: "", urgent: "" };
let waiting: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let last_ms = Number.NEGATIVE_INFINITY;
const listeners = new Set<() => void>();

function say(next: Partial<Spoken>): void {
  spoken = { ...spoken, ...next };
  for (const listener of listeners) listener();
}

/** Readers are silent when the same text is set again; a trailing no-break space makes it new. */
function fresh(text: string, before: string): string {
  return text === before ? `${text}\u00a0` : text;
}

function flush(): void {
  timer = undefined;
  if (waiting.length === 0) return;
  last_ms = performance.now();
  const text = waiting.slice(-LINES_MAX).join(" ");
  waiting = [];
  say({ polite: fresh(text, spoken.polite) });
}

/** Polite: joins, hands, lobby, saved. Comes within five seconds, several at once. */
export function announce(text: string): void {
  waiting.push(text);
  if (timer !== undefined) return;
  timer = setTimeout(flush, Math.max(0, GATHER_MS - (performance.now() - last_ms)));
}

/** Urgent: you were removed, your text is not saved. */
export function announceNow(text: string): void {
  say({ urgent: fresh(text, spoken.urgent) });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Stands once at the end of the page, before anything is announced. */
export function LiveRegions() {
  const now = useSyncExternalStore(subscribe, () => spoken);
  return (
    <>
      <div className="sr" role="status" aria-live="polite">
        {now.polite}
      </div>
      <div className="sr" role="alert" aria-live="assertive">
        {now.urgent}
      </div>
    </>
  );
}
