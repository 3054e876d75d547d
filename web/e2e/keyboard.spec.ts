// The whole main way by keyboard alone: setting up, room and link, lobby, admitting, microphone and camera, hand, chat,
// pad, leaving, removing, the end for all. No mouse anywhere, and the focus is always somewhere and seen.
import type { Browser, Page } from "@playwright/test";
import { ADMIN, expect, test, watch } from "./fixtures";
import { Keys } from "./keys";
import { listen } from "./media";
import { sees, tool, tools } from "./people";
import { Werkraum } from "./server";
import { text } from "./texts";

interface Person {
  page: Page;
  keys: Keys;
  troubles: string[];
}

async function open(browser: Browser, url: string): Promise<Person> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const troubles = watch(page);
  await listen(page);
  await page.goto(url);
  return { page, keys: new Keys(page), troubles };
}

/** From the opened link to the lobby. */
async function toTheLobby({ page, keys }: Person, name: string): Promise<void> {
  await keys.to(page.getByLabel("Ihr Name"));
  await keys.type(name);
  await keys.press("Enter");
  await expect(page.getByRole("heading", { name: "Gleich geht es los" })).toBeFocused();
}

test("from the first link to the end for all without a mouse", async ({ browser }) => {
  const server = await Werkraum.start();
  try {
    const admin = await open(browser, server.firstAdmin);
    const { page: desk, keys } = admin;

    await test.step("the first admin sets up the house", async () => {
      for (const [field, value] of [
        ["Ihr Name", ADMIN.name],
        ["E-Mail-Adresse", ADMIN.email],
        ["Passwort", ADMIN.password],
        ["Name der Einrichtung", ADMIN.organisation],
        ["Kontakt zum Datenschutz", ADMIN.contact],
      ] as const) {
        await keys.to(desk.getByLabel(field, { exact: true }));
        await keys.type(value);
      }
      await keys.use(desk.getByRole("button", { name: "Einrichten" }));
      await expect(desk.getByRole("heading", { name: "Noch kein Raum" })).toBeVisible();
    });

    const link = await test.step("a room with a lobby, and a link", async () => {
      await keys.to(desk.getByLabel("Wie heißt der Raum?"));
      await keys.type("Fallberatung");
      await keys.press("Enter");
      await expect(desk.getByRole("heading", { level: 1, name: "Fallberatung" })).toBeFocused();
      await keys.use(desk.getByRole("button", { name: "Link anlegen" }));
      const address = desk.getByRole("textbox", { name: /^Adresse des Links/ });
      await expect(address).toBeVisible();
      await expect(desk.getByRole("button", { name: "Neuer Link" })).toBeFocused();
      const lobby = desk.getByLabel("Vorraum: Gäste warten");
      await keys.use(lobby, "Tab", "Space");
      await expect(lobby).not.toBeChecked();
      await keys.press("Space");
      await expect(lobby).toBeChecked();
      await expect(desk.getByText("Gäste warten im Vorraum")).toBeVisible();
      await keys.to(address, "Shift+Tab");
      return address.inputValue();
    });

    await test.step("the admin goes in", async () => {
      await keys.use(desk.getByRole("link", { name: "Eintreten" }), "Shift+Tab");
      await expect(desk.getByLabel("Ihr Name")).toHaveValue(ADMIN.name);
      // The page speaks first of who one is; the devices stand before that.
      await keys.use(desk.getByRole("button", { name: "Kamera: Einschalten" }), "Shift+Tab");
      await expect(desk.getByText("Kamera an")).toBeVisible();
      await keys.use(desk.getByRole("button", { name: "Eintreten" }));
      await expect(tools(desk)).toBeVisible();
      await expect(desk.getByText("Verbindung gut")).toBeVisible();
      await keys.keptFocus("coming in");
    });

    const olena = await open(browser, link);
    const jörg = await open(browser, link);
    await test.step("guests wait, and are let in", async () => {
      for (const [guest, name] of [
        [olena, "Olena Kovalenko"],
        [jörg, "Jörg Petersen"],
      ] as const) {
        await toTheLobby(guest, name);
        const knock = guest.page.getByLabel("Der Leitung etwas sagen");
        await guest.keys.to(knock);
        await guest.keys.type("Guten Morgen");
        await guest.keys.press("Enter");
        await expect(guest.page.getByText("Die Leitung hat es bekommen.")).toBeVisible();
      }
      await keys.area(desk.getByRole("region", { name: "Video" }));
      await keys.use(desk.getByRole("button", { name: "Ansehen" }));
      await expect(desk.getByRole("complementary", { name: "Personen" })).toBeFocused();
      for (const [guest, name] of [
        [olena, "Olena Kovalenko"],
        [jörg, "Jörg Petersen"],
      ] as const) {
        await keys.use(desk.getByRole("button", { name: `${name} hereinlassen`, exact: true }));
        await expect(tools(guest.page)).toBeVisible();
        await guest.keys.keptFocus("being let in");
        await expect(desk.getByRole("button", { name: `${name} hereinlassen`, exact: true })).toHaveCount(0);
        await keys.keptFocus("letting in");
      }
    });

    await test.step("a guest speaks, is seen, and raises a hand", async () => {
      await olena.keys.area(tools(olena.page));
      await olena.keys.use(tool(olena.page, /^Mikro aus/), "Tab", "Space");
      await expect(tool(olena.page, /^Mikro an/)).toBeFocused();
      await olena.keys.press("k");
      await expect(tool(olena.page, /^Kamera an/)).toBeVisible();
      await sees(desk, "Olena");
      await olena.keys.use(tool(olena.page, "Hand heben"));
      await expect(tool(olena.page, /^Hand oben/)).toBeFocused();
      await keys.area(desk.getByRole("region", { name: "Video" }));
      await keys.use(desk.getByRole("button", { name: "Olena drannehmen" }));
      await expect(tool(olena.page, "Hand heben")).toBeFocused();
      await keys.keptFocus("calling the only hand");
    });

    await test.step("the chat", async () => {
      await olena.keys.press("c");
      await expect(olena.page.getByRole("complementary", { name: "Chat" })).toBeFocused();
      await olena.keys.to(olena.page.getByLabel("Ihre Nachricht an alle"));
      await olena.keys.type("Welche Schulform besucht Ben?");
      await olena.keys.press("Enter");
      await keys.press("c");
      await expect(desk.getByRole("log").getByText("Welche Schulform besucht Ben?")).toBeVisible();
      await keys.press("c");
      await expect(desk.getByRole("complementary", { name: "Chat" })).toBeHidden();
      await keys.keptFocus("closing the chat");
    });

    await test.step("the pad, with formatting", async () => {
      const { page: home, keys: guest } = olena;
      await guest.area(tools(home));
      await guest.press("p");
      await expect(home.getByRole("complementary", { name: "Pad" })).toBeFocused();
      await expect(text(home)).toBeEditable();
      // The toolbar is one stop; the arrows move inside.
      await guest.to(home.getByRole("button", { name: "Rückgängig" }));
      await guest.choose(
        home.getByRole("button", { name: /^Überschrift/ }),
        "Große Überschrift",
        "ArrowRight",
      );
      await expect(text(home)).toBeFocused();
      await guest.type("Worum es geht");
      await guest.press("Enter", "Control+b");
      await guest.type("Ben");
      await guest.press("Control+b");
      await guest.type(" kommt selten.");
      await expect(home.getByText("Gespeichert", { exact: true })).toBeVisible();
      await keys.press("p");
      await expect(text(desk).getByRole("heading", { name: "Worum es geht" })).toBeVisible();
      await expect(text(desk).locator("strong")).toHaveText("Ben");
      await keys.press("p");
    });

    await test.step("a guest leaves", async () => {
      const { page: home, keys: guest } = olena;
      await guest.area(tools(home));
      await guest.use(tool(home, "Verlassen"));
      await expect(home.getByRole("heading", { name: "Danke, bis bald" })).toBeFocused();
      await expect(desk.locator(".tile", { hasText: "Olena" })).toHaveCount(0);
      await keys.keptFocus("a person's leaving");
    });

    await test.step("the admin removes a guest, and ends the meeting for all", async () => {
      await keys.area(tools(desk));
      await keys.use(tool(desk, /^Personen/));
      const menu = desk
        .getByRole("complementary")
        .getByRole("button", { name: "Jörg Petersen: was Sie tun können" });
      await keys.choose(menu, "Aus dem Raum nehmen");
      const question = desk.getByRole("alertdialog");
      await expect(question).toBeVisible();
      await keys.use(question.getByRole("button", { name: "Aus dem Raum nehmen" }));
      await expect(jörg.page.getByRole("heading", { name: "Sie sind nicht mehr im Raum" })).toBeFocused();
      await expect(menu).toHaveCount(0);
      await keys.keptFocus("removing");
      await keys.area(tools(desk));
      await keys.choose(tool(desk, "Mehr"), "Für alle beenden");
      await keys.use(desk.getByRole("alertdialog").getByRole("button", { name: "Für alle beenden" }));
      await expect(desk.getByRole("heading", { name: "Das Treffen ist zu Ende" })).toBeFocused();
    });

    for (const person of [admin, olena, jörg]) {
      await person.keys.keptFocus("all of it");
      expect(person.troubles).toEqual([]);
    }
  } finally {
    await server.remove();
  }
});
