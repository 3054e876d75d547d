import { describe, expect, it } from "vitest";
import type { RoomEvent } from "../wire/room";
import { person, welcome } from "./fakes";
import { EMPTY, me, type RoomState, reduce } from "./room_store";

const inside = (change: Parameters<typeof welcome>[0] = {}): RoomState => reduce(EMPTY, welcome(change));
const happened = (state: RoomState, ...events: RoomEvent[]): RoomState =>
  events.reduce((now, event) => reduce(now, { type: "event", event }), state);

describe("the room's state", () => {
  it("knows nothing but the trainer's message while waiting, even if events came (S-06)", () => {
    const waiting = reduce(EMPTY, { type: "waiting", message: "13:35" });
    const state = happened(waiting, { name: "person", person: person("a") });
    expect(state.phase).toBe("waiting");
    expect(state.lobbyMessage).toBe("13:35");
    expect(state.people).toEqual([]);
  });

  it("draws everything from the welcome", () => {
    const state = inside();
    expect(state.phase).toBe("in");
    expect(me(state)?.id).toBe("me");
    expect(state.people).toHaveLength(3);
    expect(state.notices).toEqual([]);
  });

  it("tells who came and who went, and takes their hand along", () => {
    const state = happened(
      inside({ hands: ["a"] }),
      { name: "person", person: person("c", { name: "Olena" }) },
      { name: "left", participant: "a", removed: false },
    );
    expect(state.people.map((one) => one.id)).toEqual(["me", "b", "c"]);
    expect(state.hands).toEqual([]);
    expect(state.happenings.map(({ kind, name }) => [kind, name])).toEqual([
      ["came", "Olena"],
      ["left", "Name a"],
    ]);
  });

  it("keeps the order of people when something about them changes", () => {
    const state = happened(inside(), { name: "person", person: person("a", { sources: ["camera"] }) });
    expect(state.people.map((one) => one.id)).toEqual(["me", "a", "b"]);
    expect(state.people[1]?.sources).toEqual(["camera"]);
    expect(state.happenings).toEqual([]);
  });

  it("tells a raised hand once, with its place", () => {
    const state = happened(
      inside(),
      { name: "hands", hands: ["a"] },
      { name: "hands", hands: ["a", "b", "me"] },
      { name: "hands", hands: ["b", "me"] },
    );
    expect(state.hands).toEqual(["b", "me"]);
    expect(state.happenings).toMatchObject([
      { kind: "hand", name: "Name a", place: 1 },
      { kind: "hand", name: "Name b", place: 2 },
    ]);
  });

  it("counts the messages of others and not one's own", () => {
    const message = (id: string, from: string) => ({ id, from, name: "N", text: "t", at_ms: 0 });
    const state = happened(
      inside(),
      { name: "chat", message: message("1", "a") },
      { name: "chat", message: message("2", "me") },
      { name: "chat_deleted", message: "1", by: "a" },
    );
    expect(state.chatCount).toBe(1);
    expect(state.chat.map((one) => one.id)).toEqual(["2"]);
  });

  it("says who silenced me, and a second time replaces the first", () => {
    const state = happened(
      inside(),
      { name: "silenced", source: "camera", by: "a" },
      { name: "silenced", source: "microphone", by: "b" },
    );
    expect(state.notices.map(({ notice }) => notice)).toEqual([
      { kind: "silenced", source: "microphone", by: "Name b" },
    ]);
  });

  it("forgets who waits when I no longer lead (S-04)", () => {
    const leading = inside({
      people: [person("me", { role: "co_trainer" })],
      lobby: { message: null, waiting: [{ id: "w", name: "W", knock: null }] },
    });
    const state = happened(leading, { name: "person", person: person("me") });
    expect(state.lobby).toBeNull();
    expect(state.notices[0]?.notice).toEqual({ kind: "role", role: "participant" });
  });

  it("tells only the newly waiting", () => {
    const one = { id: "w", name: "W", knock: null };
    const state = happened(inside({ lobby: { message: null, waiting: [one] } }), {
      name: "lobby",
      lobby: { message: null, waiting: [one, { id: "x", name: "X", knock: null }] },
    });
    expect(state.happenings).toMatchObject([{ kind: "knocks", name: "X" }]);
  });

  it("is back with the same people after a lost connection, says so, and forgets old slots", () => {
    const before = happened(inside({ hands: ["me"] }), {
      name: "slots",
      slots: [{ slot: 0, participant: "a", source: "camera", picture: true }],
    });
    const state = reduce({ ...before, connection: "lost" }, welcome({ hands: ["me"] }));
    expect(state.connection).toBe("ok");
    expect(state.hands).toEqual(["me"]);
    expect(state.slots.size).toBe(0);
    expect(state.notices.map(({ notice }) => notice.kind)).toEqual(["back"]);
  });

  it("changes only the named slots", () => {
    const a = { slot: 0, participant: "a", source: "camera", picture: true } as const;
    const b = { slot: 1, participant: "b", source: "camera", picture: false } as const;
    const state = happened(
      inside(),
      { name: "slots", slots: [a, b] },
      { name: "slots", slots: [{ ...b, picture: true }] },
    );
    expect([...state.slots.values()]).toEqual([a, { ...b, picture: true }]);
  });

  it("lives through an event that it does not know", () => {
    const state = inside();
    expect(happened(state, { name: "fireworks" } as unknown as RoomEvent)).toBe(state);
  });
});
