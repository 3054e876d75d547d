/**
 * The room's messages over HTTP where something on the way forbids websockets: one request that streams what the server
 * says, and posts for what we say (docs/protocol.md, section 2). Looks to `room_socket.ts` like a websocket.
 */

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;
/** A post that takes longer is lost, and the line with it. */
const POST_MAX_MS = 8_000;

/** What of a websocket the room's socket uses. */
export interface Wire {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export class EventLine implements Wire {
  readyState = CONNECTING;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  private readonly url: string;
  private readonly stop = new AbortController();
  private secret: string | null = null;
  private waiting: string[] = [];
  private posting = false;

  /** `url`: of the stream; posts go to the same with `/messages`. */
  constructor(url: string) {
    this.url = url;
    // As a websocket does: not before whoever asked for it could say what is to happen.
    queueMicrotask(() => {
      if (this.readyState !== CONNECTING) return;
      this.readyState = OPEN;
      this.onopen?.(new Event("open"));
    });
  }

  /** The first message opens the stream. */
  send(text: string): void {
    if (this.readyState !== OPEN) return;
    if (!this.posting && this.secret === null) {
      this.posting = true; // until the line has its name
      void this.listen(text);
      return;
    }
    this.waiting.push(text);
    void this.post();
  }

  close(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.stop.abort();
  }

  private end(): void {
    if (this.readyState === CLOSED) return;
    this.close();
    this.onclose?.(new CloseEvent("close"));
  }

  private async listen(hello: string): Promise<void> {
    try {
      const answer = await fetch(this.url, { method: "POST", body: hello, signal: this.stop.signal });
      if (answer.status === 200 && answer.body) {
        await this.read(answer.body);
      } else {
        // A refusal has the same code as the goodbye of a websocket.
        const { code } = (await answer.json()) as { code: string };
        this.hear(JSON.stringify({ type: "bye", code }));
      }
    } catch {
      // No network, or closed by us.
    }
    this.end();
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const events = rest.split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) this.event(event);
    }
  }

  private event(event: string): void {
    const lines = event.split("\n");
    const data = lines.find((line) => line.startsWith("data: "))?.slice("data: ".length);
    if (data === undefined) {
      void this.sign();
    } else if (lines.includes("event: line")) {
      this.secret = data;
      this.posting = false;
      void this.post();
    } else {
      this.hear(data);
    }
  }

  private hear(data: string): void {
    if (this.readyState === OPEN) this.onmessage?.(new MessageEvent("message", { data }));
  }

  /** The server asked for a sign of life. */
  private async sign(): Promise<void> {
    if (this.waiting.length === 0) this.waiting.push("");
    await this.post();
  }

  private async post(): Promise<void> {
    if (this.posting || this.secret === null) return;
    this.posting = true;
    while (this.waiting.length > 0 && this.readyState === OPEN) {
      // One at a time: together they could be more than a request may hold, and their order must stay.
      const message = this.waiting.shift() as string;
      const tooLong = setTimeout(() => this.end(), POST_MAX_MS);
      try {
        const answer = await fetch(`${this.url}/messages`, {
          method: "POST",
          body: message,
          headers: { "werkraum-line": this.secret },
          signal: this.stop.signal,
        });
        if (answer.status !== 204) return this.end();
      } catch {
        return this.end();
      } finally {
        clearTimeout(tooLong);
      }
    }
    this.posting = false;
  }
}
