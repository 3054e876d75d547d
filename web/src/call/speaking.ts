/**
 * Who is shown as speaking, and who has the big picture. Calm on purpose: a mark stays 800 ms after the last word,
 * and the stage changes only to somebody who has spoken for a while (A-04, design: nothing jumps).
 *
 * Fed by `call.ts` with the server's list; pure, told the time.
 */
import type { ParticipantId } from "../wire/room";

export const HOLD_MS = 800;
export const STAGE_AFTER_MS = 1_500;

export class Speaking {
  /** When each person was last heard. */
  private readonly heard = new Map<ParticipantId, number>();
  private now: readonly ParticipantId[] = [];
  private candidate: { id: ParticipantId; since: number } | null = null;
  private onStage: ParticipantId | null = null;

  /** The server's newest list, loudest first. */
  update(list: readonly ParticipantId[], now: number): void {
    for (const id of this.now) if (!list.includes(id)) this.heard.set(id, now);
    for (const id of list) this.heard.set(id, now);
    this.now = list;
  }

  /** Who carries the mark at this moment. */
  marked(now: number): ParticipantId[] {
    for (const [id, last] of this.heard) {
      if (!this.now.includes(id) && now - last >= HOLD_MS) this.heard.delete(id);
    }
    return [...this.heard.keys()];
  }

  /** When `marked` will change by itself next, or `null`. */
  nextChange(): number | null {
    let next: number | null = null;
    for (const [id, last] of this.heard) {
      if (this.now.includes(id)) continue;
      if (next === null || last + HOLD_MS < next) next = last + HOLD_MS;
    }
    if (this.candidate) {
      const due = this.candidate.since + STAGE_AFTER_MS;
      if (next === null || due < next) next = due;
    }
    return next;
  }

  /** Who has the big picture: the last of `present` (never `you`) who spoke for a while. */
  stage(present: readonly ParticipantId[], you: ParticipantId, now: number): ParticipantId | null {
    if (this.onStage !== null && !present.includes(this.onStage)) this.onStage = null;
    const loudest = this.now.find((id) => id !== you && present.includes(id)) ?? null;
    if (loudest === null || loudest === this.onStage) this.candidate = null;
    else if (this.onStage === null) {
      this.onStage = loudest;
      this.candidate = null;
    } else if (this.candidate?.id !== loudest) this.candidate = { id: loudest, since: now };
    else if (now - this.candidate.since >= STAGE_AFTER_MS) {
      this.onStage = loudest;
      this.candidate = null;
    }
    return this.onStage;
  }
}
