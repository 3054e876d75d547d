// From the printed link to a guest before the door, all through the pages: first admin, first room, links.
import { ADMIN, expect, expectAccessible, test, watch } from "./fixtures";
import { Werkraum } from "./server";

test("the first admin sets up the house, makes a room and a link that a guest can use", async ({
  browser,
}) => {
  const server = await Werkraum.start();
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    const troubles = watch(page);
    await page.goto(server.firstAdmin);
    await expect(page.getByRole("heading", { name: "Werkraum einrichten" })).toBeVisible();
    await expectAccessible(page);

    // Nothing filled in: the first field says what is missing and has the focus.
    await page.getByRole("button", { name: "Einrichten" }).click();
    await expect(page.getByLabel("Ihr Name")).toBeFocused();
    await expect(page.getByText("Hier fehlt ein Name.")).toBeVisible();

    await page.getByLabel("Ihr Name").fill(ADMIN.name);
    await page.getByLabel("E-Mail-Adresse").fill(ADMIN.email);
    await page.getByLabel("Passwort", { exact: true }).fill("kurz");
    await page.getByLabel("Name der Einrichtung").fill(ADMIN.organisation);
    await page.getByLabel("Kontakt zum Datenschutz").fill(ADMIN.contact);
    await page.getByRole("button", { name: "Einrichten" }).click();
    await expect(page.getByText("Das Passwort ist zu kurz")).toBeVisible();
    await page.getByLabel("Passwort", { exact: true }).fill(ADMIN.password);
    await page.getByRole("button", { name: "Einrichten" }).click();

    await expect(page.getByRole("heading", { name: "Noch kein Raum" })).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel("Wie heißt der Raum?").fill("Kollegiale Fallberatung, Modul 3");
    await page.getByRole("button", { name: "Raum anlegen" }).click();

    await expect(
      page.getByRole("heading", { level: 1, name: "Kollegiale Fallberatung, Modul 3" }),
    ).toBeVisible();
    await page.getByRole("button", { name: "Link anlegen" }).click();
    const address = page.getByRole("textbox", { name: "Adresse des Links, Link für: Teilnehmen" });
    await expect(address).toBeVisible();
    const link = await address.inputValue();
    expect(link).toMatch(/^https:\/\/[^/]+\/j#[A-Za-z0-9_-]{22,}$/);
    await expectAccessible(page);

    // A setting changes at once and says so in its sentence.
    await page.getByLabel("Vorraum: Gäste warten").uncheck();
    await expect(page.getByText("Wer einen Link hat, kommt sofort hinein.")).toBeVisible();

    const guest = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    const guestTroubles = watch(guest);
    await guest.goto(link);
    await expect(guest.getByRole("heading", { name: "Kollegiale Fallberatung, Modul 3" })).toBeVisible();
    await expectAccessible(guest);

    // Revoked, the link leads nowhere and says what to do.
    await page.getByRole("button", { name: "Mehr zu Link für: Teilnehmen" }).click();
    await page.getByRole("menuitem", { name: "Sperren" }).click();
    await expect(page.getByText("Noch gibt es keinen Link.")).toBeVisible();
    await guest.reload();
    await expect(guest.getByText("Dieser Link passt zu keinem Raum. Bitte ganz kopieren.")).toBeVisible();
    await expectAccessible(guest);

    expect(troubles).toEqual([]);
    expect(guestTroubles).toEqual([]);
  } finally {
    await server.remove();
  }
});

test("signing in, wrong and right, and out again", async ({ server, admin, page }) => {
  await admin.room("Teamraum");
  const troubles = watch(page);
  await page.goto(`${server.origin}/admin/rooms`);
  await expect(page.getByRole("heading", { name: "Anmelden" })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("E-Mail-Adresse").fill(ADMIN.email);
  await page.getByLabel("Passwort").fill("das falsche Passwort");
  await page.getByRole("button", { name: "Anmelden" }).click();
  await expect(page.getByText("Adresse oder Passwort stimmt nicht.")).toBeVisible();
  await page.getByLabel("Passwort").fill(ADMIN.password);
  await page.getByRole("button", { name: "Anmelden" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Räume" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Teamraum", exact: true })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole("link", { name: "Personen" }).click();
  await expect(page.getByText(ADMIN.email)).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Einladen" }).click();
  await page.getByRole("button", { name: "Link anlegen" }).click();
  await expect(page.getByLabel("Adresse des Links")).toHaveValue(/\/invite#[A-Za-z0-9_-]{22,}$/);
  const invitation = await page.getByLabel("Adresse des Links").inputValue();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Fertig" }).click();

  await page.getByRole("link", { name: "Einrichtung" }).click();
  await expect(page.getByLabel("Name der Einrichtung")).toHaveValue(ADMIN.organisation);
  await expectAccessible(page);

  await page.getByRole("combobox", { name: "Sprache" }).selectOption("en");
  await expect(page.getByRole("heading", { level: 1, name: "Organisation" })).toBeVisible();
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");

  await page.getByRole("button", { name: "Abmelden" }).click();
  await expect(page.getByRole("heading", { name: "Willkommen im Werkraum" })).toBeVisible();
  await expectAccessible(page);

  // The invited trainer makes an account and sees rooms, but not the people.
  await page.goto(invitation);
  await expect(page.getByRole("heading", { name: "Konto anlegen" })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Ihr Name").fill("Jörg Petersen");
  await page.getByLabel("E-Mail-Adresse").fill("joerg@example.org");
  await page.getByLabel("Passwort", { exact: true }).fill("noch ein langer Satz dazu");
  await page.getByRole("button", { name: "Konto anlegen" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Räume" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Personen" })).toHaveCount(0);
  expect(troubles).toEqual([]);
});

test("pages for everybody: browsers, data protection, unknown address", async ({ server, admin, page }) => {
  expect(admin).toBeDefined();
  const troubles = watch(page);
  await page.goto(`${server.origin}/browsers`);
  await expect(page.getByText("Ihr Browser kann alles")).toBeVisible();
  await expectAccessible(page);
  await page.goto(`${server.origin}/privacy`);
  await expect(page.getByText(ADMIN.organisation)).toBeVisible();
  await expectAccessible(page);
  await page.goto(`${server.origin}/j#abgeschnitten`);
  await expect(page.getByText("Dieser Link passt zu keinem Raum.")).toBeVisible();
  await page.goto(`${server.origin}/gibt-es-nicht`);
  await expect(page.getByRole("heading", { name: "Diese Seite gibt es nicht" })).toBeVisible();
  await expectAccessible(page);
  expect(troubles).toEqual([]);
});
