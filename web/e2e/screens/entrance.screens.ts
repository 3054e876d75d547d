// The screens before a room and after it: refusals, devices, lobby, leaving.
import type { Browser, Page } from "@playwright/test";
import { People } from "../crowd";
import { drawnCamera, LOOKS, missingDevices } from "../drawn";
import { expect, test } from "../fixtures";
import { type Language, words } from "../words";
import { Album } from "./album";

for (const language of ["de", "en"] as Language[]) {
  test(`the entrance, ${language}`, async ({ browser, server, admin }) => {
    const album = new Album(language);
    const w = words(language);
    const fresh = async (): Promise<Page> => {
      const locale = language === "de" ? "de-DE" : "en-GB";
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale });
      return album.watch(await context.newPage());
    };
    const open = async (url: string): Promise<Page> => {
      const page = await fresh();
      await page.addInitScript(drawnCamera, LOOKS.olena);
      await page.goto(url);
      return page;
    };
    const enter = async (page: Page, name: string) => {
      await page.getByLabel(w("prejoin_name")).fill(name);
      await page.getByRole("button", { name: w("prejoin_enter") }).click();
    };
    const closed = (page: Page) => page.context().close();
    try {
      const people = await People.gather(browser, server.origin);
      const room = await admin.room("Kollegiale Fallberatung, Modul 3", { lobby: true });
      const [host, guests] = [await admin.link(room, "trainer"), await admin.link(room, "participant")];
      await people.come(host.url, "Miriam Hollstein");

      await test.step("links that lead nowhere", async () => {
        const page = await open(`${server.origin}/j#abgeschnitten`);
        await expect(page.getByText(w("code_invitation_unknown"))).toBeVisible();
        await album.take(page, "link-unknown");
        const short = await admin.link(room, "participant", 1);
        await expect(async () => {
          await page.goto(short.url);
          await page.reload();
          await expect(page.getByText(w("code_invitation_expired"))).toBeVisible({ timeout: 2_000 });
        }).toPass();
        await album.take(page, "link-expired");
        await page.route("**/api/v1/join/look", (asked) => asked.abort());
        await page.goto(guests.url);
        await page.reload();
        await expect(page.getByRole("heading", { name: w("join_unreachable_title") })).toBeVisible();
        await album.take(page, "link-unreachable");
        await closed(page);
      });

      await test.step("devices", async () => {
        const page = await open(guests.url);
        await expect(page.getByRole("button", { name: w("prejoin_enter") })).toBeVisible();
        await album.take(page, "prejoin-off");
        await page.getByRole("button", { name: w("prejoin_enter") }).click();
        await expect(page.getByText(w("code_name_empty"))).toBeVisible();
        await album.take(page, "prejoin-name-missing");
        for (const device of ["device_microphone", "device_camera"])
          await page.getByRole("button", { name: `${w(device)}: ${w("device_switch_on")}` }).click();
        await expect(page.getByText(w("device_heard"))).toBeVisible();
        await page.getByLabel(w("prejoin_name")).fill("Olena Kovalenko");
        await album.take(page, "prejoin-on");
        await closed(page);

        const denied = await fresh();
        await denied.addInitScript(missingDevices, {
          camera: "NotAllowedError",
          microphone: "NotFoundError",
        });
        await denied.goto(guests.url);
        await denied
          .getByRole("button", { name: `${w("device_microphone")}: ${w("device_switch_on")}` })
          .click();
        await expect(denied.getByText(w("device_microphone_missing"))).toBeVisible();
        await album.take(denied, "prejoin-no-microphone");
        await denied.getByRole("button", { name: `${w("device_camera")}: ${w("device_switch_on")}` }).click();
        await expect(denied.getByText(w("device_blocked_title_camera"))).toBeVisible();
        await album.take(denied, "prejoin-denied");
        await closed(denied);
      });

      await test.step("the lobby", async () => {
        const page = await open(guests.url);
        await enter(page, "Olena Kovalenko");
        await expect(page.getByRole("heading", { name: w("lobby_title") })).toBeVisible();
        await album.take(page, "lobby");
        await people.do("Miriam Hollstein", {
          name: "lobby_message",
          text: "Wir starten um 13:35 Uhr. Holen Sie sich gern noch einen Tee.",
        });
        await expect(page.locator("main").getByText("noch einen Tee")).toBeVisible();
        await page.getByLabel(w("lobby_knock")).fill("Ich bin die Kollegin von Jörg.");
        await page.getByRole("button", { name: w("lobby_knock_send") }).click();
        await expect(page.getByText(w("lobby_knock_sent"))).toBeVisible();
        await album.take(page, "lobby-message");
        await page.getByRole("button", { name: w("lobby_devices") }).click();
        await page.getByRole("button", { name: `${w("device_camera")}: ${w("device_switch_on")}` }).click();
        await expect(page.locator("video")).toBeVisible();
        await album.take(page, "lobby-devices");
        await people.refuse("Miriam Hollstein", "Olena Kovalenko");
        await expect(page.getByText(w("leave_denied_title"))).toBeVisible();
        await album.take(page, "lobby-refused");
        await closed(page);
      });

      await test.step("rooms that cannot be entered", async () => {
        const full = await admin.room("Schuldnerberatung online", { lobby: false, people_max: 1 });
        const { url } = await admin.link(full, "participant");
        await people.come(url, "Jörg Petersen");
        const page = await open(url);
        await enter(page, "Olena Kovalenko");
        await expect(page.getByText(w("code_room_full"))).toBeVisible();
        await album.take(page, "room-full");
        const locked = await admin.room("Teamraum Familienhilfe", { lobby: false });
        const [key, door] = [await admin.link(locked, "trainer"), await admin.link(locked, "participant")];
        await people.come(key.url, "Fatma Yıldız");
        await people.do("Fatma Yıldız", { name: "lock", locked: true });
        await page.goto(door.url);
        await page.reload();
        await enter(page, "Olena Kovalenko");
        await expect(page.getByText(w("code_room_locked"))).toBeVisible();
        await album.take(page, "room-locked");
        await closed(page);
      });

      await test.step("ways out", async () => {
        const through = await admin.room("Netzwerktreffen", { lobby: false });
        const [lead, link] = [await admin.link(through, "trainer"), await admin.link(through, "participant")];
        await people.come(lead.url, "Annegret Vogt");
        const page = await open(link.url);
        const inside = () => expect(page.getByRole("navigation", { name: w("room_tools") })).toBeVisible();
        await enter(page, "Olena Kovalenko");
        await inside();
        await page.getByRole("button", { name: w("room_leave"), exact: true }).click();
        await expect(page.getByText(w("leave_title"))).toBeVisible();
        await album.take(page, "leave");
        await page.getByRole("button", { name: w("leave_again") }).click();
        await enter(page, "Olena Kovalenko");
        await inside();
        const second = await page.context().newPage();
        await second.goto(link.url);
        await enter(second, "Olena Kovalenko");
        await expect(page.getByText(w("leave_replaced_title"))).toBeVisible();
        await album.take(page, "leave-replaced");
        await second.close();
        await page.getByRole("button", { name: w("leave_here") }).click();
        await enter(page, "Olena Kovalenko");
        await inside();
        await people.remove("Annegret Vogt", "Olena Kovalenko");
        await expect(page.getByText(w("leave_removed_title"))).toBeVisible();
        await album.take(page, "leave-removed");
        await page.reload();
        await enter(page, "Olena Kovalenko");
        await expect(page.getByText(w("code_removed"))).toBeVisible();
        await album.take(page, "removed-again");
        await closed(page);

        const last = await signedIn(browser, admin, album, language);
        await last.goto(`${server.origin}/r/${through.id}`);
        await last.getByRole("button", { name: w("prejoin_enter") }).click();
        await expect(last.getByRole("navigation", { name: w("room_tools") })).toBeVisible();
        await people.do("Annegret Vogt", { name: "end_for_all" });
        await expect(last.getByText(w("leave_ended_title"))).toBeVisible();
        await album.take(last, "leave-ended");
        await closed(last);
      });
      await people.go();
    } finally {
      album.judge();
    }
  });
}

async function signedIn(
  browser: Browser,
  admin: { signIn(context: import("@playwright/test").BrowserContext): Promise<void> },
  album: Album,
  language: Language,
): Promise<Page> {
  const locale = language === "de" ? "de-DE" : "en-GB";
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale });
  await admin.signIn(context);
  return album.watch(await context.newPage());
}
