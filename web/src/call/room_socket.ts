/**
 * The room's websocket: hello with a one-time ticket, commands with promises, and coming back by itself; by events and
 * posts where websockets do not get through.
 *
 * `call.ts` owns one. A lost connection is opened again after at most 2.5 s with a fresh ticket, as the same person
 * a goodbye that is meant for good ends it. Does not interpret events and knows no media.
 */
import type {
  ClientMessage,
  Command,
  PublishedSection,
  ServerMessage,
  SlotSections,
  SlotWish,
} from "../wire/room";
import { PROTOCOL_VERSION } from "../wire/room";
import type { Code } from "../wire/types";
import { EventLine, type Wire } from "./event_line";

const PING_EVERY_MS = 2_500;
const SILENCE_MAX_MS = 6_000;
const OPEN_MAX_MS = 8_000;
const BACKOFF_MIN_MS = 400;
const BACKOFF_MAX_MS = 2_500;
/** So many attempts come quickly: they fill the two seconds in which a server that restarts is back. */
const QUICK_ATTEMPTS = 8;

/** Goodbyes after which coming back is useless until the person does something. */
const FINAL: ReadonlySet<Code> = new Set<Code>([
  "removed",
  "denied",
  "ended",
  "room_deleted",
  "replaced",
  "protocol_version",
  "room_full",
  "room_locked",
  "lobby_full",
  "forbidden",
  "not_found",
  "sign_in_required",
  "invitation_unknown",
  "invitation_expired",
  "foreign_origin",
  "unknown_host",
  "organisation_incomplete",
]);

/** A command or offer that the server refused, or that got no answer (`lost`). */
export class Refused extends Error {
  readonly code: Code | "lost";
  constructor(code: Code | "lost") {
    super(code);
    this.code = code;
  }
}

export type SocketState =
  | { name: "connecting" }
  | { name: "open" }
  /** The connection is gone; the next attempt is on its way. */
  | { name: "lost"; since_ms: number }
  | { name: "ended"; code: Code | "left" };

/** What the socket needs from outside, so that tests can hand in their own. */
export interface SocketWorld {
  open(url: string): Wire;
  openEvents(url: string): Wire;
  now(): number;
  random(): number;
  after(ms: number, run: () => void): () => void;
}

