/** The two facts that we read from a session description; nothing is ever written into one. Used by `media.ts`. */

/** `a=ice-ufrag` of the first section that has one. */
export function ufragOf(sdp: string): string | null {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? null;
}
