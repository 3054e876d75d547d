// A pad server in memory for tests: a real Yjs document behind fake websockets, with acks that the test releases.
import * as Y from "yjs";
import { ApiError, type Failure } from "../api/client";
import type { PadRight } from "../wire/types";
import * as frames from "./frames";
import type { PadSurroundings } from "./provider";

export class FakeSocket {
  binaryType = "";
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly url: string;
  readonly #server: FakePadServer;
  readonly received: frames.PadMessage[] = [];

  constructor(url: string, server: FakePadServer) {
    this.url = url;
    this.#server = server;
  }

  send(bytes: Uint8Array): void {
    const message = frames.decode(bytes);
    this.received.push(message);
    this.#server.heard(this, message);
  }

  close(): void {
    this.readyState = 3;
    this.#server.sockets.delete(this);
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.onmessage?.({ data: bytes.slice().buffer });
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  closeWith(code: number): void {
    this.readyState = 3;
    this.#server.sockets.delete(this);
    this.onclose?.({ code });
  }
}

export class FakePadServer {
  readonly doc = new Y.Doc();
  readonly sockets = new Set<FakeSocket>();
  right: PadRight = "write";
  refuseToken: Failure | null = null;
  reachable = true;
  /** Whether acks go out at once, or wait for `releaseAcks`. */
  durable = true;
  tokens = 0;
  readonly #held: [FakeSocket, number][] = [];

  readonly surroundings: PadSurroundings = {
    token: async () => {
      this.tokens += 1;
      if (!this.reachable) throw new ApiError("unreachable", 0);
      if (this.refuseToken) throw new ApiError(this.refuseToken, 403);
      return { token: `t${this.tokens}`, right: this.right, expires_at_ms: 0, title: "Protokoll" };
    },
    socket: (url) => {
      const socket = new FakeSocket(url, this);
      if (this.reachable) {
        this.sockets.add(socket);
        setTimeout(() => {
          socket.accept();
          socket.push(frames.step1(this.doc));
        }, 5);
      } else setTimeout(() => socket.closeWith(1006), 5);
      return socket as unknown as WebSocket;
    },
    origin: "wss://werkraum.test",
    persistence: () => null,
    random: () => 0.5,
  };

  get socket(): FakeSocket {
    const [only] = this.sockets;
    if (!only) throw new Error("nobody is connected");
    return only;
  }

  heard(socket: FakeSocket, message: frames.PadMessage): void {
    if (message.kind === "step_1") socket.push(frames.step2(this.doc, message.vector));
    if ((message.kind === "step_2" || message.kind === "update") && this.right === "write") {
      Y.applyUpdate(this.doc, message.update);
      for (const other of this.sockets) if (other !== socket) other.push(frames.update(message.update));
    }
    if (message.kind === "ack") {
      if (this.durable) socket.push(frames.ack(message.counter));
      else this.#held.push([socket, message.counter]);
    }
  }

  releaseAcks(): void {
    for (const [socket, counter] of this.#held.splice(0)) socket.push(frames.ack(counter));
  }

  get text(): string {
    return this.doc.getText("t").toString();
  }
}
