// A pad's provider for as long as a component shows it, its status, and who is there.
import { useEffect, useState, useSyncExternalStore } from "react";
import { padToken } from "../../api/endpoints";
import { browserSurroundings, PadProvider, type PadStatus } from "../../pad/provider";
import { nameOf } from "./extensions";

export function usePadProvider(pad: string): PadProvider | null {
  const [provider, setProvider] = useState<PadProvider | null>(null);
  useEffect(() => {
    const made = new PadProvider(pad, browserSurroundings(padToken));
    setProvider(made);
    return () => made.destroy();
  }, [pad]);
  return provider?.pad === pad ? provider : null;
}

export function usePadStatus(provider: PadProvider): PadStatus {
  return useSyncExternalStore(provider.subscribe, provider.status);
}

export interface Present {
  client: number;
  name: string;
  me: boolean;
}

/** Everybody with this pad open, oneself first; two windows of one person count once. */
export function usePresent(provider: PadProvider): readonly Present[] {
  const [present, setPresent] = useState<readonly Present[]>([]);
  useEffect(() => {
    const { awareness } = provider;
    const read = () => {
      const people = new Map<string, Present>();
      for (const [client, state] of awareness.getStates()) {
        if (!state.user) continue;
        const entry = { client, name: nameOf(state.user), me: client === awareness.clientID };
        if (entry.me || !people.has(entry.name)) people.set(entry.name, entry);
      }
      const sorted = [...people.values()].sort(
        (a, b) => Number(b.me) - Number(a.me) || a.name.localeCompare(b.name),
      );
      // Cursors move all the time; the list changes only when somebody comes, goes or takes another name.
      setPresent((before) =>
        before.length === sorted.length &&
        before.every((p, i) => p.name === sorted[i]?.name && p.me === sorted[i]?.me)
          ? before
          : sorted,
      );
    };
    read();
    awareness.on("change", read);
    return () => awareness.off("change", read);
  }, [provider]);
  return present;
}