export const BROWSER: SocketWorld = {
  open: (url) => new WebSocket(url),
  openEvents: (url) => new EventLine(url),
  now: () => performance.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface SocketOptions {
  url: string;
  /** Of the events, where websockets are blocked. */
  eventsUrl: string;
  /** The ticket from joining, good for the first attempt. */
  ticket: string;
  /** `POST /api/v1/rooms/{id}/ticket`; rejects with an object that has a `code` when the server says no. */
  fetchTicket(): Promise<string>;
  onMessage(message: ServerMessage): void;
  onState(state: SocketState): void;
  world?: SocketWorld;
}

interface Pending {
  resolve(value: string): void;
  reject(reason: Refused): void;
}

function codeOf(reason: unknown): Code | null {
  if (typeof reason === "object" && reason !== null && "code" in reason && typeof reason.code === "string") {
    return reason.code as Code;
  }
  return null;
}

export class RoomSocket {
  private readonly options: SocketOptions;
  private readonly world: SocketWorld;
  private state: SocketState = { name: "connecting" };
  private socket: Wire | null = null;
  /** Whether the next attempt goes by events: the other way than the last one that led nowhere. */
  private byEvents = false;
  private ticket: string | null;
  private attempt = 0;
  /** Whether the server answered on this connection. */
  private reached = false;
  private nextId = 1;
  private lastHeard = 0;
  private readonly pending = new Map<number, Pending>();
  private cancelRetry: (() => void) | null = null;
  private cancelPing: (() => void) | null = null;
  private cancelOpen: (() => void) | null = null;

  constructor(options: SocketOptions) {
    this.options = options;
    this.world = options.world ?? BROWSER;
    this.ticket = options.ticket;
  }

  start(): void {
    void this.connect();
  }

  /** Does something in the room. Rejects with [`Refused`]; `lost` means that nobody knows whether it was done. */
  command(command: Command): Promise<void> {
    return this.request((id) => ({ type: "command", id, command })).then(() => undefined);
  }

  /** Sends an offer; resolves with the server's answer. */
  offer(sdp: string, publish: PublishedSection[], slots: SlotSections[]): Promise<string> {
    return this.request((id) => ({ type: "offer", id, sdp, publish, slots }));
  }

  /** Says what the slots shall show. Lost wishes are no loss: the wishes are sent again after every answer. */
  subscribe(slots: SlotWish[]): void {
    if (this.state.name === "open") this.write({ type: "subscribe", slots });
  }

  /** The network changed: find out now whether the connection still lives, or try again at once. */
  nudge(): void {
    if (this.state.name === "lost") {
      this.cancelRetry?.();
      void this.connect();
    } else if (this.state.name === "open") {
      const asked = this.world.now();
      this.write({ type: "ping" });
      this.world.after(1_500, () => {
        if (this.state.name === "open" && this.lastHeard < asked) this.drop();
      });
    }
  }

  /** Ends it for good. */
  end(code: Code | "left"): void {
    if (this.state.name === "ended") return;
    this.quiet();
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.failPending();
    this.go({ name: "ended", code });
  }

  private async connect(): Promise<void> {
    this.quiet();
    let ticket = this.ticket;
    this.ticket = null;
    if (ticket === null) {
      try {
        ticket = await this.options.fetchTicket();
      } catch (reason) {
        const code = codeOf(reason);
        if (code !== null && FINAL.has(code)) this.end(code);
        else this.retry();
        return;
      }
    }
    if (this.state.name === "ended") return;
    const socket = this.byEvents
      ? this.world.openEvents(this.options.eventsUrl)
      : this.world.open(this.options.url);
    this.reached = false;
    this.socket = socket;
    const hello: ClientMessage = { type: "hello", ticket, protocol: PROTOCOL_VERSION };
    this.cancelOpen = this.world.after(OPEN_MAX_MS, () => this.drop());
    socket.onopen = () => {
      if (this.socket === socket) socket.send(JSON.stringify(hello));
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.socket === socket && typeof event.data === "string") this.hear(event.data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.drop();
    };
  }

  private hear(text: string): void {
    this.lastHeard = this.world.now();
    this.reached = true;
    let message: ServerMessage;
    try {
      message = JSON.parse(text) as ServerMessage;
    } catch {
      this.drop();
      return;
    }
    if (message.type === "bye") {
      if (FINAL.has(message.code)) this.end(message.code);
      else {
        this.options.onMessage(message);
        this.drop();
      }
      return;
    }
    if (this.state.name !== "open" && (message.type === "welcome" || message.type === "waiting")) {
      this.cancelOpen?.();
      this.cancelOpen = null;
      this.attempt = 0;
      this.go({ name: "open" });
      this.pingLater();
    }
    if (message.type === "done" || message.type === "answer" || message.type === "refused") {
      const pending = this.pending.get(message.id);
      this.pending.delete(message.id);
      if (message.type === "refused") pending?.reject(new Refused(message.code));
      else pending?.resolve(message.type === "answer" ? message.sdp : "");
      return;
    }
    if (message.type !== "pong") this.options.onMessage(message);
  }

  private request(make: (id: number) => ClientMessage): Promise<string> {
    if (this.state.name !== "open") return Promise.reject(new Refused("lost"));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.write(make(id));
    });
  }

  private write(message: ClientMessage): void {
    if (this.socket !== null && this.socket.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private pingLater(): void {
    this.cancelPing = this.world.after(PING_EVERY_MS, () => {
      if (this.world.now() - this.lastHeard > SILENCE_MAX_MS) {
        this.drop();
        return;
      }
      this.write({ type: "ping" });
      this.pingLater();
    });
  }

  /** The connection is no good: forget it and come back. */
  private drop(): void {
    if (this.state.name === "ended") return;
    const socket = this.socket;
    this.socket = null;
    if (socket && !this.reached) this.byEvents = !this.byEvents;
    socket?.close();
    this.failPending();
    this.retry();
  }

  private retry(): void {
    if (this.state.name === "ended") return;
    this.quiet();
    if (this.state.name !== "lost") this.go({ name: "lost", since_ms: this.world.now() });
    // Spread so that a hundred people do not knock in the same millisecond; after the quick ones the waits double up to
    // the maximum.
    const slow = Math.max(0, this.attempt - QUICK_ATTEMPTS);
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** slow);
    this.attempt += 1;
    this.cancelRetry = this.world.after(
      ceiling * (0.3 + 0.7 * this.world.random()),
      () => void this.connect(),
    );
  }

  private failPending(): void {
    const all = [...this.pending.values()];
    this.pending.clear();
    for (const pending of all) pending.reject(new Refused("lost"));
  }

  private quiet(): void {
    this.cancelRetry?.();
    this.cancelPing?.();
    this.cancelOpen?.();
    this.cancelRetry = null;
    this.cancelPing = null;
    this.cancelOpen = null;
  }

  private go(state: SocketState): void {
    this.state = state;
    this.options.onState(state);
  }
}
