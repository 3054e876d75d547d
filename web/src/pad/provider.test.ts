import "fake-indexeddb/auto";
import * as encoding from "lib0/encoding";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IndexeddbPersistence } from "y-indexeddb";
import { applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import type * as Y from "yjs";
import { FakePadServer } from "./fake_server";
import { PadProvider } from "./provider";

let server: FakePadServer;
const opened: PadProvider[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakePadServer();
});

afterEach(() => {
  for (const provider of opened.splice(0)) provider.destroy();
  vi.useRealTimers();
});

function open(): PadProvider {
  const provider = new PadProvider("pad-1", server.surroundings);
  opened.push(provider);
  return provider;
}

const text = (provider: PadProvider) => provider.doc.getText("t");
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function notice(word: string): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 103);
  encoding.writeVarString(encoder, word);
  return encoding.toUint8Array(encoder);
}

test("connects with a token and the ack extension, and is saved when the server has acked", async () => {
  server.doc.getText("t").insert(0, "Schon da");
  const provider = open();
  await pass(20);
  expect(server.socket.url).toBe("wss://werkraum.test/pads/yjs/pad-1?token=t1&ack=1");
  expect(text(provider).toString()).toBe("Schon da");
  expect(provider.status()).toMatchObject({
    connection: "online",
    synced: true,
    saved: "saved",
    title: "Protokoll",
  });
});

test("two people write at once and end with the same text", async () => {
  const [one, two] = [open(), open()];
  await pass(20);
  text(one).insert(0, "eins ");
  text(two).insert(0, "zwei ");
  await pass(200);
  expect(text(one).toString()).toBe(text(two).toString());
  expect(text(one).toString()).toContain("eins");
  expect(text(one).toString()).toContain("zwei");
  expect(server.text).toBe(text(one).toString());
});

test("calls back right before the words and the cursors of others come in", async () => {
  const [one, two] = [open(), open()];
  await pass(20);
  const told: string[] = [];
  // As an editor does it: registered later, drawn in the next turn.
  one.awareness.on("change", () => setTimeout(() => told.push("drawn"), 0));
  const stop = one.beforeOthers(() => told.push(`before "${text(one)}"`));
  text(two).insert(0, "zwei");
  await pass(200);
  expect(told).toEqual(['before ""']);
  two.awareness.setLocalStateField("cursor", 1);
  const cursor = encodeAwarenessUpdate(two.awareness, [two.awareness.clientID]);
  applyAwarenessUpdate(one.awareness, cursor, "server");
  await pass(20);
  expect(told.slice(1)).toEqual(['before "zwei"', "drawn"]);
  stop();
  text(two).insert(4, " drei");
  await pass(200);
  expect(text(one).toString()).toBe("zwei drei");
  expect(told).toHaveLength(3);
});

test("shows saving, then not saved with its seconds, then saved", async () => {
  const provider = open();
  await pass(20);
  server.durable = false;
  text(provider).insert(0, "x");
  await pass(100);
  expect(provider.status().saved).toBe("saving");
  await pass(5_200);
  expect(provider.status()).toMatchObject({ saved: "unsaved", unsaved_s: 5, copy: false });
  await pass(26_000);
  expect(provider.status().copy).toBe(true);
  server.releaseAcks();
  expect(provider.status()).toMatchObject({ saved: "saved", unsaved_s: 0, copy: false });
});

test("what is typed without a line goes out by the state vector on the next connection", async () => {
  const provider = open();
  await pass(20);
  server.reachable = false;
  server.socket.closeWith(1006);
  expect(provider.status().connection).toBe("offline");
  text(provider).insert(0, "unterwegs ");
  server.doc.getText("t").insert(0, "inzwischen ");
  await pass(3_500);
  expect(provider.status().saved).toBe("unsaved");
  server.reachable = true;
  await pass(6_000);
  expect(provider.status()).toMatchObject({ connection: "online", saved: "saved" });
  expect(server.text).toBe(text(provider).toString());
  expect(server.text).toContain("unterwegs");
  expect(server.text).toContain("inzwischen");
});

test("fetches a new token for each connection, with growing pauses", async () => {
  open();
  await pass(20);
  server.reachable = false;
  server.socket.closeWith(4503);
  await pass(10_000);
  // 150 + 300 + 600 + 1200 + 2400 + 3750 ms at a random value of one half: six tries fit, not sixty.
  expect(server.tokens).toBeGreaterThan(4);
  expect(server.tokens).toBeLessThan(10);
});

test("stops with the reason on close codes that mean no return", async () => {
  const provider = open();
  await pass(20);
  server.durable = false;
  text(provider).insert(0, "x");
  await pass(50);
  server.socket.closeWith(4403);
  await pass(60_000);
  expect(provider.status()).toMatchObject({
    connection: "stopped",
    reason: "forbidden",
    saved: "unsaved",
    copy: true,
  });
  expect(server.tokens).toBe(1);
});

