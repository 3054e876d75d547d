// The language of the page: chosen from the browser's list, switchable without a reload (so also during a call),
// remembered on this device. The texts themselves are in messages/*.json; Paraglide compiles them to functions.
// Components do not subscribe one by one: `App` does, and draws everything below it again.
import { useSyncExternalStore } from "react";
import { overwriteGetLocale } from "../paraglide/runtime";

export type Language = "de" | "en";
export const LANGUAGES: readonly Language[] = ["de", "en"];
/** Each language in its own words, as a chooser shows it. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { de: "Deutsch", en: "English" };

/** The one key that the language keeps in this browser (listed on the information page, P-01). */
export const LANGUAGE_KEY = "werkraum.language";
/** German text drawn right to left: shows in development what a right-to-left language would break. */
const PSEUDO_RTL = "ar-XB";

let current: Language = "de";
let pseudo = false;
const listeners = new Set<() => void>();

function isLanguage(value: unknown): value is Language {
  return LANGUAGES.includes(value as Language);
}

/** The first language of the list that we speak; English for everybody else. */
export function choose(stored: string | null, preferred: readonly string[]): Language {
  if (isLanguage(stored)) return stored;
  for (const tag of preferred) {
    const short = tag.toLowerCase().split("-")[0];
    if (isLanguage(short)) return short;
  }
  return "en";
}

function stored(): string | null {
  try {
    return localStorage.getItem(LANGUAGE_KEY);
  } catch {
    return null; // storage switched off: the browser's language is used each time
  }
}

function show(): void {
  document.documentElement.lang = current;
  document.documentElement.dir = pseudo ? "rtl" : "ltr";
}

/** Called once before the first drawing. */
export function startLanguage(): void {
  current = choose(stored(), navigator.languages ?? [navigator.language]);
  if (import.meta.env.DEV) pseudo = new URLSearchParams(location.search).get("lang") === PSEUDO_RTL;
  overwriteGetLocale(() => current);
  show();
}

export function language(): Language {
  return current;
}

/** Switches everything at once and remembers it where the browser allows. */
export function setLanguage(next: Language): void {
  if (next === current) return;
  current = next;
  try {
    localStorage.setItem(LANGUAGE_KEY, next);
  } catch {
    // not remembered, but switched
  }
  show();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, language);
}

/** A day in words, in the page's language. */
export function formatDay(at_ms: number): string {
  return new Intl.DateTimeFormat(current, { day: "numeric", month: "long", year: "numeric" }).format(at_ms);
}

/** A time of day in the page's language. */
export function formatTime(at_ms: number): string {
  return new Intl.DateTimeFormat(current, { hour: "numeric", minute: "2-digit" }).format(at_ms);
}
