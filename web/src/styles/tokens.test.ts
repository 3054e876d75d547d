import { expect, test } from "vitest";
import { measured, themes } from "../../scripts/contrast.mjs";

test("the two dark blocks are the same", () => {
  const { dark, media } = themes();
  expect(Object.keys(dark).length).toBeGreaterThan(40);
  expect(media).toEqual(dark);
});

test("every pair of colours that meets has enough contrast in both themes", () => {
  const weak = measured().filter((pair) => pair.light < pair.least || pair.dark < pair.least);
  expect(weak).toEqual([]);
  expect(measured().length).toBeGreaterThanOrEqual(72);
});
