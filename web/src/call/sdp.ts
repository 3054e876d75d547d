/** The one fact that we read from a session description; nothing is ever written into one. Used by `media.ts`. */

/** The id of the session in `o=` (RFC 8866, clause 5.2): the server makes one for each connection and keeps it. */
export function sessionOf(sdp: string): string | null {
  return /^o=\S+ (\d+) /m.exec(sdp)?.[1] ?? null;
}
