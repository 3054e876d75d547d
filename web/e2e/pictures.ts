// Makes docs/pictures/workshop.png: a real workshop of three on the real server, photographed in the trainer's browser.
// Run by `npm run pictures`; not a test. The cameras are drawn, since a picture of nobody belongs in a repository.
import { resolve } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { drawnCamera, LOOKS, type Look } from "./drawn";
import { expect, test } from "./fixtures";

async function enter(browser: Browser, url: string, name: string, look: Look): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.addInitScript(drawnCamera, look);
  await page.goto(url);
  await page.getByRole("button", { name: "Mikrofon: Einschalten" }).click();
  await page.getByRole("button", { name: "Kamera: Einschalten" }).click();
  await expect(page.getByText("Kamera an")).toBeVisible();
  await page.getByLabel("Ihr Name").fill(name);
  await page.getByRole("button", { name: "Eintreten" }).click();
  await expect(page.getByText("Verbindung gut")).toBeVisible();
  return page;
}

const pad = (page: Page) => page.getByRole("textbox", { name: /^Text des Pads/ });

async function write(page: Page, lines: string[]): Promise<void> {
  await expect(pad(page)).toBeEditable();
  await pad(page).click();
  await expect(pad(page)).toBeFocused();
  await page.keyboard.press("Control+End");
  for (const [n, line] of lines.entries()) {
    if (n > 0) await page.keyboard.press("Enter");
    await page.keyboard.type(line);
  }
}

test("the picture of a workshop", async ({ browser, admin }) => {
  test.setTimeout(120_000);
  const room = await admin.room("Kollegiale Fallberatung", { lobby: false });
  const [host, guests] = await Promise.all([admin.link(room, "trainer"), admin.link(room, "participant")]);
  const people: [string, string, Look][] = [
    [host.url, "Miriam Hollstein", LOOKS.miriam],
    [guests.url, "Olena Kovalenko", LOOKS.olena],
    [guests.url, "Kwame Mensah", LOOKS.kwame],
  ];
  const pages: Page[] = [];
  for (const [url, name, look] of people) pages.push(await enter(browser, url, name, look));
  const [miriam, olena, kwame] = pages as [Page, Page, Page];
  for (const page of pages) {
    await page.keyboard.press("p");
    await expect(pad(page)).toBeVisible();
  }
  await write(miriam, [
    "# Worum geht es?",
    "Ben kommt seit sechs Wochen kaum noch in die Wohngruppe zurück.",
  ]);
  await expect(pad(olena)).toContainText("zurück.");
  await write(olena, ["", "## Rückfragen", "- Wer hat den besten Draht zu ihm?"]);
  await expect(pad(kwame)).toContainText("Draht zu ihm?");
  await write(kwame, ["", "Was sagt Ben selbst?"]);
  await olena.keyboard.press("Escape");
  await olena.getByRole("button", { name: "Hand heben" }).click();
  await expect(pad(miriam)).toContainText("Was sagt Ben selbst?");
  await expect(miriam.getByText("Gespeichert", { exact: true })).toBeVisible();
  await expect
    .poll(() =>
      miriam
        .locator(".tile video")
        .evaluateAll((all) => all.filter((v) => (v as HTMLVideoElement).videoWidth > 0).length),
    )
    .toBeGreaterThan(2);
  await kwame.keyboard.type(" Und die Schule?");
  await miriam.screenshot({ path: resolve("../docs/pictures/workshop.png") });
});
