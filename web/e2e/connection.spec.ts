// The connection in words, by keyboard and for screen readers; and the data saver: one small picture of others, the own
// camera small, kept in this browser (PRODUCT M6).
import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./fixtures";
import { enter, hears, open, sees, tool } from "./people";

/** Which sizes of the camera are switched on. */
const sizes = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    window.storyConnections
      .flatMap((connection) => connection.getSenders().map((sender) => sender.getParameters().encodings))
      .filter((encodings) => encodings.length > 1)
      .flatMap((encodings) => encodings.filter(({ active }) => active).map(({ rid }) => rid ?? "")),
  );

test("the connection is told in words and figures, and data can be saved", async ({ browser, admin }) => {
  test.setTimeout(420_000);
  const room = await admin.room("Sprechstunde", { lobby: false });
  const { url } = await admin.link(room, "participant");
  const olena = await open(browser, url);
  await enter(olena.page, "Olena Kovalenko");
  await expect(tool(olena.page, /^Mikro an/)).toBeVisible();
  await test.step("the word opens the figures, by keyboard, and gives the focus back", async () => {
    const { page } = olena;
    const word = page.getByRole("button", { name: "Verbindung gut" });
    await word.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Verbindung" });
    await expect(dialog.getByText("Sie müssen nichts tun.")).toBeVisible();
    await expect(dialog.getByText("Zum Server und zurück")).toBeVisible();
    await expect(dialog.getByText("direkt (UDP)")).toBeVisible();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await expect(word).toBeFocused();
  });

  const jörg = await open(browser, url);
  await enter(jörg.page, "Jörg Petersen");
  await sees(jörg.page, "Olena");
  await sees(olena.page, "Jörg");

  await test.step("who saves data sends small and sees the one who counts, small", async () => {
    await tool(jörg.page, "Mehr").click();
    await jörg.page.getByRole("menuitem", { name: "Daten sparen" }).click();
    await expect(jörg.page.getByRole("button", { name: /Daten sparen/ })).toBeVisible();
    await expect.poll(() => sizes(jörg.page)).toEqual(["q"]);
    await sees(jörg.page, "Olena");
    await sees(olena.page, "Jörg");
    await hears(jörg.page);
  });

  await test.step("the choice is kept in this browser until it is taken back", async () => {
    await jörg.page.reload();
    await jörg.page.getByRole("button", { name: "Eintreten" }).click();
    await expect(jörg.page.getByRole("button", { name: /Daten sparen/ })).toBeVisible();
    await tool(jörg.page, "Mehr").click();
    await jörg.page.getByRole("menuitem", { name: "Nicht mehr Daten sparen" }).click();
    await expect(jörg.page.getByRole("button", { name: /Daten sparen/ })).toHaveCount(0);
    await expect.poll(async () => (await sizes(jörg.page)).length).toBeGreaterThan(1);
  });
  for (const { troubles } of [olena, jörg]) expect(troubles).toEqual([]);
});
