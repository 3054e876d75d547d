// Scalable video with a real browser at both ends: one publishes VP9 or AV1 in three sizes inside one stream, the other
// makes its tile small and large and gets the size of its tile. The client sends VP8 by itself; here its page is told
// otherwise before it starts. The times are printed, never asserted.
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { open, prepare } from "./people";

interface Shown {
  /** Every presented picture: when, and how high it was. */
  pictures: { at_ms: number; height: number }[];
}

declare global {
  interface Window {
    storyShown: Shown;
    storyTile: (height_px: number) => number;
  }
}

/** Runs in the page: the camera is 1280x720 and goes out as `codec` with three layers inside. */
function sendLayers(codec: string): void {
  const devices = navigator.mediaDevices;
  const tone = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) =>
    constraints?.audio
      ? tone(constraints)
      : MediaDevices.prototype.getUserMedia.call(devices, {
          video: { width: 1280, height: 720, frameRate: 8 },
        });
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (what, init) {
    const camera = init?.sendEncodings?.length === 3;
    const encoding = { scalabilityMode: "L3T3_KEY", maxBitrate: 2_000_000 };
    const transceiver = add.call(this, what, camera ? { ...init, sendEncodings: [encoding] } : init);
    if (camera) {
      const prefer = transceiver.setCodecPreferences.bind(transceiver);
      transceiver.setCodecPreferences = (codecs) =>
        prefer([...codecs].filter(({ mimeType }) => mimeType === codec || mimeType === "video/rtx"));
    }
    return transceiver;
  };
}
const sendVp9 = new Function(`(${sendLayers})("video/VP9")`) as () => void;
const sendAv1 = new Function(`(${sendLayers})("video/AV1")`) as () => void;

/** Runs in the page: the tile is as high as the story says, and each presented picture is noted. */
function watchPictures(): void {
  const shown: Shown = { pictures: [] };
  window.storyShown = shown;
  let height_px = 180;
  let room: WebSocket | null = null;
  let wishes: { height_px: number }[] = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    const message = typeof data === "string" ? JSON.parse(data) : {};
    if (message.type !== "subscribe") return send.call(this, data);
    room = this;
    for (const wish of message.slots) if (wish.participant) wish.height_px = height_px;
    wishes = message.slots.filter((wish: { participant: string | null }) => wish.participant);
    send.call(this, JSON.stringify(message));
  };
  window.storyTile = (px) => {
    height_px = px;
    for (const wish of wishes) wish.height_px = px;
    if (room) send.call(room, JSON.stringify({ type: "subscribe", slots: wishes }));
    return performance.now();
  };
  const watched = new WeakSet<HTMLVideoElement>();
  setInterval(() => {
    for (const video of document.querySelectorAll<HTMLVideoElement>(".tile video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      const note: VideoFrameRequestCallback = (now, { height }) => {
        shown.pictures.push({ at_ms: now, height });
        video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
    }
  }, 50);
}

/** Runs in the page: one kind of report about video. */
async function video(kind: "inbound-rtp" | "outbound-rtp"): Promise<Record<string, number | string>> {
  let best: Record<string, number | string> = {};
  for (const connection of window.storyConnections) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      const frames = report.framesDecoded ?? report.framesEncoded ?? 0;
      if (report.type !== kind || report.kind !== "video" || frames <= (best.frames ?? 0)) continue;
      best = { ...report, frames, codec: reports.get(report.codecId)?.mimeType };
    }
  }
  return best;
}

/** Makes the tile so high and tells how long it took until pictures were so high, and the longest stop meanwhile. */
async function resize(page: Page, px: number, height: number): Promise<{ took_ms: number; stop_ms: number }> {
  const asked_ms = await page.evaluate((px) => window.storyTile(px), px);
  const seen = await page.waitForFunction(
    ({ asked_ms, height }) => {
      const { pictures } = window.storyShown;
      const first = pictures.find((one) => one.at_ms > asked_ms && one.height === height);
      // Another second, in which nothing may stop.
      const last = pictures.at(-1);
      if (!first || !last || last.at_ms < first.at_ms + 1_000) return null;
      const times = pictures.map((one) => one.at_ms).filter((at_ms) => at_ms > asked_ms - 500);
      const stops = times.map((at_ms, place) => at_ms - (times[place - 1] ?? at_ms));
      return { took_ms: first.at_ms - asked_ms, stop_ms: Math.max(...stops) };
    },
    { asked_ms, height },
    { timeout: 30_000, polling: 100 },
  );
  const found = (await seen.jsonValue()) as { took_ms: number; stop_ms: number };
  return { took_ms: Math.round(found.took_ms), stop_ms: Math.round(found.stop_ms) };
}

for (const { codec, before } of [
  { codec: "video/VP9", before: sendVp9 },
  { codec: "video/AV1", before: sendAv1 },
]) {
  test(`a tile gets its size out of one stream of ${codec}`, async ({ browser, admin }) => {
    test.setTimeout(180_000);
    const room = await admin.room("Skalierbares Bild", { lobby: false });
    const { url } = await admin.link(room, "participant");
    const publisher = await open(browser, url, before);
    await (await prepare(publisher.page, "Vera")).click();
    await expect(publisher.page.getByText("Verbindung gut")).toBeVisible();
    const viewer = await open(browser, url, watchPictures);
    await viewer.page.getByLabel("Ihr Name").fill("Zoe");
    await viewer.page.getByRole("button", { name: "Eintreten" }).click();

    const sent = () => publisher.page.evaluate(video, "outbound-rtp" as const);
    await expect.poll(async () => (await sent()).frameHeight, { timeout: 60_000 }).toBe(720);
    expect(await sent()).toMatchObject({ codec, scalabilityMode: "L3T3_KEY" });
    await expect.poll(() => viewer.page.evaluate(() => window.storyShown.pictures.length)).toBeGreaterThan(5);

    for (const [px, height] of [
      [720, 720],
      [180, 180],
      [360, 360],
      [720, 720],
      [180, 180],
    ] as const) {
      const { took_ms, stop_ms } = await resize(viewer.page, px, height);
      // biome-ignore lint/suspicious/noConsole: the times are for whoever runs the story
      console.log(
        `svc_${codec.slice(6).toLowerCase()}_to_${height}_ms ${took_ms} longest_stop_ms ${stop_ms}`,
      );
    }
    const got = await viewer.page.evaluate(video, "inbound-rtp" as const);
    const { packetsLost, nackCount, pliCount, freezeCount, keyFramesDecoded, framesDecoded } = got;
    const limited = (await sent()).qualityLimitationReason;
    // biome-ignore lint/suspicious/noConsole: for whoever runs the story
    console.log({ packetsLost, nackCount, pliCount, freezeCount, keyFramesDecoded, framesDecoded, limited });
    // What is left out for this viewer is no loss.
    expect(got).toMatchObject({ codec, packetsLost: 0 });
    expect(publisher.troubles).toEqual([]);
    expect(viewer.troubles).toEqual([]);
  });
}
