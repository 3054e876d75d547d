// A camera of 1280x720 in three sizes: viewers get the size that their tile needs, publishers send nothing that nobody
// looks at (issue's acceptance: small within 1 s, large within 2 s, no freeze over 500 ms, unseen below 60 kbit/s within
// 3 s). The figures are printed; only a proof run (WERKRAUM_PROVE=1), on a machine of its own, holds them to the limits.
import type { Browser, Page } from "@playwright/test";
import { drawnScreen } from "./drawn";
import { expect, test, watch } from "./fixtures";
import { keepConnections } from "./media";
import { tool } from "./people";

const ROUNDS = 3;
const LIMITS = { layer_small_ms: 1_000, layer_large_ms: 2_000, layer_freeze_ms: 500, unseen_kbps: 60 };

interface Frame {
  at_ms: number;
  height: number;
}
declare global {
  interface Window {
    storyFrames: Frame[];
  }
}

/** Runs in the page before anything of ours: eight pictures a second, so that two browsers find time for 720 lines. */
function slowCamera(): void {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) =>
    real(constraints?.video ? { video: { width: 1_280, height: 720, frameRate: 8 } } : constraints);
}

async function come(browser: Browser, url: string, name: string, camera: boolean): Promise<Page> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    permissions: ["camera", "microphone"],
  });
  const page = await context.newPage();
  watch(page);
  for (const script of [keepConnections, slowCamera, drawnScreen]) await page.addInitScript(script);
  await page.goto(url);
  if (camera) {
    await page.getByRole("button", { name: "Kamera: Einschalten" }).click();
    await expect(page.getByText("Kamera an")).toBeVisible();
  }
  await page.getByLabel("Ihr Name").fill(name);
  await page.getByRole("button", { name: "Eintreten" }).click();
  return page;
}

/** Notes every picture that is drawn, and how high it came; also of a video that takes the place of the first. */
const record = (page: Page, selector: string): Promise<void> =>
  page.evaluate((where) => {
    const frames: Frame[] = [];
    window.storyFrames = frames;
    let known: HTMLVideoElement | null = null;
    const look = () => {
      const video = document.querySelector<HTMLVideoElement>(where);
      if (video === null || video === known) return;
      known = video;
      const frame = (at_ms: number) => {
        frames.push({ at_ms, height: video.videoHeight });
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);
    };
    look();
    setInterval(look, 20);
  }, selector);

/** Draws the tile at another height; 0 takes it away. Answers the page's clock. */
const resize = (page: Page, selector: string, height: number): Promise<number> =>
  page.evaluate(
    ([where, px]) => {
      const box = document.querySelector<HTMLElement>(where);
      if (!box) throw new Error(`no ${where}`);
      box.style.display = px === 0 ? "none" : "";
      box.style.alignSelf = "start";
      box.style.height = `${px}px`;
      return performance.now();
    },
    [selector, height] as const,
  );

/** Waits for the first picture since then whose height fits, and answers how long it took. */
async function firstFrame(page: Page, since: number, low: number, high: number): Promise<number> {
  const found = await page.waitForFunction(
    ([from, min, max]) =>
      window.storyFrames.find(({ at_ms, height }) => at_ms > from && height >= min && height <= max),
    [since, low, high] as const,
    { timeout: 30_000 },
  );
  return Math.round(((await found.jsonValue()) as Frame).at_ms - since);
}

/** The longest time without a picture since then. */
const longestGap = (page: Page, since: number): Promise<number> =>
  page.evaluate((from) => {
    const at = window.storyFrames.map(({ at_ms }) => at_ms).filter((ms) => ms > from - 200);
    return Math.round(Math.max(0, ...at.slice(1).map((ms, place) => ms - (at[place] ?? ms))));
  }, since);

/** Waits for so many pictures more. */
const morePictures = (page: Page, count: number): Promise<unknown> =>
  page
    .evaluate(() => window.storyFrames.length)
    .then((before) =>
      page.waitForFunction(([had, more]) => window.storyFrames.length >= had + more, [
        before,
        count,
      ] as const),
    );

/** What is sent of one section of video, all sizes together: bytes with headers, and which sizes are switched on. */
const sent = (page: Page, screen: boolean): Promise<{ bytes: number; on: string[]; limited: string[] }> =>
  page.evaluate(async (wantsScreen) => {
    let bytes = 0;
    const limited: string[] = [];
    const on: string[] = [];
    for (const connection of window.storyConnections) {
      for (const { sender } of connection.getTransceivers()) {
        if (sender.track?.kind !== "video") continue;
        const { encodings } = sender.getParameters();
        if (encodings.length > 1 === wantsScreen) continue;
        for (const { rid, active } of encodings) if (active) on.push(rid ?? "only");
        for (const value of (await sender.getStats()).values()) {
          if (value.type !== "outbound-rtp") continue;
          bytes += value.bytesSent + (value.headerBytesSent ?? 0);
          limited.push(value.qualityLimitationReason);
        }
      }
    }
    return { bytes, on, limited };
  }, screen);

