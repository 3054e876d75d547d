// What the stories share: a running server, its first admin, rooms and links made through the API, and the check of a
// page's accessibility. Stories about these very things do them by hand instead.
import { AxeBuilder } from "@axe-core/playwright";
import {
  type APIRequestContext,
  type BrowserContext,
  test as base,
  expect,
  type Page,
  request,
} from "@playwright/test";
import type { Invitation, Role, Room, RoomSettings } from "../src/wire/types";
import { Werkraum } from "./server";

export { expect };

export const ADMIN = {
  name: "Miriam Hollstein",
  email: "miriam@example.org",
  password: "ein langer Satz zum Merken",
  organisation: "Jugendhilfe Nordwind e. V.",
  contact: "datenschutz@example.org",
};

/** The administration's doors, as the first admin. */
export class Admin {
  readonly #api: APIRequestContext;

  constructor(api: APIRequestContext) {
    this.#api = api;
  }

  static async first(server: Werkraum): Promise<Admin> {
    const api = await request.newContext({
      baseURL: server.origin,
      ignoreHTTPSErrors: true,
      extraHTTPHeaders: { origin: server.origin, "sec-fetch-site": "same-origin" },
    });
    const secret = new URL(server.firstAdmin).hash.slice(1);
    const answer = await api.post("/api/v1/setup/first-admin", { data: { secret, ...ADMIN } });
    expect(answer.ok(), await answer.text()).toBe(true);
    return new Admin(api);
  }

  /** A new browser context that is signed in as this admin. */
  async signIn(context: BrowserContext): Promise<void> {
    await context.addCookies((await this.#api.storageState()).cookies);
  }

  async room(name: string, change: Partial<RoomSettings> = {}): Promise<Room> {
    const made = await this.#api.post("/api/v1/rooms", { data: { name } });
    expect(made.ok(), await made.text()).toBe(true);
    const room = (await made.json()) as Room;
    if (Object.keys(change).length === 0) return room;
    const changed = await this.#api.patch(`/api/v1/rooms/${room.id}`, {
      data: { version: room.version, settings: { ...room.settings, ...change } },
    });
    expect(changed.ok(), await changed.text()).toBe(true);
    return (await changed.json()) as Room;
  }

  async link(room: Room, role: Role, lifetime_s: number | null = null): Promise<Invitation> {
    const made = await this.#api.post(`/api/v1/rooms/${room.id}/invitations`, {
      data: { role, lifetime_s },
    });
    expect(made.ok(), await made.text()).toBe(true);
    return (await made.json()) as Invitation;
  }
}

interface Fixtures {
  /** One server for all stories of a file that need no fresh one. */
  server: Werkraum;
  admin: Admin;
}

export const test = base.extend<{ alone: undefined }, Fixtures>({
  // Pages that a story opened by itself would go on with their meeting beside all further stories.
  alone: [
    async ({ browser }, use) => {
      await use(undefined);
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    { auto: true },
  ],
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameter's names
    async ({}, use) => {
      const server = await Werkraum.start();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  admin: [async ({ server }, use) => use(await Admin.first(server)), { scope: "worker" }],
});

/** WCAG 2.2 AA by axe, in both themes; the heading keeps a page from passing while it is still empty. */
export async function expectAccessible(page: Page): Promise<void> {
  // An open menu hides the page behind it, heading included.
  await expect(page.getByRole("heading").or(page.getByRole("menu")).first()).toBeVisible();
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    // A colour on its way from one theme to the other is neither.
    await page.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter((one) => one instanceof CSSTransition)
          .map((one) => one.finished),
      ),
    );
    const { violations } = await new AxeBuilder({ page })
      .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
      .analyze();
    const told = violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    expect(told, `${scheme}, ${page.url().split("#")[0]}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null });
}

/** Fails the story when the page breaks the content policy or throws. Call before the first `goto`. */
export function watch(page: Page): string[] {
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (/content security policy|trusted ?type/i.test(text)) troubles.push(text);
  });
  page.on("request", (asked) => {
    const url = new URL(asked.url());
    if (url.hostname !== "localhost" && /^https?:|^wss?:/.test(url.protocol))
      troubles.push(`foreign request: ${url.host}`);
  });
  return troubles;
}
