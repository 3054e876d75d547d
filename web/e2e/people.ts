// People of meeting stories: coming in by link, what they find in the room, and whether they see and hear each other.
import type { Browser, Locator, Page } from "@playwright/test";
import { expect, watch } from "./fixtures";
import { listen, picture, tone } from "./media";

export interface Guest {
  page: Page;
  troubles: string[];
}

/** `before` runs in the page before anything of ours. */
export async function open(browser: Browser, url: string, before?: () => void): Promise<Guest> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    permissions: ["camera", "microphone"],
  });
  const page = await context.newPage();
  const troubles = watch(page);
  await listen(page);
  if (before) await page.addInitScript(before);
  await page.goto(url);
  return { page, troubles };
}

/** Before the door: switches everything on and says the name. Answers the button that goes in. */
export async function prepare(page: Page, name: string): Promise<Locator> {
  await page.getByRole("button", { name: "Mikrofon: Einschalten" }).click();
  await page.getByRole("button", { name: "Kamera: Einschalten" }).click();
  await expect(page.getByText("Mikrofon an")).toBeVisible();
  await expect(page.getByText("Kamera an")).toBeVisible();
  await page.getByLabel("Ihr Name").fill(name);
  return page.getByRole("button", { name: "Eintreten" });
}

export async function enter(page: Page, name: string): Promise<void> {
  await (await prepare(page, name)).click();
}

export const tools = (page: Page) => page.getByRole("navigation", { name: "Werkzeuge" });
export const tool = (page: Page, name: RegExp | string) => tools(page).getByRole("button", { name });

export async function sees(page: Page, name: string): Promise<void> {
  // A line that has just come up may carry sound only for some seconds, until it is known what fits.
  await expect(page.locator(".tile", { hasText: name }).locator("video").first()).toBeVisible({
    timeout: 40_000,
  });
  await expect.poll(async () => (await picture(page, name)).bright, { timeout: 20_000 }).toBeGreaterThan(40);
  const { frames } = await picture(page, name);
  await expect
    .poll(async () => (await picture(page, name)).frames, { timeout: 20_000 })
    .toBeGreaterThan(frames);
}

export const hears = (page: Page) => expect.poll(() => tone(page), { timeout: 20_000 }).toBeGreaterThan(20);
export const hearsNothing = (page: Page) =>
  expect.poll(() => tone(page), { timeout: 20_000 }).toBeLessThan(5);
