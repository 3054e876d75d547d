// Who is signed in, asked once and kept for all pages of the administration. Guests never come through here.
import { useEffect, useSyncExternalStore } from "react";
import { codeOf, type Failure } from "./api/client";
import * as api from "./api/endpoints";
import { navigate } from "./router";
import type { Account } from "./wire/types";

export type SessionState =
  | { kind: "asking" }
  | { kind: "known"; account: Account | null }
  | { kind: "failed"; code: Failure };

let state: SessionState = { kind: "asking" };
let asked = false;
const listeners = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

export function setAccount(account: Account | null): void {
  asked = true;
  set({ kind: "known", account });
}

/** Asks the server; again after a failure, or when a door said that nobody is signed in. */
export async function askSession(): Promise<void> {
  asked = true;
  set({ kind: "asking" });
  try {
    setAccount((await api.session()).account);
  } catch (error) {
    set({ kind: "failed", code: codeOf(error) });
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): SessionState {
  const now = useSyncExternalStore(subscribe, () => state);
  useEffect(() => {
    if (!asked) void askSession();
  }, []);
  return now;
}

/** Only addresses of our own, so that a link cannot lead a freshly signed-in person elsewhere. */
export function safeTarget(search: string): string {
  const to = new URLSearchParams(search).get("to") ?? "";
  return /^\/(?![/\\])[\w/.-]*$/.test(to) ? to : "/admin/rooms";
}

export function goToSignIn(): void {
  const here = location.pathname;
  navigate(here === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(here)}`, { replace: true });
}
