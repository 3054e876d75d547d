/**
 * Which pictures are asked for when not all can be: the data saver by the person's choice, and the room budget where line
 * or device are too weak. Pictures go step by step (25, 16, 9 tiles, then fewer frames, 4 tiles, no camera), sound stays.
 *
 * `call.ts` asks it with every list of visible pictures and tells it the figures of every two seconds. Pure.
 */
import type { Quality } from "../wire/types";
import type { Visible } from "./slots";
import { type Figures, isWeak } from "./stats";

/** What can be shown now, and why it is not more. */
export interface Budget {
  tiles: number;
  /** Of the own camera, in a second. */
  fps_max: number | null;
  /** Cameras of others at all. */
  cameras: boolean;
  why: "line" | "device" | null;
}

/** The most tiles on a screen. */
export const TILES_MAX = 25;
/** How high the data saver has the one picture drawn. */
const SAVER_HEIGHT_PX = 180;

const STEPS: readonly Omit<Budget, "why">[] = [
  { tiles: TILES_MAX, fps_max: null, cameras: true },
  { tiles: 16, fps_max: null, cameras: true },
  { tiles: 9, fps_max: null, cameras: true },
  { tiles: 9, fps_max: 12, cameras: true },
  { tiles: 4, fps_max: 12, cameras: true },
  { tiles: 4, fps_max: 12, cameras: false },
];
const LAST_STEP = STEPS.length - 1;

export const FULL_BUDGET: Budget = { tiles: TILES_MAX, fps_max: null, cameras: true, why: null };

/** More dropped pictures than this: the device is too slow. */
const DROPPED = 0.2;
const LOOKS_DOWN = 2;
const LOOKS_UP = 8;
const LOOKS_UP_MAX = 128;
/** A step up that did not hold for so long was too early. */
const LOOKS_HELD = 10;

export class RoomBudget {
  private step = 0;
  private why: Budget["why"] = null;
  private strained = 0;
  private calm = 0;
  /** Calm looks before a step up; more after each one that failed. */
  private patience = LOOKS_UP;
  private sinceUp = Number.POSITIVE_INFINITY;

  /** `shown`: how many pictures are asked for now, so that no step is taken that changes nothing. */
  look(figures: Figures, quality: Quality, shown: number): Budget {
    const device = figures.own?.limited === "cpu" || figures.dropped > DROPPED;
    const line = isWeak(quality);
    this.sinceUp += 1;
    this.strained = device || line ? this.strained + 1 : 0;
    this.calm = device || line ? 0 : this.calm + 1;
    if (this.strained >= LOOKS_DOWN && this.step < LAST_STEP) {
      const next = this.nextDown(shown, quality);
      if (next !== this.step) {
        if (this.sinceUp < LOOKS_HELD) this.patience = Math.min(LOOKS_UP_MAX, this.patience * 2);
        this.step = next;
        this.why = device ? "device" : "line";
      }
      this.strained = 0;
    } else if (this.calm >= this.patience && this.step > 0) {
      this.step -= 1;
      this.calm = 0;
      this.sinceUp = 0;
      if (this.step === 0) this.why = null;
    } else if (this.step === 0 && this.sinceUp > LOOKS_HELD) this.patience = LOOKS_UP;
    return this.budget();
  }

  budget(): Budget {
    return { ...(STEPS[this.step] ?? FULL_BUDGET), why: this.why };
  }

  private nextDown(shown: number, quality: Quality): number {
    const next = STEPS.findIndex(
      (step, at) =>
        at > this.step && (step.tiles < shown || !step.cameras || step.fps_max !== STEPS[this.step]?.fps_max),
    );
    // Without any camera only where the line hardly carries the sound.
    return next === LAST_STEP && quality !== "bad" ? this.step : next;
  }
}

/** What to ask for of what is visible, most important first. */
export function affordable(visible: readonly Visible[], saver: boolean, budget: Budget): Visible[] {
  const screens = visible.filter(({ source }) => source === "screen");
  const cameras = visible.filter(({ source }) => source === "camera");
  if (saver) {
    // What is shown to all is what everybody talks about; else the one who speaks or is pinned, small.
    if (screens.length > 0) return screens.slice(0, 1);
    return cameras
      .slice(0, 1)
      .map((one) => ({ ...one, height_px: Math.min(one.height_px, SAVER_HEIGHT_PX) }));
  }
  if (!budget.cameras) return screens;
  return visible.filter((one) => one.source === "screen" || cameras.indexOf(one) < budget.tiles);
}

/** What this browser keeps about saving data (listed on the information page, P-01). */
const SAVER_KEY = "werkraum.saver";

export function saverOn(): boolean {
  try {
    return localStorage.getItem(SAVER_KEY) === "on";
  } catch {
    return false;
  }
}

export function rememberSaver(on: boolean): void {
  try {
    if (on) localStorage.setItem(SAVER_KEY, "on");
    else localStorage.removeItem(SAVER_KEY);
  } catch {
    // storage switched off: it counts until the page is closed
  }
}
