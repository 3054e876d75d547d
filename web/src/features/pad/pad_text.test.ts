import { expect, test } from "vitest";
import { newBlocks } from "./changes";
import { completeLink, isLinkAllowed } from "./links";

test("addresses are completed, and only those that lead somewhere harmless are taken", () => {
  expect(completeLink(" example.org/plan ")).toBe("https://example.org/plan");
  expect(completeLink("http://example.org")).toBe("http://example.org");
  expect(completeLink("miriam@example.org")).toBe("mailto:miriam@example.org");
  for (const bad of [
    "",
    "wort",
    "zwei worte.de",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "file:///etc",
  ]) {
    expect(completeLink(bad), bad).toBeNull();
  }
  expect(isLinkAllowed("vbscript:x")).toBe(false);
  expect(isLinkAllowed("/relativ")).toBe(false);
});

test("what is new is what was not there before, each time it stands there", () => {
  expect(newBlocks(["a", "b"], ["b", "c", "a"])).toEqual(["c"]);
  expect(newBlocks(["a"], ["a", "a"])).toEqual(["a"]);
  expect(newBlocks(["a", "b"], [])).toEqual([]);
});
