import { expect, test } from "vitest";
import { outsideAddress } from "./outside_address";

const HOME = "https://werkraum.example";

test("other sites are outside, our own pages and mail are not", () => {
  expect(outsideAddress("https://beispiel.example/plan?x=1", HOME)?.host).toBe("beispiel.example");
  expect(outsideAddress("http://werkraum.example/", HOME)?.protocol).toBe("http:");
  expect(outsideAddress("https://werkraum.example:8443/pad/1", HOME)?.port).toBe("8443");
  expect(outsideAddress("https://werkraum.example@boese.example/", HOME)?.host).toBe("boese.example");
  for (const inside of [`${HOME}/pad/1`, "/privacy", "mailto:a@example.org", "", null, undefined])
    expect(outsideAddress(inside, HOME)).toBeNull();
});
