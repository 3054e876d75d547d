// Many people at little cost: each has a session of their own and a room websocket, all held by one page, without any
// device. For full lobbies and long lists.
import { type Browser, expect, type Page, request } from "@playwright/test";
import type { Joined } from "../src/wire/types";

interface Crowd {
  sockets: Map<string, WebSocket>;
  /** Whom each of them has seen, inside or waiting: name to id. */
  seen: Map<string, string>;
  next: number;
}
declare global {
  interface Window {
    crowd: Crowd;
  }
}

export class People {
  readonly #page: Page;
  readonly #origin: string;

  private constructor(page: Page, origin: string) {
    this.#page = page;
    this.#origin = origin;
  }

  static async gather(browser: Browser, origin: string): Promise<People> {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`${origin}/browsers`);
    await page.evaluate(() => {
      window.crowd = { sockets: new Map(), seen: new Map(), next: 1 };
    });
    return new People(page, origin);
  }

  /** Comes by a link; done when the server has answered, inside or in the lobby. */
  async come(url: string, name: string): Promise<void> {
    const api = await request.newContext({
      baseURL: this.#origin,
      ignoreHTTPSErrors: true,
      extraHTTPHeaders: { origin: this.#origin, "sec-fetch-site": "same-origin" },
    });
    const secret = new URL(url).hash.slice(1);
    const answer = await api.post("/api/v1/join", { data: { secret, name } });
    expect(answer.ok(), await answer.text()).toBe(true);
    const { ticket } = (await answer.json()) as Joined;
    await api.dispose();
    await this.#page.evaluate(
      ([person, secret]) =>
        new Promise<void>((heard, failed) => {
          const socket = new WebSocket(`wss://${location.host}/api/v1/socket`);
          window.crowd.sockets.set(person, socket);
          socket.onopen = () => socket.send(JSON.stringify({ type: "hello", ticket: secret, protocol: 1 }));
          // Whoever is named in a message, at whatever depth, is known from then on.
          const note = (value: unknown): void => {
            if (typeof value !== "object" || value === null) return;
            const { id, name } = value as { id?: unknown; name?: unknown };
            if (typeof id === "string" && typeof name === "string") window.crowd.seen.set(name, id);
            for (const inner of Object.values(value)) note(inner);
          };
          socket.onmessage = ({ data }) => {
            note(JSON.parse(String(data)));
            heard();
          };
          socket.onclose = () => failed(new Error(`${person} was not let in`));
        }),
      [name, ticket] as const,
    );
  }

  async do(name: string, command: object): Promise<void> {
    await this.#page.evaluate(
      ([person, command]) => {
        const id = window.crowd.next++;
        window.crowd.sockets.get(person)?.send(JSON.stringify({ type: "command", id, command }));
      },
      [name, command] as const,
    );
  }

  /** Does something to another person, once that person has been seen by one of the crowd. */
  async doTo(name: string, other: string, command: object): Promise<void> {
    const id = await this.#page.waitForFunction((person) => window.crowd.seen.get(person), other);
    await this.do(name, { ...command, participant: await id.jsonValue() });
  }

  admit = (name: string, other: string) => this.doTo(name, other, { name: "admit" });
  mute = (name: string, other: string) => this.doTo(name, other, { name: "silence", source: "microphone" });
  refuse = (name: string, other: string) => this.doTo(name, other, { name: "deny" });
  remove = (name: string, other: string) => this.doTo(name, other, { name: "remove" });

  async go(): Promise<void> {
    await this.#page.context().close();
  }
}
