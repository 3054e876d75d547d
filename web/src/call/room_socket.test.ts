import { describe, expect, it } from "vitest";
import type { ServerMessage } from "../wire/room";
import type { Code } from "../wire/types";
import { FakeWorld, settle, welcome } from "./fakes";
import { Refused, RoomSocket, type SocketState } from "./room_socket";

function open(fetchTicket: () => Promise<string> = () => Promise.resolve("second")) {
  const world = new FakeWorld();
  const states: SocketState[] = [];
  const heard: ServerMessage[] = [];
  const socket = new RoomSocket({
    url: "wss://x/api/v1/socket",
    eventsUrl: "/api/v1/events",
    ticket: "first",
    fetchTicket,
    onMessage: (message) => heard.push(message),
    onState: (state) => states.push(state),
    world,
  });
  socket.start();
  return { world, states, heard, socket };
}

async function entered(fetchTicket?: () => Promise<string>) {
  const all = open(fetchTicket);
  await settle();
  all.world.last.open();
  all.world.last.say(welcome());
  return all;
}

describe("the room's websocket", () => {
  it("says hello with the ticket and is open after the welcome", async () => {
    const { world, states, heard } = await entered();
    expect(world.last.sent[0]).toEqual({ type: "hello", ticket: "first", protocol: 1 });
    expect(states).toEqual([{ name: "open" }]);
    expect(heard.map((message) => message.type)).toEqual(["welcome"]);
  });

  it("goes by events when a websocket leads nowhere, stays there while it works, and tries both in turn", async () => {
    const { world } = open();
    await settle();
    world.last.break();
    await world.pass(2_500);
    expect(world.ways).toEqual(["socket", "events"]);
    world.last.open();
    world.last.say(welcome());
    world.last.break();
    await world.pass(2_500);
    expect(world.ways).toEqual(["socket", "events", "events"]);
    world.last.break();
    await world.pass(2_500);
    expect(world.ways.at(-1)).toBe("socket");
  });

  it("answers a command with done or refused, whichever comes for its id", async () => {
    const { world, socket } = await entered();
    const hand = socket.command({ name: "hand", raised: true });
    const lock = socket.command({ name: "lock", locked: true });
    world.last.say({ type: "refused", id: 2, code: "forbidden" });
    world.last.say({ type: "done", id: 1 });
    await expect(hand).resolves.toBeUndefined();
    await expect(lock).rejects.toEqual(new Refused("forbidden"));
  });

  it("comes back within 2.5 s each time, with a new ticket, as long as the line is down", async () => {
    let tickets = 0;
    const { world, states } = await entered(() => Promise.resolve(`ticket ${++tickets}`));
    world.last.break();
    expect(states.at(-1)?.name).toBe("lost");
    for (let attempt = 1; attempt <= 8; attempt++) {
      const before = world.sockets.length;
      await world.pass(2_500);
      expect(world.sockets.length).toBe(before + 1);
      world.last.break();
    }
    await world.pass(2_500);
    world.last.open();
    world.last.say(welcome());
    expect(states.at(-1)?.name).toBe("open");
    expect(world.last.sent[0]).toMatchObject({ ticket: "ticket 9" });
  });

  it("keeps trying while the server cannot give a ticket", async () => {
    let fails = 3;
    const { world } = await entered(() =>
      fails-- > 0 ? Promise.reject(new Error("network")) : Promise.resolve("t"),
    );
    world.last.break();
    await world.pass(5_000);
    expect(world.sockets.length).toBe(2);
  });

  it.each<Code>(["removed", "ended", "replaced", "denied"])("does not come back after %s", async (code) => {
    const { world, states } = await entered();
    world.last.say({ type: "bye", code });
    await world.pass(60_000);
    expect(states.at(-1)).toEqual({ name: "ended", code });
    expect(world.sockets.length).toBe(1);
  });

  it("ends when the server says at the ticket that this person is out", async () => {
    const { world, states } = await entered(() => Promise.reject({ code: "removed" }));
    world.last.break();
    await world.pass(5_000);
    expect(states.at(-1)).toEqual({ name: "ended", code: "removed" });
  });

  it.each<Code>(["shutting_down", "ticket_invalid", "slow_reader", "overloaded"])(
    "comes back after %s",
    async (code) => {
      const { world } = await entered();
      world.last.say({ type: "bye", code });
      await world.pass(2_500);
      expect(world.sockets.length).toBe(2);
    },
  );

  it("notices a line that is dead without having been closed", async () => {
    const { world, states } = await entered();
    await world.pass(20_000);
    expect(states.map((state) => state.name)).toContain("lost");
  });

  it("stays while the server answers pings", async () => {
    const { world, states } = await entered();
    for (let second = 0; second < 60; second++) {
      await world.pass(1_000);
      world.last.say({ type: "pong" });
    }
    expect(states.map((state) => state.name)).toEqual(["open"]);
  });

  it("fails what was under way as lost, so that nobody waits for ever", async () => {
    const { world, socket } = await entered();
    const chat = socket.command({ name: "chat", text: "?" });
    world.last.break();
    await expect(chat).rejects.toEqual(new Refused("lost"));
  });

  it("tries at once when the network is back", async () => {
    const { world, socket } = await entered();
    world.last.break();
    await world.pass(2_500);
    world.last.break();
    const before = world.sockets.length;
    socket.nudge();
    await settle();
    expect(world.sockets.length).toBe(before + 1);
  });

  it("takes frames that are not JSON as a broken line", async () => {
    const { world, states } = await entered();
    world.last.onmessage?.({ data: "{" });
    expect(states.at(-1)?.name).toBe("lost");
  });
});
