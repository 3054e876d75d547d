import { describe, expect, it } from "vitest";
import type { Quality } from "../wire/types";
import type { Visible } from "./slots";
import type { Figures } from "./stats";
import { affordable, FULL_BUDGET, RoomBudget } from "./thrift";

const figures = (change: Partial<Figures> = {}): Figures => ({
  loss_in: 0,
  loss_out: 0,
  round_trip_ms: 30,
  in_kbps: 0,
  out_kbps: 0,
  dropped: 0,
  heights: [],
  own: null,
  path: "udp",
  ...change,
});
const camera = (participant: string, height_px = 400): Visible => ({
  participant,
  source: "camera",
  height_px,
});
const screen: Visible = { participant: "s", source: "screen", height_px: 900 };

describe("the room budget", () => {
  const looks = (
    budget: RoomBudget,
    count: number,
    shown: number,
    quality: Quality,
    change: Partial<Figures> = {},
  ) => Array.from({ length: count }, () => budget.look(figures(change), quality, shown)).at(-1);

  it("goes from 25 to 16 to 9 tiles, to fewer frames, to 4, and only on the worst line to sound alone", () => {
    const budget = new RoomBudget();
    expect(looks(budget, 1, 25, "poor")).toEqual(FULL_BUDGET);
    expect(looks(budget, 1, 25, "poor")).toMatchObject({ tiles: 16, why: "line" });
    expect(looks(budget, 2, 16, "poor")).toMatchObject({ tiles: 9, fps_max: null });
    expect(looks(budget, 2, 9, "poor")).toMatchObject({ tiles: 9, fps_max: 12, cameras: true });
    expect(looks(budget, 2, 9, "poor")).toMatchObject({ tiles: 4 });
    expect(looks(budget, 20, 4, "poor")).toMatchObject({ cameras: true });
    expect(looks(budget, 2, 4, "bad")).toMatchObject({ cameras: false });
  });

  it("takes no step that changes nothing", () => {
    const budget = new RoomBudget();
    expect(looks(budget, 2, 4, "poor")).toMatchObject({ tiles: 9, fps_max: 12 });
  });

  it("also spares a device that is too slow", () => {
    const busy = { own: { height: 180, fps: 7, limited: "cpu" as const } };
    expect(looks(new RoomBudget(), 2, 25, "good", busy)).toMatchObject({ tiles: 16, why: "device" });
    expect(looks(new RoomBudget(), 2, 25, "good", { dropped: 0.3 })).toMatchObject({ why: "device" });
    expect(looks(new RoomBudget(), 20, 25, "fair")).toEqual(FULL_BUDGET);
  });

  it("comes back step by step, and waits longer after a step that failed", () => {
    const budget = new RoomBudget();
    looks(budget, 2, 25, "poor");
    expect(looks(budget, 7, 16, "good")?.tiles).toBe(16);
    expect(looks(budget, 1, 16, "good")).toEqual(FULL_BUDGET);
    looks(budget, 2, 25, "poor");
    expect(looks(budget, 15, 16, "good")?.tiles).toBe(16);
    expect(looks(budget, 1, 16, "good")).toEqual(FULL_BUDGET);
  });
});

describe("what is asked for", () => {
  it("is everything, without need", () => {
    const all = [screen, camera("a"), camera("b")];
    expect(affordable(all, false, FULL_BUDGET)).toEqual(all);
  });

  it("is one small picture for whoever saves data, or the screen that is shown", () => {
    expect(affordable([camera("a"), camera("b")], true, FULL_BUDGET)).toEqual([camera("a", 180)]);
    expect(affordable([camera("a"), screen], true, FULL_BUDGET)).toEqual([screen]);
    expect(affordable([camera("a", 0)], true, FULL_BUDGET)).toEqual([camera("a", 0)]);
  });

  it("is what the budget allows: the most important cameras, and screens in any case", () => {
    const all = [screen, camera("a"), camera("b"), camera("c")];
    expect(affordable(all, false, { ...FULL_BUDGET, tiles: 2 })).toEqual(all.slice(0, 3));
    expect(affordable(all, false, { ...FULL_BUDGET, cameras: false })).toEqual([screen]);
  });
});
