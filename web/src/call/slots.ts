/**
 * Which slot shows whom: a slot keeps its person as long as they are visible, so that nothing is switched without need.
 *
 * `call.ts` hands in what the interface draws and sends the wishes that come out. Pure.
 */
import type { ParticipantId, SlotWish } from "../wire/room";

/** Somebody's picture on the screen. */
export interface Visible {
  participant: ParticipantId;
  source: "camera" | "screen";
  /** How high it is drawn, in device pixels. */
  height_px: number;
}

/** Heights are rounded up to these steps, so that dragging a window does not ask for a new layer at every pixel. */
const STEP_PX = 90;
const HEIGHT_MAX_PX = 2_160;

const rounded = (px: number): number =>
  Math.min(HEIGHT_MAX_PX, Math.ceil(Math.max(0, px) / STEP_PX) * STEP_PX);

export class SlotPlan {
  private wishes: SlotWish[];

  constructor(pictures: number) {
    this.wishes = Array.from({ length: pictures }, (_, slot) => empty(slot));
  }

  /** How many pictures can be shown at once. */
  get size(): number {
    return this.wishes.length;
  }

  /** Every slot's wish: sent after each answer. */
  all(): SlotWish[] {
    return this.wishes;
  }

  slotOf(participant: ParticipantId, source: "camera" | "screen"): number | null {
    return (
      this.wishes.find((wish) => wish.participant === participant && wish.source === source)?.slot ?? null
    );
  }

  /** Takes the visible people, most important first, and returns the wishes that changed. */
  show(visible: readonly Visible[]): SlotWish[] {
    const before = this.wishes;
    const wanted = visible.slice(0, before.length);
    const kept = before.map((wish) => {
      const still = wanted.find((one) => one.participant === wish.participant && one.source === wish.source);
      return still ? { ...wish, height_px: rounded(still.height_px) } : empty(wish.slot);
    });
    for (const one of wanted) {
      if (kept.some((wish) => wish.participant === one.participant && wish.source === one.source)) continue;
      // A slot that was empty before is better than one just vacated: its last picture is not seen for a moment.
      const free = kept.filter((wish) => wish.participant === null);
      const slot = (free.find((wish) => before[wish.slot]?.participant === null) ?? free[0])?.slot;
      if (slot === undefined) break;
      kept[slot] = {
        slot,
        participant: one.participant,
        source: one.source,
        height_px: rounded(one.height_px),
      };
    }
    this.wishes = kept;
    return kept.filter((wish, slot) => !same(wish, before[slot]));
  }
}

const empty = (slot: number): SlotWish => ({ slot, participant: null, source: "camera", height_px: 0 });

function same(a: SlotWish, b: SlotWish | undefined): boolean {
  return (
    b !== undefined && a.participant === b.participant && a.source === b.source && a.height_px === b.height_px
  );
}
