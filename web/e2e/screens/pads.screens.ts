// The pad's own page: writing, its menus and dialogs, reading, and each state of the saved word. The states are made by
// holding back or cutting the pad's websocket.
import type { Page, WebSocketRoute } from "@playwright/test";
import { expect, test } from "../fixtures";
import { type Language, words } from "../words";
import { Album } from "./album";

/** The first byte of the frame that says "on disk" (src/pad/frames.ts). */
const ACK = 102;

/** The pad's connection of one page, in the story's hand. */
class Line {
  #held = false;
  #cut = false;
  readonly #open = new Set<WebSocketRoute>();

  async over(page: Page): Promise<void> {
    await page.routeWebSocket(/\/pads\/yjs\//, (socket) => {
      if (this.#cut) {
        void socket.close();
        return;
      }
      this.#open.add(socket);
      const server = socket.connectToServer();
      // Only the acknowledgements get lost: the line lives, and nothing is known to be on disk.
      server.onMessage((message) => {
        const acknowledges = typeof message !== "string" && message[0] === ACK;
        if (!this.#held || !acknowledges) socket.send(message);
      });
    });
  }

  hold(): void {
    this.#held = true;
  }

  async cut(): Promise<void> {
    this.#cut = true;
    for (const socket of this.#open) await socket.close({ code: 1001 });
  }
}

for (const language of ["de", "en"] as Language[]) {
  test(`the pad, ${language}`, async ({ browser, server, admin }) => {
    const album = new Album(language);
    const w = words(language);
    const locale = language === "de" ? "de-DE" : "en-GB";
    const text = (page: Page) => page.getByRole("textbox", { name: new RegExp(`^${w("pad_text")}`) });
    const open = async (address: string, line?: Line, account = true): Promise<Page> => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale });
      if (account) await admin.signIn(context);
      const page = album.watch(await context.newPage());
      await line?.over(page);
      await page.goto(`${server.origin}${address}`);
      return page;
    };
    try {
      const room = await admin.room("Netzwerktreffen Wohnungslosenhilfe", {
        lobby: false,
        policy: {
          speak: "everyone",
          show: "everyone",
          share: "trainers",
          chat: "everyone",
          write: "trainers",
        },
      });
      const address = `/pad/${room.pad}`;
      const page = await open(address);
      await expect(text(page)).toBeEditable();
      await expect(page.getByText(w("pad_saved"), { exact: true })).toBeVisible();
      await album.take(page, "pad-empty");

      await text(page).click();
      await expect(text(page)).toBeFocused();
      const lines = [
        "# Was wir beschlossen haben",
        "Die Kältehilfe-Plätze reichen bis Januar. Alle Träger melden freie Betten täglich bis 16 Uhr, auch am Wochenende.",
        "## Offene Fragen",
        "[ ] Wer fährt am 24. Dezember den Bus?",
        "Dolmetschen für Rumänisch und Polnisch",
        "",
        "Der Plan: https://beispiel.example/plan",
        "",
        "## Nächstes Treffen",
        "Montag, 14. Dezember, 14 Uhr, wieder hier.",
      ];
      for (const line of lines) {
        await page.keyboard.type(line);
        await page.keyboard.press("Enter");
      }
      await page.getByRole("button", { name: w("pad_table"), exact: true }).click();
      await page.getByRole("menuitem", { name: w("pad_table_insert") }).click();
      for (const cell of [
        "Aufgabe",
        "Wer",
        "Bis wann",
        "Liste der Ansprechpersonen",
        "Jörg",
        "zum 2. Dezember",
      ]) {
        await page.keyboard.type(cell);
        await page.keyboard.press("Tab");
      }
      await expect(page.getByText(w("pad_saved"), { exact: true })).toBeVisible();
      await album.take(page, "pad");
      const press = (key: string) =>
        page
          .getByRole("button", { name: w(key), exact: true })
          .first()
          .click();
      const away = () => page.keyboard.press("Escape");
      await album.take(page, "pad-more", { show: () => press("pad_more"), hide: away });
      await album.take(page, "pad-table-menu", {
        show: () => press("pad_table"),
        hide: away,
        sizes: ["desktop"],
      });
      await album.take(page, "pad-link", { show: () => press("pad_link"), hide: away });
      await album.take(page, "pad-news", {
        show: async () => {
          await press("pad_more");
          await page.getByRole("menuitem", { name: w("pad_news") }).click();
        },
        hide: away,
      });

      await test.step("the saved word", async () => {
        const line = new Line();
        const held = await open(address, line);
        await expect(text(held)).toBeEditable();
        line.hold();
        await text(held).click();
        await held.keyboard.press("Control+End");
        await held.keyboard.type("Das hört niemand.");
        await album.take(held, "pad-saving", { sizes: ["desktop"] });
        // The offer to copy one's text comes after half a minute.
        const offer = held.locator(".note", { hasText: w("pad_unsaved_long") });
        await expect(offer).toBeVisible({ timeout: 60_000 });
        await album.take(held, "pad-unsaved");
        await held.context().close();

        const broken = new Line();
        const lonely = await open(address, broken);
        await expect(text(lonely)).toBeEditable();
        await broken.cut();
        await text(lonely).click();
        await lonely.keyboard.press("Control+End");
        await lonely.keyboard.type("Im Zug getippt.");
        await expect(lonely.getByText(w("pad_device_long"), { exact: true })).toBeVisible();
        await album.take(lonely, "pad-device");
        await lonely.context().close();
      });

      await test.step("reading, and not at all", async () => {
        const { url } = await admin.link(room, "participant");
        const guest = await open(new URL(url).pathname + new URL(url).hash, undefined, false);
        await guest.getByLabel(w("prejoin_name")).fill("Olena Kovalenko");
        await guest.getByRole("button", { name: w("prejoin_enter") }).click();
        await expect(guest.getByRole("navigation", { name: w("room_tools") })).toBeVisible();
        await guest.goto(`${server.origin}${address}`);
        await expect(guest.getByText(w("pad_reading"))).toBeVisible();
        await album.take(guest, "pad-reading");
        await guest.context().close();
        const stranger = await open(address, undefined, false);
        await expect(stranger.getByText(w("pad_refused_title"))).toBeVisible();
        await album.take(stranger, "pad-refused");
        await stranger.context().close();
      });
      await page.context().close();
    } finally {
      album.judge();
    }
  });
}
