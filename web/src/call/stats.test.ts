import { describe, expect, it } from "vitest";
import { Judge, type Sample } from "./stats";

const at = (second: number, change: Partial<Sample> = {}): Sample => ({
  at_ms: second * 1_000,
  received: second * 100,
  lost: 0,
  sent_lost: 0,
  round_trip_ms: 30,
  ...change,
});

describe("the connection in words", () => {
  it("is weak after two bad looks, and good only after four good ones", () => {
    const judge = new Judge();
    const words = [
      at(0),
      at(2, { lost: 40 }),
      at(4, { lost: 80 }),
      at(6, { lost: 80 }),
      at(8, { lost: 80 }),
      at(10, { lost: 80 }),
      at(12, { lost: 80 }),
    ].map((sample) => judge.look(sample));
    expect(words).toEqual(["good", "good", "weak", "weak", "weak", "weak", "good"]);
  });

  it("does not judge across a new connection, where the counters begin again", () => {
    const judge = new Judge();
    judge.look(at(100, { lost: 5_000 }));
    expect(judge.look(at(1, { lost: 0 }))).toBe("good");
    expect(judge.look(at(3, { lost: 0 }))).toBe("good");
  });

  it("takes what the server reports of our own sending into account", () => {
    const judge = new Judge();
    judge.look(at(0));
    judge.look(at(2, { sent_lost: 0.2 }));
    expect(judge.look(at(4, { sent_lost: 0.2 }))).toBe("weak");
  });
});