test("asks for another token when one was refused, but not for ever", async () => {
  const provider = open();
  await pass(20);
  server.socket.closeWith(4401);
  await pass(1_000);
  expect(provider.status().connection).toBe("online");
  expect(server.tokens).toBe(2);
  server.refuseToken = "sign_in_required";
  server.socket.closeWith(4401);
  await pass(10_000);
  expect(provider.status()).toMatchObject({ connection: "stopped", reason: "sign_in_required" });
});

test("a reader sends no update and has nothing to save", async () => {
  server.right = "read";
  server.doc.getText("t").insert(0, "nur lesen");
  const provider = open();
  await pass(4_000);
  expect(text(provider).toString()).toBe("nur lesen");
  expect(provider.status()).toMatchObject({ right: "read", saved: "saved" });
  const kinds = server.socket.received.map((message) => message.kind);
  expect(kinds).not.toContain("step_2");
  expect(kinds).not.toContain("update");
});

test("losing the right while a change is on its way is said at once", async () => {
  const provider = open();
  await pass(20);
  server.durable = false;
  text(provider).insert(0, "x");
  await pass(10);
  server.socket.push(notice("right_read"));
  expect(provider.status()).toMatchObject({ right: "read", saved: "unsaved" });
});

test("getting the right back sends what was kept", async () => {
  const provider = open();
  await pass(20);
  server.right = "read";
  server.socket.push(notice("right_read"));
  text(provider).insert(0, "später");
  await pass(500);
  expect(server.text).toBe("");
  server.right = "write";
  server.socket.push(notice("right_write"));
  await pass(1_000);
  expect(server.text).toBe("später");
  expect(provider.status().saved).toBe("saved");
});

test("a full pad is told", async () => {
  const provider = open();
  await pass(20);
  server.socket.push(notice("pad_nearly_full"));
  expect(provider.status().room).toBe("little");
  server.socket.push(notice("pad_full"));
  expect(provider.status().room).toBe("full");
});

test("a silent line is given up and opened again", async () => {
  open();
  await pass(20);
  await pass(36_500);
  expect(server.tokens).toBe(2);
});

test("gathers fast typing into few frames and big pastes into a sync answer", async () => {
  const provider = open();
  await pass(20);
  for (let n = 0; n < 100; n++) {
    text(provider).insert(0, "a");
    await pass(5);
  }
  await pass(100);
  const updates = server.socket.received.filter((message) => message.kind === "update");
  expect(updates.length).toBeGreaterThan(5);
  expect(updates.length).toBeLessThan(20);
  text(provider).insert(0, "b".repeat(300_000));
  await pass(100);
  expect(server.text.length).toBe(300_100);
  expect(server.socket.received.filter((message) => message.kind === "step_2").length).toBe(2);
});

test("sends its own cursor only, at most five times a second, and takes it away at the end", async () => {
  const provider = open();
  await pass(20);
  const before = server.socket.received.filter((message) => message.kind === "awareness").length;
  for (let n = 0; n < 50; n++) {
    provider.awareness.setLocalStateField("cursor", { at: n });
    await pass(20);
  }
  const sent = server.socket.received.filter((message) => message.kind === "awareness").length - before;
  expect(sent).toBeGreaterThan(2);
  expect(sent).toBeLessThanOrEqual(6);
  const { received } = server.socket;
  provider.destroy();
  const last = received.filter((message) => message.kind === "awareness").at(-1);
  expect(new TextDecoder().decode(last?.kind === "awareness" ? last.update : undefined)).toContain("null");
});

test("bytes that cannot be read do not end it", async () => {
  const provider = open();
  await pass(20);
  server.socket.push(new Uint8Array([0, 2, 3, 255, 255, 255]));
  expect(provider.status().connection).toBe("offline");
  await pass(1_000);
  expect(provider.status().connection).toBe("online");
});

test("what this browser kept is sent after a reload", async () => {
  vi.useRealTimers();
  const kept = {
    ...server.surroundings,
    persistence: (name: string, doc: Y.Doc) => new IndexeddbPersistence(name, doc),
  };
  const first = new PadProvider("pad-2", kept);
  await vi.waitFor(() => expect(first.status().saved).toBe("saved"));
  server.reachable = false;
  server.socket.closeWith(1006);
  first.doc.getText("t").insert(0, "vor dem Neuladen");
  await vi.waitFor(() => expect(first.status().saved).toBe("device"), 5_000);
  first.destroy();

  server.reachable = true;
  const second = new PadProvider("pad-2", kept);
  opened.push(second);
  await vi.waitFor(() => expect(server.text).toBe("vor dem Neuladen"), 5_000);
  await vi.waitFor(() => expect(second.status().saved).toBe("saved"));
}, 15_000);
