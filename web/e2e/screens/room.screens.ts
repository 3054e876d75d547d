// The screens of a room: layouts, panels, menus, dialogs, notices, as the trainer and as a guest see them.
import type { Page } from "@playwright/test";
import { People } from "../crowd";
import { drawnCamera, drawnScreen, LOOKS, type Look } from "../drawn";
import { expect, test } from "../fixtures";
import { listen } from "../media";
import { type Language, type Words, words } from "../words";
import { Album } from "./album";

/** One person's window of the room; goes the ways of the desktop or of the phone, whichever is drawn. */
class Window {
  readonly page: Page;
  readonly #w: Words;

  constructor(page: Page, w: Words) {
    this.page = page;
    this.#w = w;
  }

  #phone = () => (this.page.viewportSize()?.width ?? 0) < 960;
  tool = (key: string) =>
    this.page
      .getByRole("navigation", { name: this.#w("room_tools") })
      .getByRole("button", { name: new RegExp(`^${this.#w(key)}`) });
  #tab = (key: string) =>
    this.page
      .getByRole("navigation", { name: this.#w("room_tabs") })
      .getByRole("button", { name: new RegExp(`^${this.#w(key)}`) });

  async open(panel: "chat" | "people" | "pad"): Promise<void> {
    const opener =
      this.#phone() && panel !== "people" ? this.#tab(`room_${panel}`) : this.tool(`room_${panel}`);
    const shown = this.page.locator(`[data-panel=${panel}]`);
    if (!(await shown.isVisible())) await opener.click();
    await expect(shown).toBeVisible();
  }

  close = async (): Promise<void> => {
    const panel = this.page.locator("[data-panel]");
    if (!(await panel.isVisible())) return;
    if (this.#phone()) await this.#tab("room_tab_video").click();
    else await panel.locator("header button").first().click();
    await expect(panel).toHaveCount(0);
  };

  menu = () => this.tool("room_more").click();

  async choose(key: string): Promise<void> {
    await this.menu();
    await this.page.getByRole("menuitem", { name: this.#w(key) }).click();
    await expect(this.page.getByRole("menu")).toHaveCount(0);
  }

  async view(key: string): Promise<void> {
    if (this.#phone()) return;
    await this.page.getByRole("button", { name: this.#w("room_view"), exact: true }).click();
    await this.page.getByRole("menuitemradio", { name: this.#w(key) }).click();
  }

  escape = () => this.page.keyboard.press("Escape");
}

for (const language of ["de", "en"] as Language[]) {
  test(`the room, ${language}`, async ({ browser, server, admin }) => {
    const album = new Album(language);
    const w = words(language);
    const enter = async (url: string, name: string, look: Look, loud: boolean): Promise<Window> => {
      const locale = language === "de" ? "de-DE" : "en-GB";
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale });
      const page = album.watch(await context.newPage());
      await listen(page);
      await page.addInitScript(drawnCamera, look);
      await page.addInitScript(drawnScreen);
      await page.goto(url);
      const on = (device: string) =>
        page.getByRole("button", { name: `${w(device)}: ${w("device_switch_on")}` }).click();
      if (loud) await on("device_microphone");
      await on("device_camera");
      await expect(page.getByText(w("device_camera_on"))).toBeVisible();
      await page.getByLabel(w("prejoin_name")).fill(name);
      await page.getByRole("button", { name: w("prejoin_enter") }).click();
      await expect(page.getByText(w("connection_good"))).toBeVisible();
      return new Window(page, w);
    };
    const pictures = (page: Page, atLeast: number) =>
      expect
        .poll(() =>
          page
            .locator(".tile video")
            .evaluateAll((all) => all.filter((one) => (one as HTMLVideoElement).videoWidth > 0).length),
        )
        .toBeGreaterThanOrEqual(atLeast);
    try {
      const room = await admin.room("Kollegiale Fallberatung, Modul 3", { lobby: true });
      const quiet = await admin.room("Vorbereitung", { lobby: false });
      const [host, guests] = [await admin.link(room, "trainer"), await admin.link(room, "participant")];
      const people = await People.gather(browser, server.origin);

      const early = await enter(
        (await admin.link(quiet, "trainer")).url,
        "Miriam Hollstein",
        LOOKS.miriam,
        false,
      );
      await album.take(early.page, "room-alone");
      await album.take(early.page, "room-chat-empty", { show: () => early.open("chat"), hide: early.close });
      await early.page.context().close();

      const miriam = await enter(host.url, "Miriam Hollstein", LOOKS.miriam, false);
      const helper = await admin.link(room, "co_trainer");
      await people.come(helper.url, "Fatma Yıldız");
      const admit = async (name: string) => {
        await expect(
          miriam.page.getByText(w("room_slip_lobby", { count: 1 }), { exact: true }),
        ).toBeVisible();
        await people.admit("Fatma Yıldız", name);
      };
      const coming = enter(guests.url, "Olena Kovalenko", LOOKS.olena, true);
      await admit("Olena Kovalenko");
      const olena = await coming;
      const following = enter(guests.url, "Kwame Mensah", LOOKS.kwame, false);
      await admit("Kwame Mensah");
      const kwame = await following;
      for (const name of ["Hanne Brodersen", "Jörg Petersen", "Thi Lan Nguyen"]) {
        await people.come(guests.url, name);
        await people.admit("Fatma Yıldız", name);
      }
      const say = (name: string, text: string) => people.do(name, { name: "chat", text });
      await say("Jörg Petersen", "Welche Schulform besucht Ben zurzeit?");
      await say("Hanne Brodersen", "Gesamtschule, 8. Klasse. Er fehlt dort montags fast immer.");
      await say("Fatma Yıldız", "Der Leitfaden liegt hier: https://beispiel.example/rueckfragen.pdf");
      await people.do("Thi Lan Nguyen", { name: "hand", raised: true });
      await people.do("Hanne Brodersen", { name: "hand", raised: true });
      await pictures(miriam.page, 3);
      await expect(miriam.page.locator(".tile.speaks").first()).toBeVisible();

      await test.step("layouts", async () => {
        await album.take(miriam.page, "room-grid", { show: () => miriam.view("room_view_grid") });
        await album.take(miriam.page, "room-speaker", { show: () => miriam.view("room_view_speaker") });
        await miriam.view("room_view_auto");
        await album.take(miriam.page, "room-view-menu", {
          show: () => miriam.page.getByRole("button", { name: w("room_view"), exact: true }).click(),
          hide: miriam.escape,
          sizes: ["desktop"],
        });
        await album.take(miriam.page, "room-tile-menu", {
          show: () =>
            miriam.page
              .locator(".tile", { hasText: "Olena" })
              .getByRole("button")
              .first()
              .click({ position: { x: 30, y: 30 } }),
          hide: miriam.escape,
        });
      });

      await test.step("panels", async () => {
        await miriam.open("chat");
        await miriam.page
          .getByLabel(w("chat_your_message"))
          .fill("Danke! Ich frage nachher noch nach dem Vater.");
        await miriam.page.keyboard.press("Enter");
        await miriam.close();
        await album.take(miriam.page, "room-chat", { show: () => miriam.open("chat"), hide: miriam.close });
        await album.take(miriam.page, "room-people", {
          show: () => miriam.open("people"),
          hide: miriam.close,
        });
        await album.take(miriam.page, "room-outside", {
          show: async () => {
            await miriam.open("chat");
            await miriam.page.getByRole("link", { name: "https://beispiel.example/rueckfragen.pdf" }).click();
          },
          hide: async () => {
            await miriam.escape();
            await miriam.close();
          },
        });
        for (const window of [miriam, olena]) await window.open("pad");
        const text = (page: Page) => page.getByRole("textbox", { name: new RegExp(`^${w("pad_text")}`) });
        await expect(text(miriam.page)).toBeEditable();
        await text(miriam.page).click();
        for (const line of ["# Worum geht es?", "Ben kommt seit sechs Wochen kaum noch zurück."]) {
          await miriam.page.keyboard.type(line);
          await miriam.page.keyboard.press("Enter");
        }
        await text(olena.page).click();
        await olena.page.keyboard.press("Control+End");
        await olena.page.keyboard.type("- Wer hat den besten Draht zu ihm?");
        await expect(text(miriam.page)).toContainText("Draht zu ihm?");
        await miriam.close();
        await album.take(miriam.page, "room-pad", {
          show: async () => {
            await miriam.open("pad");
            await expect(text(miriam.page)).toContainText("Draht zu ihm?");
            await expect(miriam.page.getByText(w("pad_saved"), { exact: true })).toBeVisible();
          },
          hide: miriam.close,
        });
        await olena.close();
      });

      await test.step("menus and dialogs", async () => {
        await album.take(miriam.page, "room-more", { show: miriam.menu, hide: miriam.escape });
        for (const [key, name] of [
          ["room_devices", "devices"],
          ["room_rename", "rename"],
          ["room_connection", "connection"],
          ["room_policy", "policy"],
          ["room_end", "end"],
        ] as const)
          await album.take(miriam.page, `room-${name}`, {
            show: () => miriam.choose(key),
            hide: miriam.escape,
          });
        await album.take(miriam.page, "room-saver", {
          show: () => miriam.choose("saver_on"),
          hide: () => miriam.choose("saver_off"),
        });
        await album.take(miriam.page, "room-shortcuts", {
          show: () => miriam.choose("room_shortcuts"),
          hide: miriam.escape,
          sizes: ["desktop"],
        });
        await album.take(miriam.page, "room-remove", {
          show: async () => {
            await miriam.open("people");
            await miriam.page
              .locator("[data-panel] li", { hasText: "Olena Kovalenko" })
              .getByRole("button")
              .click();
            await miriam.page.getByRole("menuitem", { name: w("room_remove") }).click();
          },
          hide: async () => {
            await miriam.escape();
            await miriam.close();
          },
        });
      });

      await test.step("many wait", async () => {
        for (const name of WAITING) await people.come(guests.url, name);
        await people.do("Leyla Aydın", { name: "knock", text: "Ich bin die Kollegin von Jörg." });
        await expect(
          miriam.page.getByText(w("room_slip_lobby", { count: WAITING.length }), { exact: true }),
        ).toBeVisible();
        await album.take(miriam.page, "room-waiting-slip");
        await album.take(miriam.page, "room-waiting", {
          show: () => miriam.open("people"),
          hide: miriam.close,
        });
      });

      await test.step("a screen is shown", async () => {
        await miriam.tool("room_show").click();
        await expect(miriam.page.getByText(w("room_screen_yours"))).toBeVisible();
        const shown = olena.page.getByRole("region", { name: w("room_screen_region") }).locator("video");
        await expect
          .poll(() => shown.evaluate((video) => (video as HTMLVideoElement).videoWidth))
          .toBeGreaterThan(0);
        await album.take(olena.page, "room-share");
        await album.take(olena.page, "room-share-chat", {
          show: () => olena.open("chat"),
          hide: olena.close,
        });
        await album.take(miriam.page, "room-sharing");
        await miriam.page
          .getByRole("region", { name: w("room_screen_yours") })
          .getByRole("button")
          .click();
      });

      await test.step("what a guest sees", async () => {
        await olena.tool("room_hand_raise").click();
        await expect(olena.tool("room_hand_up")).toBeVisible();
        await people.mute("Fatma Yıldız", "Olena Kovalenko");
        await expect(
          olena.page.getByText(w("room_notice_silenced_microphone", { name: "Fatma Yıldız" })),
        ).toBeVisible();
        await people.do("Fatma Yıldız", { name: "lock", locked: true });
        await people.do("Fatma Yıldız", {
          name: "policy",
          policy: {
            speak: "everyone",
            show: "everyone",
            share: "trainers",
            chat: "trainers",
            write: "trainers",
          },
        });
        await expect(olena.page.getByText(w("room_notice_policy"))).toBeVisible();
        await album.take(olena.page, "room-notices");
        await album.take(olena.page, "room-chat-closed", {
          show: () => olena.open("chat"),
          hide: olena.close,
        });
        await album.take(olena.page, "room-pad-reading", {
          show: async () => {
            await olena.open("pad");
            await expect(olena.page.getByText(w("pad_reading"))).toBeVisible();
          },
          hide: olena.close,
        });
      });
      for (const window of [miriam, olena, kwame]) await window.page.context().close();
      await people.go();
    } finally {
      album.judge();
    }
  });
}

const WAITING = [
  "Leyla Aydın",
  "Annegret Vogt",
  "Samir Haddad",
  "Birgit Lindner",
  "Tobias Reuter",
  "Maximilian von Hohenstein-Wartenburg",
  "Ayşe Demir",
  "Piotr Nowak",
  "Ngozi Okafor",
  "Gerda Thielemann",
  "Reza Karimi",
  "Sabine Kuhn",
];
