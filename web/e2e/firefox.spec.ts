// Firefox beside Chromium: join by link, sound, pictures and the pad, both ways. Driven over WebDriver BiDi, since the
// story's own driver wants a patched Firefox.
import { existsSync } from "node:fs";
import { type Page as FirefoxPage, launch } from "puppeteer-core";
import { Admin, expect, test, watch } from "./fixtures";
import { keepConnections, listen, picture, TONE_HZ, tone } from "./media";
import { Werkraum } from "./server";

const FIREFOX = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path)) ?? "firefox";

const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.audio.fake_frequency": TONE_HZ,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.gmp-manager.updateEnabled": false,
  "intl.accept_languages": "de-DE, de",
};

/** Runs in the page: Firefox without a sound card has no clock for an analyser, but counts what it decodes. */
async function received(): Promise<{ frames: number; loudest: number }> {
  let frames = 0;
  let loudest = 0;
  for (const connection of window.storyConnections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      frames += report.framesDecoded ?? 0;
      loudest = Math.max(loudest, report.audioLevel ?? 0);
    }
  }
  return { frames, loudest };
}

/** Runs in the page: the pad's text without the names at other people's cursors. */
function plainText(): string {
  const copy = document
    .querySelector('[role="textbox"][contenteditable="true"]')
    ?.cloneNode(true) as HTMLElement;
  for (const caret of copy.querySelectorAll(".pad-caret")) caret.remove();
  return copy.textContent ?? "";
}

const press = (page: FirefoxPage, name: string) =>
  page.locator(`::-p-aria([name="${name}"][role="button"])`).click();

test("Firefox joins beside Chromium, sees and hears, and writes in the pad", async ({ page }) => {
  test.setTimeout(180_000);
  const server = await Werkraum.start("0.0.0.0");
  const admin = await Admin.first(server);
  const room = await admin.room("Zwei Browser", { lobby: false });
  const { url } = await admin.link(room, "participant");

  const troubles = watch(page);
  await listen(page);
  await page.goto(url);
  await page.getByRole("button", { name: "Mikrofon: Einschalten" }).click();
  await page.getByRole("button", { name: "Kamera: Einschalten" }).click();
  await expect(page.getByText("Kamera an")).toBeVisible();
  await page.getByLabel("Ihr Name").fill("Carla Chromium");
  await page.getByRole("button", { name: "Eintreten" }).click();
  await expect(page.getByText("Verbindung gut")).toBeVisible();

  const firefox = await launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts: true,
    extraPrefsFirefox: PREFERENCES,
    defaultViewport: { width: 1280, height: 800 },
  });
  try {
    const fox = await firefox.newPage();
    await fox.evaluateOnNewDocument(keepConnections);
    await fox.goto(url);
    await press(fox, "Mikrofon: Einschalten");
    await press(fox, "Kamera: Einschalten");
    await fox.locator("::-p-text(Kamera an)").wait();
    await fox.locator('input[autocomplete="name"]').fill("Frida Firefox");
    await press(fox, "Eintreten");

    await test.step("Firefox sees and hears Chromium", async () => {
      const before = (await fox.evaluate(received)).frames;
      await expect
        .poll(async () => (await fox.evaluate(received)).frames, { timeout: 30_000 })
        .toBeGreaterThan(before + 5);
      await expect
        .poll(async () => (await fox.evaluate(received)).loudest, { timeout: 30_000 })
        .toBeGreaterThan(0.1);
    });

    await test.step("Chromium sees and hears Firefox", async () => {
      const before = (await picture(page, "Frida")).frames;
      await expect
        .poll(async () => (await picture(page, "Frida")).frames, { timeout: 30_000 })
        .toBeGreaterThan(before + 10);
      expect((await picture(page, "Frida")).bright).toBeGreaterThan(40);
      await expect.poll(() => tone(page), { timeout: 30_000 }).toBeGreaterThan(20);
    });

    await test.step("one text in the pad", async () => {
      await page.keyboard.press("p");
      const text = page.getByRole("textbox", { name: /^Text des Pads/ });
      await expect(text).toBeEditable();
      await text.click();
      await expect(text).toBeFocused();
      await page.keyboard.type("Aus Chromium. ");
      await fox.keyboard.press("p");
      const foxText = '[role="textbox"][contenteditable="true"]';
      await fox.locator(foxText).click();
      await fox.waitForFunction((css) => document.activeElement === document.querySelector(css), {}, foxText);
      await expect.poll(() => fox.$eval(foxText, (box) => box.textContent ?? "")).toContain("Aus Chromium.");
      await fox.keyboard.type("Aus Firefox. ");
      await expect(text).toContainText("Aus Firefox.");
      await expect
        .poll(async () => (await fox.evaluate(plainText)) === (await page.evaluate(plainText)))
        .toBe(true);
    });
  } finally {
    await firefox.close();
    await server.remove();
  }
  expect(troubles).toEqual([]);
});
