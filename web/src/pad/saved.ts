// Which local changes the server has on disk, and what that means in a word. Changes are numbered as they are made;
// an ack names the highest number that is durable. Pure: the provider tells it the time and what happened.

/** Longer than this without an ack is said as "not saved": the promise is 3 s, looked at four times a second. */
export const UNSAVED_AFTER_MS = 2_700;
/** After this the person is offered to copy their text. */
export const COPY_AFTER_MS = 30_000;

export type SavedWord =
  /** On the server's disk. */
  | "saved"
  /** Under way, for less than three seconds. */
  | "saving"
  /** No connection; kept in this browser and sent later. */
  | "device"
  /** Neither acknowledged nor safely kept, or refused. */
  | "unsaved";

export class SavedTracker {
  #changes: { number: number; at_ms: number }[];
  #last: number;
  #refused = false;

  /** What was kept on this device may hold changes that the server never got: unsaved until the first ack. */
  constructor(now_ms: number) {
    this.#last = 1;
    this.#changes = [{ number: 1, at_ms: now_ms }];
  }

  /** A local change; returns its number. */
  changed(now_ms: number): number {
    this.#last += 1;
    const newest = this.#changes.at(-1);
    // Only the oldest needs its own time; the others are bounded by gathering them in half seconds.
    if (newest && this.#changes.length > 1 && now_ms - newest.at_ms < 500) newest.number = this.#last;
    else this.#changes.push({ number: this.#last, at_ms: now_ms });
    return this.#last;
  }

  /** The number to ask an ack for. */
  get last(): number {
    return this.#last;
  }

  acked(number: number): void {
    this.#changes = this.#changes.filter((change) => change.number > number);
    if (this.pending === 0) this.#refused = false;
  }

  /** The server dropped a change for good (no right, pad full): waiting will not help. */
  refused(): void {
    if (this.pending > 0) this.#refused = true;
  }

  /** A reader has nothing to save. */
  nothing(): void {
    this.#changes = [];
    this.#refused = false;
  }

  get pending(): number {
    return this.#changes.length;
  }

  /** For how long the oldest unsaved change has waited. */
  waiting_ms(now_ms: number): number {
    const oldest = this.#changes[0];
    return oldest ? Math.max(0, now_ms - oldest.at_ms) : 0;
  }

  word(now_ms: number, connected: boolean, kept: boolean, stopped: boolean): SavedWord {
    if (this.pending === 0) return "saved";
    if (this.#refused || stopped) return "unsaved";
    if (this.waiting_ms(now_ms) < UNSAVED_AFTER_MS) return "saving";
    return connected || !kept ? "unsaved" : "device";
  }
}
