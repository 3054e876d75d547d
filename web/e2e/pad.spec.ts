// Two people in one pad: writing at once, names at cursors, the saved word through a crash of the server.
import type { Page } from "@playwright/test";
import { expect, expectAccessible, test, watch } from "./fixtures";
import { plain, standAtEnd, text, write } from "./texts";

test("two people write at once, format with the keyboard, and lose nothing when the server crashes", async ({
  browser,
  server,
  admin,
}) => {
  const room = await admin.room("Protokoll");
  const pages: Page[] = [];
  const troubles: string[][] = [];
  for (let n = 0; n < 2; n++) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await admin.signIn(context);
    const page = await context.newPage();
    troubles.push(watch(page));
    await page.goto(`${server.origin}/pad/${room.pad}`);
    await expect(page.getByText("Gespeichert", { exact: true })).toBeVisible();
    pages.push(page);
  }
  const [one, two] = pages as [Page, Page];

  await test.step("formatting by keyboard: the toolbar is one tab stop, arrows move inside", async () => {
    await one.getByRole("button", { name: "Rückgängig" }).focus();
    await one.keyboard.press("ArrowRight");
    await expect(one.getByRole("button", { name: /Überschrift/ })).toBeFocused();
    await one.keyboard.press("Enter");
    await one.getByRole("menuitem", { name: "Große Überschrift" }).press("Enter");
    await expect(text(one)).toBeFocused();
    await one.keyboard.type("Was wir beschlossen haben");
    await one.keyboard.press("Enter");
    await expect(two.getByRole("heading", { name: "Was wir beschlossen haben" })).toBeVisible();
    await expectAccessible(one);
  });

  await test.step("both at once, each in a line of their own", async () => {
    await one.keyboard.type("Eins: ");
    await one.keyboard.press("Enter");
    await one.keyboard.type("Zwei: ");
    await standAtEnd(two, "Eins:", "Miriam", one);
    await Promise.all([one.keyboard.type("Annegret ruft an."), two.keyboard.type("Wir treffen uns Montag.")]);
    for (const page of [one, two]) {
      await expect.poll(() => plain(page)).toContain("Zwei: Annegret ruft an.");
      await expect.poll(() => plain(page)).toContain("Eins: Wir treffen uns Montag.");
      await expect(page.locator(".pad-caret")).toHaveCount(1);
    }
    expect(await plain(one)).toBe(await plain(two));
  });

  await test.step("lists, tables and links arrive", async () => {
    await one.keyboard.press("Control+End");
    await one.keyboard.press("Enter");
    await one.getByRole("button", { name: "Abhaken" }).click();
    await one.keyboard.type("Schlafsäcke holen");
    await expect(two.getByRole("checkbox", { name: "Offen: Schlafsäcke holen" })).toBeVisible();
    await two.getByRole("checkbox", { name: "Offen: Schlafsäcke holen" }).check();
    await expect(one.getByRole("checkbox", { name: "Erledigt: Schlafsäcke holen" })).toBeChecked();
    await one.keyboard.press("Enter");
    await one.keyboard.press("Enter");
    await one.getByRole("button", { name: "Tabelle" }).click();
    await one.getByRole("menuitem", { name: "Tabelle einfügen" }).click();
    await expect(two.getByRole("table")).toBeVisible();
    for (const head of ["Aufgabe", "Wer", "Bis wann"]) {
      await one.keyboard.type(head);
      await one.keyboard.press("Tab");
    }
    await expect(two.getByRole("columnheader", { name: "Bis wann" })).toBeVisible();
    await write(one, "");
    await one.getByRole("button", { name: "Link", exact: true }).click();
    await one.getByLabel("Adresse").fill("javascript:alert(1)");
    await one.getByRole("button", { name: "Übernehmen" }).click();
    await expect(one.getByText("Das ist keine Adresse.")).toBeVisible();
    await one.getByLabel("Adresse").fill("example.org/plan");
    await one.getByRole("button", { name: "Übernehmen" }).click();
    const link = two.getByRole("link", { name: "example.org/plan" });
    await expect(link).toHaveAttribute("href", "https://example.org/plan");
    await expect(link).toHaveAttribute("rel", /noopener/);
    // Where it leads is said first (S-12).
    await link.click();
    const notice = two.getByRole("dialog", { name: "Diese Seite gehört nicht zu Werkraum" });
    await expect(notice.getByText("https://example.org/plan")).toBeVisible();
    await expect(notice.getByRole("link", { name: "Seite öffnen" })).toHaveAttribute(
      "rel",
      "noopener noreferrer",
    );
    await two.keyboard.press("Escape");
    await expect(notice).toBeHidden();
    await expectAccessible(two);
  });

  await test.step("a crash: what is typed meanwhile is marked, kept and merged", async () => {
    await expect(one.getByText("Gespeichert", { exact: true })).toBeVisible();
    await server.stop("SIGKILL");
    await write(one, " Ohne Server getippt.");
    await expect(one.getByText("Nur auf diesem Gerät", { exact: true })).toBeVisible();
    await server.run();
    await expect(one.getByText("Gespeichert", { exact: true })).toBeVisible({ timeout: 20_000 });
    await expect(text(two)).toContainText("Ohne Server getippt.", { timeout: 20_000 });
    await expect(async () => expect(await plain(two)).toBe(await plain(one))).toPass();
  });

  await test.step("after a reload everything is there", async () => {
    const before = await plain(one);
    await one.reload();
    await expect(text(one)).toContainText("Ohne Server getippt.");
    await expect(async () => expect(await plain(one)).toBe(before)).toPass();
  });

  expect(troubles).toEqual([[], []]);
});
