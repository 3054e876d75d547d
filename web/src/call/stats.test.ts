import { describe, expect, it } from "vitest";
import { between, type Figures, Judge, type Sample, wordFor, worse } from "./stats";

const at = (second: number, change: Partial<Sample> = {}): Sample => ({
  at_ms: second * 1_000,
  received: second * 100,
  lost: 0,
  sent_lost: 0,
  round_trip_ms: 30,
  bytes_in: second * 50_000,
  bytes_out: second * 10_000,
  frames: second * 30,
  frames_dropped: 0,
  heights: [],
  own: null,
  path: "udp",
  ...change,
});

const figures = (change: Partial<Figures>): Figures => {
  const plain = between(at(0), at(2));
  if (!plain) throw new Error("no figures");
  return { ...plain, ...change };
};

describe("the connection in words", () => {
  it("is named by the worse of loss and delay, as the server does", () => {
    expect([0.01, 0.02, 0.05, 0.15].map((loss) => wordFor(loss, 30))).toEqual([
      "good",
      "fair",
      "poor",
      "bad",
    ]);
    expect([249, 250, 500, 1_000].map((ms) => wordFor(0, ms))).toEqual(["good", "fair", "poor", "bad"]);
    expect(worse("fair", "poor")).toBe("poor");
  });

  it("is worse after two bad looks, and better only after four good ones", () => {
    const judge = new Judge();
    const losses = [0.3, 0, 0.3, 0.08, 0.08, 0, 0, 0, 0.08, 0, 0, 0, 0];
    const words = losses.map((loss_in) => judge.look(figures({ loss_in })));
    expect(words.slice(0, 3)).toEqual(["good", "good", "good"]);
    expect(new Set(words.slice(3, 12))).toEqual(new Set(["poor"]));
    expect(words[12]).toBe("good");
  });

  it("takes what the server reports of our own sending into account", () => {
    const judge = new Judge();
    judge.look(figures({ loss_out: 0.2 }));
    expect(judge.look(figures({ loss_out: 0.2 }))).toBe("bad");
  });
});

describe("the figures of two seconds", () => {
  it("are differences", () => {
    const now = between(at(0), at(2, { lost: 50, frames: 100, frames_dropped: 25 }));
    expect(now).toMatchObject({ loss_in: 0.2, in_kbps: 400, out_kbps: 80, dropped: 0.25 });
  });

  it("do not reach across a new connection, where the counters begin again", () => {
    expect(between(at(100), at(101, { received: 5 }))).toBeNull();
  });

  it("say nothing of drawing when hardly anything came", () => {
    expect(between(at(0), at(2, { frames: 10, frames_dropped: 5 }))?.dropped).toBe(0);
  });
});
