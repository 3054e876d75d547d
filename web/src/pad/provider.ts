// Keeps one pad's document the same here and on the server: a websocket with the y-websocket protocol, a copy in
// IndexedDB, acks that say what is on disk. No user interface, no editor: `features/pad` draws what `status` says.
// What is typed is never dropped: until acked it stays in the document, in IndexedDB, and goes out again by the state
// vector on the next connection.
import { IndexeddbPersistence } from "y-indexeddb";
import { Awareness, applyAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import * as Y from "yjs";
import { ApiError, type Failure } from "../api/client";
import type { PadRight, PadToken } from "../wire/types";
import * as frames from "./frames";
import { COPY_AFTER_MS, SavedTracker, type SavedWord } from "./saved";

export interface PadStatus {
  /** `stopped`: it will not come back by itself; `reason` says why. */
  connection: "connecting" | "online" | "offline" | "stopped";
  reason: Failure | null;
  /** `null` until the server has said it. */
  right: PadRight | null;
  /** Whether the text is complete as far as the server knew it. */
  synced: boolean;
  saved: SavedWord;
  /** Whole seconds that the oldest unsaved change waits. */
  unsaved_s: number;
  /** Whether to offer copying the text. */
  copy: boolean;
  /** How near the pad is to its limit. */
  room: "enough" | "little" | "full";
  title: string;
}

/** What the provider needs from outside, so that tests can stand in for it. */
export interface PadSurroundings {
  token(pad: string, signal: AbortSignal): Promise<PadToken>;
  socket(url: string): WebSocket;
  /** `wss://host` */
  origin: string;
  /** `null` where the browser keeps nothing. */
  persistence(name: string, doc: Y.Doc): IndexeddbPersistence | null;
  random(): number;
}

const TOKEN_TIMEOUT_MS = 15_000;
/** The server says something at least every 15 s; silence beyond this is a dead line. */
const SILENCE_MS = 35_000;
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 5_000;
/** Local changes are sent at once when it was quiet, otherwise gathered: at most 25 frames a second. */
const SEND_EVERY_MS = 40;
/** At most five cursor positions a second. */
const AWARENESS_EVERY_MS = 200;
/** Live frames may have 256 KiB; bigger ones take the wider road of a sync answer. */
const LIVE_UPDATE_BYTES_MAX = 200 * 1024;
/** How often the word is looked at again; only changes are told. */
const TICK_MS = 250;
/** Loading the copy kept here must not keep anybody from the server's text. */
const KEPT_WAIT_MS = 2_000;
/** Tokens that the server refuses in a row before we stop asking. */
const REFUSED_TOKENS_MAX = 3;

const CLOSED_FOR_GOOD: Readonly<Record<number, Failure>> = {
  4400: "malformed",
  4403: "forbidden",
  4404: "pad_unknown",
  4410: "room_deleted",
  4422: "malformed",
};

/** Refusals of a token that another try may change. */
const PASSING: ReadonlySet<Failure> = new Set<Failure>([
  "unreachable",
  "overloaded",
  "shutting_down",
  "too_many",
  "internal",
]);

export const browserSurroundings = (token: PadSurroundings["token"]): PadSurroundings => ({
  token,
  socket: (url) => new WebSocket(url),
  origin: location.origin.replace(/^http/, "ws"),
  persistence: (name, doc) => {
    try {
      return indexedDB ? new IndexeddbPersistence(name, doc) : null;
    } catch {
      return null; // storage forbidden: the word then says so when the line is down
    }
  },
  random: Math.random,
});

export class PadProvider {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  readonly pad: string;

  readonly #around: PadSurroundings;
  readonly #saved: SavedTracker;
  readonly #listeners = new Set<() => void>();
  readonly #heeding = new Set<() => void>();
  readonly #persistence: IndexeddbPersistence | null;
  #kept = false;
  #status: PadStatus;
  #socket: WebSocket | null = null;
  /** Whether the server has our state and live updates may follow. */
  #live = false;
  /** The server's state vector of this connection. */
  #told: Uint8Array | null = null;
  #destroyed = false;
  #attempt = 0;
  #refusedTokens = 0;
  #asking: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;
  #queue: Uint8Array[] = [];
  #sending: ReturnType<typeof setTimeout> | undefined;
  #cursor: ReturnType<typeof setTimeout> | undefined;
  #cursorSent_ms = Number.NEGATIVE_INFINITY;

  constructor(pad: string, around: PadSurroundings) {
    this.pad = pad;
    this.#around = around;
    this.#saved = new SavedTracker(Date.now());
    this.#status = {
      connection: "connecting",
      reason: null,
      right: null,
      synced: false,
      saved: "saving",
      unsaved_s: 0,
      copy: false,
      room: "enough",
      title: "",
    };
    this.doc.on("update", this.#onUpdate);
    this.awareness.on("update", this.#onAwareness);
    // Editors draw the cursors of others in the next turn; registered first, this comes right before.
    this.awareness.on("change", () => setTimeout(this.#heed, 0));
    globalThis.addEventListener?.("online", this.#onOnline);
    globalThis.addEventListener?.("beforeunload", this.#onUnload);
    this.#tick = setInterval(() => this.#refresh(), TICK_MS);
    this.#persistence = around.persistence(`werkraum.pad.${pad}`, this.doc);
    void this.#start();
  }

  // ---- what others see

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly status = (): PadStatus => this.#status;

  /** Calls back right before something of others changes the text or its cursors. */
  readonly beforeOthers = (listener: () => void): (() => void) => {
    this.#heeding.add(listener);
    return () => this.#heeding.delete(listener);
  };

  readonly #heed = (): void => {
    for (const listener of this.#heeding) listener();
  };

  /** Tries at once instead of waiting for the next turn; also after a stop. */
  reconnect(): void {
    if (this.#destroyed) return;
    this.#attempt = 0;
    this.#refusedTokens = 0;
    this.#drop();
    void this.#connect();
  }

  destroy(): void {
    if (this.#destroyed) return;
    // Others see the cursor go; this must be sent before the listeners are gone.
    this.awareness.setLocalState(null);
    this.#sendCursor();
    this.#flush();
    this.#destroyed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#cursor);
    globalThis.removeEventListener?.("online", this.#onOnline);
    globalThis.removeEventListener?.("beforeunload", this.#onUnload);
    this.#drop();
    this.awareness.destroy();
    void this.#persistence?.destroy().catch(() => undefined);
    this.doc.destroy();
    this.#listeners.clear();
    this.#heeding.clear();
  }

  // ---- the connection

  async #start(): Promise<void> {
    const kept = this.#persistence;
    if (kept) {
      // A browser in private mode refuses late, by a rejected promise.
      const opened = (kept as unknown as { _db: Promise<unknown> })._db;
      const late = new Promise<false>((resolve) => setTimeout(resolve, KEPT_WAIT_MS, false));
      const loaded = Promise.race([kept.whenSynced, opened.then(() => kept.whenSynced)]).then(
        () => true,
        () => false,
      );
      void loaded.then((there) => {
        this.#kept = there;
        this.#refresh();
      });
      await Promise.race([loaded, late]);
    }
    if (!this.#destroyed) await this.#connect();
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retry);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#set({ connection: "connecting", reason: null });
    const tooLong = setTimeout(() => asking.abort(), TOKEN_TIMEOUT_MS);
    let token: PadToken;
    try {
      token = await this.#around.token(this.pad, asking.signal);
    } catch (error) {
      if (this.#asking !== asking || this.#destroyed) return;
      const code = error instanceof ApiError ? error.code : "unreachable";
      if (PASSING.has(code)) this.#later();
      else this.#stop(code);
      return;
    } finally {
      clearTimeout(tooLong);
    }
    if (this.#asking !== asking || this.#destroyed) return;
    this.#asking = null;
    this.#set({ title: token.title });
    this.#setRight(token.right);
    this.#open(token.token);
  }

  #open(token: string): void {
    const query = new URLSearchParams({ token, ack: "1" });
    const socket = this.#around.socket(
      `${this.#around.origin}/pads/yjs/${encodeURIComponent(this.pad)}?${query}`,
    );
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard();
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#send(frames.step1(this.doc));
      if (this.awareness.getLocalState() !== null) {
        // The clock must rise, or others take the old position for the newer one.
        this.awareness.setLocalState(this.awareness.getLocalState());
        this.#sendCursor();
      }
    };
    socket.onmessage = (event: MessageEvent) => {
      if (this.#socket !== socket) return;
      this.#heard();
      if (!(event.data instanceof ArrayBuffer)) return;
      try {
        const message = frames.decode(new Uint8Array(event.data));
        if (message.kind === "step_2" || message.kind === "update") this.#heed();
        this.#handle(message);
      } catch {
        // Bytes that Yjs cannot read: begin again from the state vectors rather than go on with a torn document.
        this.#lost();
      }
    };
    socket.onclose = (event: CloseEvent) => {
      if (this.#socket === socket) this.#closed(event.code);
    };
  }

  #handle(message: frames.PadMessage): void {
    switch (message.kind) {
      case "step_1":
        this.#answer(message.vector);
        break;
      case "step_2":
        Y.applyUpdate(this.doc, message.update, this);
        this.#attempt = 0;
        this.#refusedTokens = 0;
        this.#set({ connection: "online", synced: true });
        break;
      case "update":
        Y.applyUpdate(this.doc, message.update, this);
        break;
      case "awareness":
        applyAwarenessUpdate(this.awareness, message.update, this);
        break;
      case "query_awareness":
        this.#sendCursor();
        break;
      case "ack":
        this.#saved.acked(message.counter);
        this.#refresh();
        break;
      case "denied":
        this.#stop("forbidden");
        break;
      case "notice":
        this.#notice(message.notice);
        break;
      case "unknown":
        break; // a newer server may say more
    }
  }

  /** The server told its state: send all that it lacks, then ask to hear when that is on disk. */
  #answer(vector: Uint8Array): void {
    this.#told = vector;
    if (this.#status.right !== "write") {
      this.#readOnly();
      return;
    }
    this.#queue = [];
    this.#send(frames.step2(this.doc, vector));
    this.#send(frames.ack(this.#saved.last));
    this.#live = true;
  }

  #notice(notice: string): void {
    switch (notice) {
      case "right_read":
      case "right_comment":
      case "right_write":
        this.#setRight(notice.slice("right_".length) as PadRight);
        break;
      case "pad_nearly_full":
        this.#set({ room: "little" });
        break;
      case "pad_writable":
        this.#set({ room: "enough" });
        break;
      case "pad_full":
        this.#saved.refused();
        this.#set({ room: "full" });
        break;
      case "pad_read_only":
        this.#saved.refused();
        this.#refresh();
        break;
    }
  }

  #setRight(right: PadRight): void {
    const before = this.#status.right;
    if (right === before) return;
    this.#set({ right });
    if (right === "write") {
      // What was kept back is sent after the next state vector, which only a new connection brings.
      if (before !== null && this.#socket) this.#lost(true);
    } else {
      const was_live = this.#live;
      this.#live = false;
      if (was_live) this.#saved.refused();
      else this.#readOnly();
      this.#refresh();
    }
  }

  /** A reader has nothing to save, unless this device kept something that the server never got. */
  #readOnly(): void {
    if (!this.#told) return; // the server's state vector decides, and it comes first of all
    const theirs = Y.decodeStateVector(this.#told);
    const ours = Y.decodeStateVector(Y.encodeStateVector(this.doc));
    const ahead = [...ours].some(([client, clock]) => clock > (theirs.get(client) ?? 0));
    if (ahead) this.#saved.refused();
    else this.#saved.nothing();
    this.#refresh();
  }

  #closed(code: number): void {
    const reason = CLOSED_FOR_GOOD[code];
    if (code === 4401) this.#refusedTokens += 1;
    if (reason) this.#stop(reason);
    else if (this.#refusedTokens >= REFUSED_TOKENS_MAX) this.#stop("forbidden");
    else this.#lost();
  }

  /** The line is gone: everybody else's cursor goes, and we try again. */
  #lost(at_once = false): void {
    this.#drop();
    if (at_once) void this.#connect();
    else this.#later();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#live = false;
    this.#told = null;
    this.#queue = [];
    this.#asking?.abort();
    this.#asking = null;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    clearTimeout(this.#sending);
    this.#sending = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close(1000);
    }
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.doc.clientID);
    removeAwarenessStates(this.awareness, others, this);
  }

  /** Waits longer each time, and never at the same moment as everybody else. */
  #later(): void {
    this.#set({ connection: "offline" });
    const longest = Math.min(BACKOFF_FIRST_MS * 2 ** this.#attempt, BACKOFF_MAX_MS);
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), longest * (0.5 + this.#around.random() / 2));
  }

  #stop(reason: Failure): void {
    this.#drop();
    this.#set({ connection: "stopped", reason });
    // The text is gone on the server by somebody's wish; the copy goes too, unless it is the only one of something.
    const gone = reason === "room_deleted" || reason === "pad_unknown";
    if (gone && this.#saved.pending === 0) void this.#persistence?.clearData().catch(() => undefined);
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  // ---- what goes out

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === 1) this.#socket.send(bytes);
  }

  readonly #onUpdate = (bytes: Uint8Array, origin: unknown): void => {
    if (origin === this) return;
    if (this.#persistence && origin === this.#persistence) {
      // The copy came late, when we were already talking: it may hold what the server lacks.
      if (this.#live) this.#lost(true);
      return;
    }
    this.#saved.changed(Date.now());
    if (this.#status.right !== null && this.#status.right !== "write") this.#saved.refused();
    if (this.#live) {
      this.#queue.push(bytes);
      this.#sending ??= setTimeout(() => this.#flush(), 0);
    }
    this.#refresh();
  };

  #flush(): void {
    clearTimeout(this.#sending);
    this.#sending = undefined;
    if (!this.#live || this.#queue.length === 0) return;
    const merged = this.#queue.length === 1 ? (this.#queue[0] as Uint8Array) : Y.mergeUpdates(this.#queue);
    this.#queue = [];
    this.#send(merged.length > LIVE_UPDATE_BYTES_MAX ? frames.step2Of(merged) : frames.update(merged));
    this.#send(frames.ack(this.#saved.last));
    // Whatever is typed within the next moment goes together.
    this.#sending = setTimeout(() => {
      this.#sending = undefined;
      this.#flush();
    }, SEND_EVERY_MS);
  }

  readonly #onAwareness = (_change: unknown, origin: unknown): void => {
    if (origin !== "local" || this.#cursor !== undefined) return;
    const wait = Math.max(0, this.#cursorSent_ms + AWARENESS_EVERY_MS - Date.now());
    this.#cursor = setTimeout(() => this.#sendCursor(), wait);
  };

  #sendCursor(): void {
    clearTimeout(this.#cursor);
    this.#cursor = undefined;
    this.#cursorSent_ms = Date.now();
    if (this.awareness.meta.has(this.awareness.clientID)) this.#send(frames.awareness(this.awareness));
  }

  // ---- what is told

  readonly #onOnline = (): void => {
    if (this.#status.connection === "offline") this.reconnect();
  };

  readonly #onUnload = (event: BeforeUnloadEvent): void => {
    if (this.#status.saved !== "saved" && this.#status.right === "write") event.preventDefault();
  };

  #set(change: Partial<PadStatus>): void {
    const now_ms = Date.now();
    const next = { ...this.#status, ...change };
    const waiting_ms = this.#saved.waiting_ms(now_ms);
    next.saved = this.#saved.word(
      now_ms,
      next.connection === "online",
      this.#kept,
      next.connection === "stopped",
    );
    next.unsaved_s = Math.floor(waiting_ms / 1_000);
    next.copy = next.saved === "unsaved" && (waiting_ms >= COPY_AFTER_MS || next.connection === "stopped");
    const same = (Object.keys(next) as (keyof PadStatus)[]).every((key) => next[key] === this.#status[key]);
    if (same) return;
    this.#status = next;
    for (const listener of this.#listeners) listener();
  }

  #refresh(): void {
    this.#set({});
  }
}
