// The server is killed in the middle of a meeting, while everybody writes: what was shown as saved is on its disk, and
// all are back by themselves as who they were. `WERKRAUM_KILLS` says how often (three times in `./run test`).
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { enter, hears, open, sees, tool } from "./people";
import type { Werkraum } from "./server";
import { plain, standAtEnd, text } from "./texts";

const KILLS = Number(process.env.WERKRAUM_KILLS ?? 3);

declare global {
  interface Window {
    /** The numbers of this person's words that stood in the text when the page last said "saved". */
    storySaved: number;
    /** Gone after a reload. */
    storyPage: true;
  }
}

interface Writer {
  page: Page;
  name: string;
  /** Before each of this person's words. */
  letter: string;
  troubles: string[];
}

/** Runs in the page: remembers the highest word of one's own that was there when the page said that all is saved. */
function rememberSaved(letter: string): void {
  window.storyPage = true;
  window.storySaved = 0;
  const own = new RegExp(`${letter}(\\d+)\\.`, "g");
  // In a turn of its own, when text and word have both been drawn.
  setInterval(() => {
    const word = document.querySelector(".saved")?.textContent;
    if (word !== "Gespeichert") return;
    const editor = document.querySelector('[role="textbox"][contenteditable="true"]');
    for (const found of (editor?.textContent ?? "").matchAll(own))
      window.storySaved = Math.max(window.storySaved, Number(found[1]));
  }, 5);
}

/** So many words wait until they are shown as saved: who never pauses is always "saving". */
const CALM_WORDS = 4;

/** Writes numbered words until told to stop, the first ones with pauses; answers the number of the last. */
async function writeOn({ page, letter }: Writer, from: number, stop: { now: boolean }): Promise<number> {
  let number = from;
  while (!stop.now) {
    number += 1;
    await page.keyboard.type(`${letter}${number}. `, { delay: 10 });
    if (number <= from + CALM_WORDS)
      await page.waitForFunction((written) => window.storySaved >= written, number, { polling: 50 });
  }
  return number;
}

const saved = ({ page }: Writer) => page.evaluate(() => window.storySaved);
const words = ({ letter }: Writer, last: number) =>
  Array.from({ length: last }, (_, n) => `${letter}${n + 1}. `).join("");

/** How often each character stands in a text: what must be neither lost nor doubled, wherever a cursor stood. */
function counted(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of text.replace(/\s/g, "")) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}
const sorted = (text: string) => [...text.replace(/\s/g, "")].sort().join("");
/** What of `wanted` is missing in `text`. */
const missing = (text: string, wanted: string) => {
  const there = counted(text);
  return [...counted(wanted)].filter(([one, times]) => (there.get(one) ?? 0) < times);
};

test("a killed server comes back with all that was saved, and everybody is back as who they were", async ({
  browser,
  server,
  admin,
}) => {
  test.setTimeout(180_000 + KILLS * 120_000);
  const room = await admin.room("Nachtschicht", { lobby: false });
  const [host, guests] = await Promise.all([admin.link(room, "trainer"), admin.link(room, "participant")]);
  const writers: Writer[] = [];
  for (const [name, letter, { url }] of [
    ["Miriam Hollstein", "m", host],
    ["Olena Kovalenko", "o", guests],
    ["Jörg Petersen", "j", guests],
  ] as const) {
    const { page, troubles } = await open(browser, url);
    await enter(page, name);
    await expect(tool(page, /^Mikro an/)).toBeVisible();
    writers.push({ page, name, letter, troubles });
  }
  const [miriam, olena, jörg] = writers as [Writer, Writer, Writer];

  await tool(olena.page, "Hand heben").click();
  for (const writer of writers) {
    await tool(writer.page, "Pad").click();
    await expect(text(writer.page)).toBeEditable();
  }
  await text(miriam.page).click();
  await miriam.page.keyboard.type(writers.map(({ name }) => `${name}: `).join("\n"));
  for (const writer of writers) {
    const other = writer === olena ? jörg : olena;
    // A caret shows the first name.
    const [first = ""] = writer.name.split(" ");
    await standAtEnd(writer.page, `${writer.name}:`, first, other.page);
    await writer.page.evaluate(rememberSaved, writer.letter);
  }

  /** What is missing in a pad of this server, once it has opened. */
  const missingIn = async (left: Werkraum, pad: string | null, wanted: string) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await admin.signIn(context);
    const reader = await context.newPage();
    await reader.goto(`${left.origin}/pad/${pad}`);
    await expect(text(reader)).toBeEditable();
    // Nobody writes there: what is missing now for good was not on the disk.
    await expect.poll(async () => missing(await plain(reader), wanted)).toEqual([]);
    await context.close();
  };

  /** The same people with the same roles and hand, who see and hear each other. */
  const together = async () => {
    for (const { page } of writers) {
      await expect(page.getByText("Verbindung gut")).toBeVisible({ timeout: 30_000 });
      expect(await page.evaluate(() => window.storyPage)).toBe(true);
      await expect(page.locator(".tile")).toHaveCount(3);
    }
    // Only who leads is asked to call somebody who raised a hand.
    await expect(miriam.page.getByRole("button", { name: "Olena drannehmen" })).toBeVisible();
    await expect(jörg.page.getByRole("button", { name: "Olena drannehmen" })).toHaveCount(0);
    await expect(tool(olena.page, /^Hand oben/)).toBeVisible();
    await expect(tool(jörg.page, "Hand heben")).toBeVisible();
    await sees(miriam.page, "Olena");
    await sees(olena.page, "Jörg");
    await sees(jörg.page, "Miriam");
    await Promise.all(writers.map(({ page }) => hears(page)));
  };
  await together();

  let last = writers.map(() => 0);
  for (let kill = 1; kill <= KILLS; kill++) {
    await test.step(`kill ${kill}`, async () => {
      const before = last;
      const stop = { now: false };
      const typing = Promise.all(writers.map((writer, n) => writeOn(writer, before[n] ?? 0, stop)));
      for (const [n, writer] of writers.entries()) {
        await expect
          .poll(() => saved(writer), { intervals: [50], timeout: 30_000 })
          .toBeGreaterThanOrEqual((before[n] ?? 0) + CALM_WORDS);
      }
      await server.stop("SIGKILL");
      const shown = await Promise.all(writers.map(saved));
      const left = await server.copy();
      stop.now = true;
      last = await typing;
      await server.run();

      try {
        // What the crash left is read before anybody could have brought it back.
        const said = writers.map((writer, n) => `${writer.name}: ${words(writer, shown[n] ?? 0)}`);
        await missingIn(left, room.pad, said.join(""));
      } finally {
        await left.remove();
      }

      const typed = sorted(
        writers.map((writer, n) => `${writer.name}: ${words(writer, last[n] ?? 0)}`).join(""),
      );
      for (const writer of writers) {
        await expect.poll(async () => sorted(await plain(writer.page)), { timeout: 30_000 }).toBe(typed);
        await expect(writer.page.getByText("Gespeichert", { exact: true })).toBeVisible();
      }
      const [one, ...others] = await Promise.all(writers.map(({ page }) => plain(page)));
      for (const other of others) expect(other).toBe(one);
      await together();
    });
  }

  for (const { troubles } of writers) expect(troubles).toEqual([]);
});
