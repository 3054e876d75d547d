import { describe, expect, it } from "vitest";
import { SlotPlan, type Visible } from "./slots";

const camera = (participant: string, height_px = 180): Visible => ({
  participant,
  source: "camera",
  height_px,
});

describe("the plan of slots", () => {
  it("gives everybody visible a slot and says only what changed", () => {
    const plan = new SlotPlan(3);
    expect(plan.show([camera("a"), camera("b")]).map((wish) => wish.participant)).toEqual(["a", "b"]);
    expect(plan.show([camera("a"), camera("b")])).toEqual([]);
    expect(plan.all().map((wish) => wish.participant)).toEqual(["a", "b", null]);
  });

  it("keeps people in their slot when the order changes", () => {
    const plan = new SlotPlan(3);
    plan.show([camera("a"), camera("b"), camera("c")]);
    expect(plan.show([camera("c"), camera("a"), camera("b")])).toEqual([]);
  });

  it("asks for another height without moving anybody, in steps", () => {
    const plan = new SlotPlan(2);
    plan.show([camera("a", 180), camera("b", 180)]);
    expect(plan.show([camera("a", 700), camera("b", 175)])).toEqual([
      { slot: 0, participant: "a", source: "camera", height_px: 720 },
    ]);
  });

  it("prefers an empty slot to one just vacated", () => {
    const plan = new SlotPlan(3);
    plan.show([camera("a"), camera("b")]);
    plan.show([camera("b"), camera("c")]);
    expect(plan.slotOf("c", "camera")).toBe(2);
    expect(plan.slotOf("a", "camera")).toBeNull();
  });

  it("shows the most important where there are too few slots", () => {
    const plan = new SlotPlan(2);
    plan.show([camera("a"), camera("b"), camera("c")]);
    expect(plan.slotOf("c", "camera")).toBeNull();
    plan.show([camera("c"), camera("a"), camera("b")]);
    expect(plan.slotOf("c", "camera")).not.toBeNull();
    expect(plan.slotOf("a", "camera")).toBe(0);
  });

  it("treats a person's camera and screen as two pictures", () => {
    const plan = new SlotPlan(3);
    plan.show([{ participant: "a", source: "screen", height_px: 1080 }, camera("a")]);
    expect(plan.slotOf("a", "screen")).toBe(0);
    expect(plan.slotOf("a", "camera")).toBe(1);
  });
});
