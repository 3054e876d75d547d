import { expect, test } from "vitest";
import { sessionOf } from "./sdp";

const answer = (origin: string) => `v=0\r\no=${origin} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n`;

test("a connection is known by the id of its session, whatever its version", () => {
  expect(sessionOf(answer("- 4611686018427387903 1"))).toBe("4611686018427387903");
  expect(sessionOf(answer("- 4611686018427387903 2"))).toBe("4611686018427387903");
  expect(sessionOf("v=0\r\ns=-\r\n")).toBeNull();
});
