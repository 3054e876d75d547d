import { expect, test } from "vitest";
import { match } from "./router";

test("matches names and takes parameters out", () => {
  expect(match("/admin/rooms/:id", "/admin/rooms/7%20a")).toEqual({ id: "7 a" });
  expect(match("/", "/")).toEqual({});
  expect(match("/admin/rooms", "/admin/rooms/")).toEqual({});
});

test("refuses other lengths, other names and broken escapes", () => {
  expect(match("/admin/rooms/:id", "/admin/rooms")).toBeNull();
  expect(match("/j", "/r")).toBeNull();
  expect(match("/pad/:id", "/pad/%E0%A4%A")).toBeNull();
});
