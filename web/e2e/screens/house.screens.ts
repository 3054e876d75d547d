// The screens around a room: setting up, signing in, managing, information, wrong addresses.

import { People } from "../crowd";
import { ADMIN, Admin, expect, test } from "../fixtures";
import { Werkraum } from "../server";
import { type Language, words } from "../words";
import { Album } from "./album";

for (const language of ["de", "en"] as Language[]) {
  test.describe(language, () => {
    test.use({ locale: language === "de" ? "de-DE" : "en-GB" });

    test("the house", async ({ browser, page }) => {
      const album = new Album(language);
      const w = words(language);
      const server = await Werkraum.start();
      try {
        album.watch(page);
        const button = (key: string) => page.getByRole("button", { name: w(key), exact: true });
        const title = (key: string) => page.getByRole("heading", { name: w(key), exact: true });
        const menu = async (label: string, entry: string) => {
          await page.getByRole("button", { name: label }).click();
          await page.getByRole("menuitem", { name: entry }).click();
        };
        const away = () => page.keyboard.press("Escape");

        await page.goto(server.firstAdmin);
        await expect(title("setup_title")).toBeVisible();
        await album.take(page, "setup");
        await button("setup_verb").click();
        await page.getByLabel(w("field_name")).fill(ADMIN.name);
        await page.getByLabel(w("field_email")).fill("miriam");
        await button("setup_verb").click();
        await album.take(page, "setup-wrong");

        const admin = await Admin.first(server);
        await page.goto(`${server.origin}/`);
        await expect(title("home_title")).toBeVisible();
        await album.take(page, "home");
        await page.goto(`${server.origin}/sign-in`);
        await expect(title("sign_in_title")).toBeVisible();
        await album.take(page, "sign-in");
        await page.getByLabel(w("field_email")).fill(ADMIN.email);
        await page.getByLabel(w("field_password")).fill("das falsche Passwort");
        await button("sign_in_verb").click();
        await expect(page.getByText(w("code_wrong_credentials"))).toBeVisible();
        await album.take(page, "sign-in-wrong");
        await page.getByLabel(w("field_password")).fill(ADMIN.password);
        await button("sign_in_verb").click();

        await expect(title("rooms_empty_title")).toBeVisible();
        await album.take(page, "rooms-empty");
        const open = await admin.room("Kollegiale Fallberatung, Modul 3", { lobby: false });
        const waiting = await admin.room("Offenes Ohr: Sprechstunde");
        for (const name of [
          "Schuldnerberatung online",
          "Digitale Teilhabe: Vortragsreihe 4",
          "Netzwerktreffen Wohnungslosenhilfe und Nachbarschaftsarbeit im Landesverband",
          "Einstieg in die rechtliche Betreuung",
          "Teamraum Familienhilfe",
        ])
          await admin.room(name);
        const people = await People.gather(browser, server.origin);
        const [openLink, waitingLink] = [
          await admin.link(open, "participant"),
          await admin.link(waiting, "participant"),
        ];
        await admin.link(open, "trainer");
        for (const name of ["Fatma Yıldız", "Jörg Petersen", "Olena Kovalenko"])
          await people.come(openLink.url, name);
        for (const name of ["Leyla Aydın", "Annegret Vogt"]) await people.come(waitingLink.url, name);
        await page.reload();
        await expect(page.getByText(w("people", { count: 3 }))).toBeVisible();
        await expect(page.getByText(w("rooms_waits"))).toBeVisible();
        await album.take(page, "rooms");
        await album.take(page, "rooms-new", { show: () => button("rooms_new").click(), hide: away });
        const more = w("rooms_more", { room: "Teamraum Familienhilfe" });
        await album.take(page, "rooms-menu", {
          show: () => page.getByRole("button", { name: more }).click(),
          hide: away,
        });
        await album.take(page, "rooms-delete", { show: () => menu(more, w("rooms_delete")), hide: away });

        await page.goto(`${server.origin}/admin/rooms/${open.id}`);
        await expect(page.getByRole("textbox", { name: w("room_link_address") }).first()).toBeVisible();
        await album.take(page, "room-settings");
        await album.take(page, "room-settings-link-menu", {
          show: () =>
            page
              .getByRole("button", { name: w("rooms_more", { room: "" }) })
              .first()
              .click(),
          hide: away,
        });

        await page.goto(`${server.origin}/admin/people`);
        await expect(page.getByText(ADMIN.email)).toBeVisible();
        await button("people_invite").click();
        await button("people_invite_verb").click();
        const invited = page.getByLabel(w("room_link_address"));
        await expect(invited).toBeVisible();
        const invitation = await invited.inputValue();
        await away();
        await album.take(page, "people-invite", { show: () => button("people_invite").click(), hide: away });
        await album.take(page, "people-invite-link", {
          show: async () => {
            await button("people_invite").click();
            await button("people_invite_verb").click();
            await expect(invited).toBeVisible();
          },
          hide: away,
        });

        const guest = album.watch(
          await (await browser.newContext({ ignoreHTTPSErrors: true, locale: language })).newPage(),
        );
        await guest.goto(invitation);
        await expect(guest.getByRole("heading", { name: w("invite_title") })).toBeVisible();
        await album.take(guest, "invite");
        await guest.getByLabel(w("field_name")).fill("Jörg Petersen");
        await guest.getByLabel(w("field_email")).fill("joerg.petersen@beratungsstelle-nordwind.example.org");
        await guest.getByLabel(w("field_password"), { exact: true }).fill("noch ein langer Satz dazu");
        await guest.getByRole("button", { name: w("invite_verb") }).click();
        await expect(guest.getByRole("heading", { level: 1, name: w("rooms_title") })).toBeVisible();
        await album.take(guest, "rooms-trainer");
        await guest.context().close();

        await page.reload();
        await expect(page.getByText("Jörg Petersen")).toBeVisible();
        await album.take(page, "people");
        await album.take(page, "people-remove", {
          show: () => menu(w("people_more", { name: "Jörg Petersen" }), w("people_remove")),
          hide: away,
        });
        await page.goto(`${server.origin}/admin/organisation`);
        await expect(page.getByLabel(w("field_organisation"))).toHaveValue(ADMIN.organisation);
        await album.take(page, "organisation");

        await page.goto(`${server.origin}/browsers`);
        await expect(title("browsers_title")).toBeVisible();
        await album.take(page, "browsers");
        await page.goto(`${server.origin}/privacy`);
        await expect(page.getByText(ADMIN.organisation)).toBeVisible();
        await album.take(page, "privacy");
        await page.goto(`${server.origin}/gibt-es-nicht`);
        await expect(title("not_found_title")).toBeVisible();
        await album.take(page, "not-found");
        await page.goto(`${server.origin}/invite#gibtesnicht0123456789`);
        await page.getByLabel(w("field_name")).fill("Jörg Petersen");
        await page.getByLabel(w("field_email")).fill("joerg@example.org");
        await page.getByLabel(w("field_password"), { exact: true }).fill("noch ein langer Satz dazu");
        await button("invite_verb").click();
        await expect(page.locator(".note.brick")).toBeVisible();
        await album.take(page, "invite-used");
        await people.go();
      } finally {
        album.judge();
        await server.remove();
      }
    });
  });
}
