// A small workshop: trainer and two guests, through the lobby, seeing and hearing each other; chat, hands, mute, screen,
// removal (S-06, S-08, P-06). The times are printed, never asserted.
import { expect, expectAccessible, test } from "./fixtures";
import { fromClickToTone } from "./media";
import { enter, hears, hearsNothing, open, prepare, sees, tool } from "./people";
import { plain, standAtEnd, text } from "./texts";

test("three people meet through the lobby, see and hear each other, and one is removed", async ({
  browser,
  admin,
}) => {
  // Generous, as in the configuration: axe looks at many screens while three browsers send and receive.
  test.setTimeout(420_000);
  const room = await admin.room("Kollegiale Fallberatung");
  const [host, guests] = await Promise.all([admin.link(room, "trainer"), admin.link(room, "participant")]);

  const trainer = await open(browser, host.url);
  await expectAccessible(trainer.page);
  await enter(trainer.page, "Miriam Hollstein");
  await expect(tool(trainer.page, /^Mikro an/)).toBeVisible();
  await expect(trainer.page.getByText("Verbindung gut")).toBeVisible();
  await expectAccessible(trainer.page);

  const olena = await open(browser, guests.url);
  await enter(olena.page, "Olena Kovalenko");
  await expect(olena.page.getByRole("heading", { name: "Gleich geht es los" })).toBeVisible();
  await expectAccessible(olena.page);
  // Devices can be checked while one waits; what is on then comes along.
  await olena.page.getByRole("button", { name: "Ton und Bild prüfen" }).click();
  await olena.page.getByRole("button", { name: "Kamera: Ausschalten" }).click();
  await expect(olena.page.getByText("Kamera aus")).toBeVisible();
  await olena.page.getByRole("button", { name: "Kamera: Einschalten" }).click();
  await expect(olena.page.locator("video")).toBeVisible();
  await expect(trainer.page.getByText("1 Person wartet im Vorraum", { exact: true })).toBeVisible();
  await trainer.page.getByRole("button", { name: "Ansehen" }).click();
  await expectAccessible(trainer.page);
  const admitted = Date.now();
  await trainer.page.getByRole("button", { name: "Olena Kovalenko hereinlassen", exact: true }).click();
  await expect(tool(olena.page, /^Mikro an/)).toBeVisible();
  await hears(olena.page);
  // biome-ignore lint/suspicious/noConsole: the time is for whoever runs the story
  console.log(`admit_to_sound_ms ${Date.now() - admitted}`);

  await test.step("they see and hear each other", async () => {
    await sees(olena.page, "Miriam");
    await sees(trainer.page, "Olena");
    await hears(trainer.page);
  });

  await test.step("who was let in before comes back by one click", async () => {
    await tool(olena.page, "Verlassen").click();
    await olena.page.getByRole("button", { name: "Wieder hinein" }).click();
    const join = await prepare(olena.page, "Olena Kovalenko");
    const took_ms = await fromClickToTone(olena.page, () => join.click());
    // biome-ignore lint/suspicious/noConsole: the time is for whoever runs the story
    console.log(`join_to_sound_ms ${took_ms}`);
    await expect(tool(olena.page, /^Mikro an/)).toBeVisible();
  });

  const jörg = await open(browser, guests.url);
  await enter(jörg.page, "Jörg Petersen");
  await trainer.page.getByRole("button", { name: "Jörg Petersen hereinlassen", exact: true }).click();
  await expect(tool(jörg.page, /^Mikro an/)).toBeVisible({ timeout: 30_000 });
  await test.step("the third, who comes late, sees both at once and is seen", async () => {
    await sees(jörg.page, "Miriam");
    await sees(jörg.page, "Olena");
    await sees(trainer.page, "Jörg");
    await sees(olena.page, "Jörg");
    await hears(jörg.page);
  });

  await test.step("muting really is silence", async () => {
    for (const { page } of [trainer, olena]) {
      await tool(page, /^Mikro an/).click();
      await expect(tool(page, /^Mikro aus/)).toBeVisible();
    }
    await hearsNothing(jörg.page);
    await hears(olena.page);
  });

  await test.step("the trainer switches off a microphone, and the person is told who", async () => {
    await trainer.page.getByRole("button", { name: "Jörg Petersen: was Sie tun können" }).first().click();
    await trainer.page.getByRole("menuitem", { name: "Mikro ausschalten" }).click();
    await expect(jörg.page.getByText("Miriam Hollstein hat Ihr Mikro ausgeschaltet.")).toBeVisible();
    await expect(tool(jörg.page, /^Mikro aus/)).toBeVisible();
    await hearsNothing(olena.page);
  });

  await test.step("chat and hands arrive", async () => {
    await olena.page.keyboard.press("c");
    await olena.page.getByLabel("Ihre Nachricht an alle").fill("Welche Schulform besucht Ben?");
    await olena.page.keyboard.press("Enter");
    await tool(jörg.page, /^Chat/).click();
    await expect(jörg.page.getByRole("log").getByText("Welche Schulform besucht Ben?")).toBeVisible();
    await expectAccessible(jörg.page);
    await jörg.page.setViewportSize({ width: 360, height: 740 });
    await expectAccessible(jörg.page);
    await jörg.page.getByRole("button", { name: "Video", exact: true }).click();
    await expectAccessible(jörg.page);
    await jörg.page.setViewportSize({ width: 1280, height: 800 });
    await tool(olena.page, "Hand heben").click();
    await expect(tool(olena.page, /^Hand oben/)).toBeVisible();
    await expect(trainer.page.getByRole("button", { name: "Olena drannehmen" })).toBeVisible();
    await trainer.page.getByRole("button", { name: "Olena drannehmen" }).click();
    await expect(tool(olena.page, "Hand heben")).toBeVisible();
  });

  await test.step("all three write in the pad at once and have one text", async () => {
    const writers = [
      { page: trainer.page, name: "Miriam", words: "Wir reden heute über Ben und die Schule." },
      { page: olena.page, name: "Olena", words: "Er kommt selten in die Wohngruppe zurück." },
      { page: jörg.page, name: "Jörg", words: "Frau Brandt kennt ihn seit zwei Jahren." },
    ];
    // The chat is open in two of the pages: the pad takes its place.
    for (const { page } of writers) {
      await tool(page, "Pad").click();
      await expect(text(page)).toBeEditable();
    }
    await text(trainer.page).click();
    await expect(text(trainer.page)).toBeFocused();
    await trainer.page.keyboard.type(writers.map(({ name }) => `${name}: `).join("\n"));
    for (const { page, name } of writers) {
      const other = page === olena.page ? jörg.page : olena.page;
      await standAtEnd(page, `${name}:`, name, other);
    }
    // A pause after each letter lets the others' letters come between.
    await Promise.all(writers.map(({ page, words }) => page.keyboard.type(words, { delay: 15 })));
    for (const { page } of writers) {
      for (const { name, words } of writers) {
        await expect.poll(() => plain(page)).toContain(`${name}: ${words}`);
      }
      await expect(page.locator(".pad-caret")).toHaveCount(2);
      await expect(page.getByText("Gespeichert", { exact: true })).toBeVisible();
    }
    const [one, ...others] = await Promise.all(writers.map(({ page }) => plain(page)));
    for (const other of others) expect(other).toBe(one);
    await expectAccessible(jörg.page);
    for (const { page } of writers) await tool(page, "Pad").click();
  });

  await test.step("a shared screen appears", async () => {
    await tool(trainer.page, "Zeigen").click();
    await expect(trainer.page.getByText("Sie zeigen Ihren Bildschirm.")).toBeVisible();
    const shown = olena.page.getByRole("region", { name: "Geteilter Inhalt" }).locator("video");
    await expect(shown).toBeVisible();
    await expect
      .poll(() => shown.evaluate((video) => (video as HTMLVideoElement).videoWidth), { timeout: 20_000 })
      .toBeGreaterThan(0);
    await expectAccessible(olena.page);
    await expectAccessible(trainer.page);
    await trainer.page
      .getByRole("region", { name: "Sie zeigen Ihren Bildschirm." })
      .getByRole("button")
      .click();
    await expect(olena.page.getByRole("region", { name: "Geteilter Inhalt" })).toBeHidden();
  });

  await test.step("a page loaded anew is the same person", async () => {
    await olena.page.reload();
    await expect(olena.page.getByLabel("Ihr Name")).toHaveValue("Olena Kovalenko");
    await olena.page.getByRole("button", { name: "Eintreten" }).click();
    await expect(tool(olena.page, /^Mikro aus/)).toBeVisible();
    await sees(olena.page, "Miriam");
  });

  await test.step("who is removed is out and stays out", async () => {
    await trainer.page.getByRole("button", { name: "Jörg Petersen: was Sie tun können" }).first().click();
    await trainer.page.getByRole("menuitem", { name: "Aus dem Raum nehmen" }).click();
    await trainer.page.getByRole("button", { name: "Aus dem Raum nehmen" }).click();
    await expect(jörg.page.getByRole("heading", { name: "Sie sind nicht mehr im Raum" })).toBeVisible();
    await expectAccessible(jörg.page);
    await expect(olena.page.locator(".tile", { hasText: "Jörg" })).toHaveCount(0);
    await jörg.page.goto(guests.url);
    await jörg.page.reload();
    await jörg.page.getByRole("button", { name: "Eintreten" }).click();
    await expect(jörg.page.getByText("Die Leitung hat Sie aus dem Raum genommen.")).toBeVisible();
  });

  await test.step("the end for all", async () => {
    await tool(trainer.page, "Mehr").click();
    await expectAccessible(trainer.page);
    await trainer.page.getByRole("menuitem", { name: "Für alle beenden" }).click();
    await expectAccessible(trainer.page);
    await trainer.page.getByRole("button", { name: "Für alle beenden" }).click();
    await expect(olena.page.getByRole("heading", { name: "Das Treffen ist zu Ende" })).toBeVisible();
  });

  for (const { troubles } of [trainer, olena, jörg]) expect(troubles).toEqual([]);
});
