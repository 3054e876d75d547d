// Short confirmations ("Link kopiert") at the edge of the page. They stay until closed or pushed out by newer ones,
// because a message that vanishes by itself is lost for whoever reads slowly (WCAG 2.2.1).
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { m } from "../i18n/m";
import { announce } from "./announcer";
import { IconButton } from "./button";

interface Entry {
  id: number;
  text: string;
}

const KEPT_MAX = 3;
let entries: readonly Entry[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(changed: readonly Entry[]): void {
  entries = changed;
  for (const listener of listeners) listener();
}

export function toast(text: string): void {
  set([...entries.filter((entry) => entry.text !== text), { id: next++, text }].slice(-KEPT_MAX));
  announce(text);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => entries);
  if (shown.length === 0) return null;
  return (
    <section className="toasts" aria-label={m.toasts()}>
      {shown.map((entry) => (
        <div key={entry.id} className="toast">
          <span className="grow">{entry.text}</span>
          <IconButton
            icon={X}
            label={m.close()}
            onClick={() => set(entries.filter((other) => other.id !== entry.id))}
          />
        </div>
      ))}
    </section>
  );
}
