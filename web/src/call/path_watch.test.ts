import { describe, expect, it } from "vitest";
import { PathWatch } from "./path_watch";

/** Looks every 300 ms: a letter says whether something was sent (s), received (r), both (b) or nothing (-). */
function looks(letters: string): number[] {
  const watch = new PathWatch();
  const traffic = { sent: 0, received: 0 };
  const dead: number[] = [];
  [...letters].forEach((letter, at) => {
    if (letter === "s" || letter === "b") traffic.sent += 100;
    if (letter === "r" || letter === "b") traffic.received += 100;
    if (watch.look(at * 300, { ...traffic })) dead.push(at);
  });
  return dead;
}

describe("PathWatch", () => {
  it("says once that we send and nothing comes any more", () => {
    expect(looks("bbbbbbbbssssssssss")).toEqual([11]);
    expect(looks("bbbbbbbbssssbbbbbbbbssss")).toEqual([11, 23]);
  });

  it("says nothing of short gaps, of a quiet meeting and of those who send nothing", () => {
    expect(looks("bbbbbbbbsssbbbbbbbsssbbb")).toEqual([]);
    expect(looks("bsssbsssbsssbsssssssss")).toEqual([]);
    expect(looks("bbbbbbbb----------")).toEqual([]);
    expect(looks("rrrrrrrr----------")).toEqual([]);
  });

  it("begins anew with another connection", () => {
    const watch = new PathWatch();
    for (let at = 0; at < 10; at++) watch.look(at * 300, { sent: at * 10, received: at * 10 });
    expect(watch.look(3_000, { sent: 1, received: 0 })).toBe(false);
    expect(watch.look(9_000, { sent: 2, received: 0 })).toBe(false);
  });
});
