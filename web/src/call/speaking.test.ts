import { describe, expect, it } from "vitest";
import { HOLD_MS, Speaking, STAGE_AFTER_MS } from "./speaking";

const ALL = ["me", "a", "b"];

describe("who speaks", () => {
  it("is marked at once and keeps the mark for a moment", () => {
    const speaking = new Speaking();
    speaking.update(["a"], 0);
    expect(speaking.marked(0)).toEqual(["a"]);
    speaking.update([], 1_000);
    expect(speaking.nextChange()).toBe(1_000 + HOLD_MS);
    expect(speaking.marked(1_000 + HOLD_MS - 1)).toEqual(["a"]);
    expect(speaking.marked(1_000 + HOLD_MS)).toEqual([]);
    expect(speaking.nextChange()).toBeNull();
  });

  it("the first voice takes the stage, a short word of another does not", () => {
    const speaking = new Speaking();
    speaking.update(["a"], 0);
    expect(speaking.stage(ALL, "me", 0)).toBe("a");
    speaking.update(["b"], 1_000);
    expect(speaking.stage(ALL, "me", 1_000)).toBe("a");
    speaking.update(["a"], 1_500);
    expect(speaking.stage(ALL, "me", 1_500)).toBe("a");
    speaking.update(["b"], 2_000);
    speaking.stage(ALL, "me", 2_000);
    expect(speaking.nextChange()).toBeLessThanOrEqual(2_000 + STAGE_AFTER_MS);
    expect(speaking.stage(ALL, "me", 2_000 + STAGE_AFTER_MS)).toBe("b");
  });

  it("never puts me or somebody gone on my stage", () => {
    const speaking = new Speaking();
    speaking.update(["me"], 0);
    expect(speaking.stage(ALL, "me", 0)).toBeNull();
    speaking.update(["a"], 10);
    expect(speaking.stage(ALL, "me", 10)).toBe("a");
    expect(speaking.stage(["me", "b"], "me", 20)).toBeNull();
  });
});
