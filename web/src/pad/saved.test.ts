import { expect, test } from "vitest";
import { SavedTracker, UNSAVED_AFTER_MS } from "./saved";

function fresh(): SavedTracker {
  const tracker = new SavedTracker(0);
  tracker.acked(tracker.last);
  return tracker;
}

test("what the device kept counts as unsaved until the first ack", () => {
  const tracker = new SavedTracker(0);
  expect(tracker.word(0, false, true, false)).toBe("saving");
  expect(tracker.word(UNSAVED_AFTER_MS, false, true, false)).toBe("device");
  tracker.acked(tracker.last);
  expect(tracker.word(UNSAVED_AFTER_MS, false, true, false)).toBe("saved");
});

test("says not saved at the latest after three seconds", () => {
  const tracker = fresh();
  tracker.changed(1_000);
  expect(tracker.word(1_000, true, true, false)).toBe("saving");
  expect(tracker.word(3_699, true, true, false)).toBe("saving");
  expect(tracker.word(3_700, true, true, false)).toBe("unsaved");
  expect(tracker.word(3_700, false, true, false)).toBe("device");
  expect(tracker.word(3_700, false, false, false)).toBe("unsaved");
});

test("an ack for an older change leaves the newer one waiting since its own time", () => {
  const tracker = fresh();
  const first = tracker.changed(0);
  const second = tracker.changed(2_500);
  tracker.acked(first);
  expect(tracker.word(5_000, true, true, false)).toBe("saving");
  expect(tracker.waiting_ms(5_000)).toBe(2_500);
  tracker.acked(second);
  expect(tracker.word(5_000, true, true, false)).toBe("saved");
});

test("a refusal is said at once and forgotten when all is acked", () => {
  const tracker = fresh();
  tracker.refused();
  expect(tracker.word(0, true, true, false)).toBe("saved");
  const change = tracker.changed(0);
  tracker.refused();
  expect(tracker.word(0, true, true, false)).toBe("unsaved");
  tracker.acked(change);
  tracker.changed(10);
  expect(tracker.word(10, true, true, false)).toBe("saving");
});

test("hours of typing without a line keep a bounded list", () => {
  const tracker = fresh();
  for (let at = 0; at < 60_000; at += 10) tracker.changed(at);
  expect(tracker.pending).toBeLessThan(130);
  expect(tracker.waiting_ms(60_000)).toBe(60_000);
  tracker.acked(tracker.last);
  expect(tracker.pending).toBe(0);
});
