/** Stand-ins for tests of the call engine: a clock that is turned by hand, and a websocket that is driven by the test. */
import type { ClientMessage, Person, ServerMessage, Welcome } from "../wire/room";
import type { Wire } from "./event_line";
import type { SocketWorld } from "./room_socket";

export class FakeSocket {
  readyState = 0;
  readonly sent: ClientMessage[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }

  /** The line breaks. */
  break(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  close(): void {
    this.readyState = 3;
  }
}

export class FakeWorld implements SocketWorld {
  readonly sockets: FakeSocket[] = [];
  readonly ways: ("socket" | "events")[] = [];
  private time = 0;
  private timers: { at: number; run: () => void }[] = [];

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket yet");
    return socket;
  }

  open(): Wire {
    return this.opened("socket");
  }

  openEvents(): Wire {
    return this.opened("events");
  }

  private opened(way: "socket" | "events"): Wire {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    this.ways.push(way);
    return socket as unknown as Wire;
  }

  now(): number {
    return this.time;
  }

  random(): number {
    return 0.5;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass, and with it everything that was waiting for it. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.run();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

/** Lets promises that are ready go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

export const person = (id: string, change: Partial<Person> = {}): Person => ({
  id,
  name: `Name ${id}`,
  role: "participant",
  sources: [],
  connected: true,
  ...change,
});

export function welcome(change: Partial<Welcome> = {}): ServerMessage {
  return {
    type: "welcome",
    room: "room",
    name: "Modul 3",
    you: "me",
    policy: { speak: "everyone", show: "everyone", share: "trainers", chat: "everyone", write: "everyone" },
    locked: false,
    pad: "pad",
    people: [person("me"), person("a"), person("b")],
    hands: [],
    chat: [],
    lobby: null,
    slots_max: 9,
    ice_servers: [],
    ...change,
  };
}