/** What goes out in three seconds, from three seconds after the last look on. */
async function unseen(page: Page, screen: boolean): Promise<number> {
  const at = async (ms: number) => {
    await page.waitForFunction((until) => performance.now() >= until, ms, { polling: 20 });
    return (await sent(page, screen)).bytes;
  };
  const now = await page.evaluate(() => performance.now());
  const before = await at(now + 3_000);
  const after = await at(now + 6_000);
  return Math.round(((after - before) * 8) / 3_000);
}

/** The tile of whoever has a camera; marked, since the picture goes when it is not looked at. */
const TILE = "[data-story=camera]";
const SCREEN = "video[data-source=screen]";

test("tiles get the size that they need, and nobody sends what nobody sees", async ({ browser, admin }) => {
  test.setTimeout(300_000);
  const figures = {
    layer_small_ms: 0,
    layer_large_ms: 0,
    layer_freeze_ms: 0,
    seen_again_ms: 0,
    unseen_kbps: 0,
  };
  const room = await admin.room("Bilder in drei Größen", { lobby: false });
  const { url } = await admin.link(room, "trainer");
  const publisher = await come(browser, url, "Fatma Yıldız", true);
  const viewer = await come(browser, url, "Jörg Petersen", false);
  const camera = viewer.locator(".tile:has(video[data-participant])");
  await expect(camera).toBeVisible({ timeout: 30_000 });
  await camera.evaluate((tile) => tile.setAttribute("data-story", "camera"));
  await record(viewer, `${TILE} video`);

  await test.step("the largest size comes up once, as far as line and device allow", async () => {
    const since = await resize(viewer, TILE, 700);
    await firstFrame(viewer, since - 60_000, 720, 720);
  });

  for (let round = 0; round < ROUNDS; round++) {
    await test.step(`small and large again, round ${round}`, async () => {
      const small = await resize(viewer, TILE, 120);
      figures.layer_small_ms = Math.max(figures.layer_small_ms, await firstFrame(viewer, small, 1, 180));
      await morePictures(viewer, 10);
      figures.layer_freeze_ms = Math.max(figures.layer_freeze_ms, await longestGap(viewer, small));
      // Nobody needs the large ones now: they are off before they are wanted again.
      await expect.poll(async () => (await sent(publisher, false)).on).toEqual(["q"]);
      const large = await resize(viewer, TILE, 700);
      figures.layer_large_ms = Math.max(figures.layer_large_ms, await firstFrame(viewer, large, 720, 720));
      await morePictures(viewer, 10);
      figures.layer_freeze_ms = Math.max(figures.layer_freeze_ms, await longestGap(viewer, large));
      expect((await sent(publisher, false)).on).toEqual(["q", "f"]);
    });
  }
  const { limited } = await sent(publisher, false);

  await test.step("a camera that nobody sees costs its publisher next to nothing", async () => {
    await resize(viewer, TILE, 0);
    figures.unseen_kbps = await unseen(publisher, false);
    expect((await sent(publisher, false)).on).toEqual([]);
    const again = await resize(viewer, TILE, 700);
    figures.seen_again_ms = await firstFrame(viewer, again, 1, 720);
    await firstFrame(viewer, again, 720, 720);
  });

  await test.step("so does a screen", async () => {
    await tool(publisher, "Zeigen").click();
    await expect(viewer.locator(SCREEN)).toBeVisible();
    await record(viewer, SCREEN);
    await morePictures(viewer, 2);
    await viewer.getByRole("button", { name: "Ansicht", exact: true }).click();
    await viewer.getByRole("menuitemradio", { name: "Alle gleich groß" }).click();
    await expect(viewer.locator(SCREEN)).toHaveCount(0);
    figures.unseen_kbps = Math.max(figures.unseen_kbps, await unseen(publisher, true));
    expect((await sent(publisher, true)).on).toEqual([]);
    await viewer.getByRole("button", { name: "Ansicht", exact: true }).click();
    await viewer.getByRole("menuitemradio", { name: "Inhalt zuerst" }).click();
    await expect(viewer.locator(SCREEN)).toBeVisible();
    await record(viewer, SCREEN);
    await morePictures(viewer, 2);
  });

  for (const [name, value] of Object.entries(figures)) {
    // biome-ignore lint/suspicious/noConsole: the figures are for whoever runs the story
    console.log(`${name}=${value}`);
  }
  // biome-ignore lint/suspicious/noConsole: as above; a run limited by the processor proves nothing
  console.log(`layers_limited=${[...new Set(limited)].join(",")}`);
  if (process.env.WERKRAUM_PROVE === "1") {
    for (const [name, limit] of Object.entries(LIMITS))
      expect(figures[name as keyof typeof LIMITS], name).toBeLessThanOrEqual(limit);
  }
});
