// The pages of the proof of bad lines: how they come into the room, and what their browsers say of what they send and get.
import { type Browser, expect, type Page } from "@playwright/test";
import { keepConnections } from "../media";
import { FPS, HEIGHT, WIDTH } from "./camera";
import { trace } from "./frames";

declare global {
  interface Window {
    /** The heights of the pictures that are drawn, largest tile first, whenever they changed. */
    lineHeights: { at_ms: number; heights: string }[];
  }
}

/** Runs in the page before anything of ours: the camera of this proof, and a tone under grain as microphone. */
function devices(camera: { width: number; height: number; frameRate: number }): void {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    if (!constraints?.audio) return real({ video: camera });
    // No two packets are alike, so that each is known again.
    const context = new AudioContext();
    const tone = context.createOscillator();
    tone.frequency.value = 440;
    const grain = context.createBufferSource();
    grain.buffer = context.createBuffer(1, 5 * context.sampleRate, context.sampleRate);
    const samples = grain.buffer.getChannelData(0);
    for (let at = 0; at < samples.length; at++) samples[at] = Math.random() * 0.02;
    grain.loop = true;
    const loud = context.createGain();
    loud.gain.value = 0.5;
    const out = context.createMediaStreamDestination();
    tone.connect(loud).connect(out);
    grain.connect(out);
    tone.start();
    grain.start();
    return out.stream;
  };
}

/** Runs in the page before anything of ours: how high the pictures come, whenever that changes. */
function watchHeights(): void {
  window.lineHeights = [];
  setInterval(() => {
    const videos = [...document.querySelectorAll<HTMLVideoElement>(".tile video[data-participant]")];
    const heights = videos.map((video) => video.videoHeight).join(" ");
    if (heights !== window.lineHeights.at(-1)?.heights)
      window.lineHeights.push({ at_ms: performance.timeOrigin + performance.now(), heights });
  }, 50);
}

export async function come(
  browser: Browser,
  url: string,
  name: string,
  on: readonly string[],
): Promise<Page> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    bypassCSP: true,
    permissions: ["camera", "microphone"],
  });
  const page = await context.newPage();
  await page.addInitScript(keepConnections);
  await trace(page);
  await page.addInitScript(devices, { width: WIDTH, height: HEIGHT, frameRate: FPS });
  await page.addInitScript(watchHeights);
  await page.goto(url);
  for (const device of on) {
    await page.getByRole("button", { name: `${device}: Einschalten` }).click();
    await expect(page.getByText(`${device === "Mikrofon" ? "Mikrofon" : "Kamera"} an`)).toBeVisible();
  }
  await page.getByLabel("Ihr Name").fill(name);
  await page.getByRole("button", { name: "Eintreten" }).click();
  return page;
}

/** Both tiles as high as the largest size. */
export const enlarge = (page: Page) =>
  page.addStyleTag({ content: `.tile:has(video[data-participant]) { height: ${HEIGHT}px !important; }` });

export interface Received {
  bytes: number;
  frames: number;
  decoded: number;
  dropped: number;
  freezes: number;
  frozen_s: number;
  /** Of each stream of sound: packets that came, samples that were played, and of these the invented ones. */
  sounds: Record<string, { packets: number; samples: number; concealed: number }>;
  nacks: number;
  plis: number;
  udp: boolean;
}

/** Runs in the page: what came, since the beginning. */
export async function received(): Promise<Received> {
  const sum: Received = {
    bytes: 0,
    frames: 0,
    decoded: 0,
    dropped: 0,
    freezes: 0,
    frozen_s: 0,
    sounds: {},
    nacks: 0,
    plis: 0,
    udp: false,
  };
  for (const connection of window.storyConnections) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      if (report.type === "transport" && report.selectedCandidatePairId) {
        const pair = reports.get(report.selectedCandidatePairId);
        sum.udp = reports.get(pair?.remoteCandidateId)?.protocol === "udp";
      }
      if (report.type !== "inbound-rtp") continue;
      sum.bytes += report.bytesReceived;
      sum.frames += report.framesReceived ?? 0;
      sum.decoded += report.framesDecoded ?? 0;
      sum.dropped += report.framesDropped ?? 0;
      sum.freezes += report.freezeCount ?? 0;
      sum.frozen_s += report.totalFreezesDuration ?? 0;
      if (report.kind === "audio")
        sum.sounds[report.id] = {
          packets: report.packetsReceived,
          samples: report.totalSamplesReceived,
          concealed: report.concealedSamples,
        };
      sum.nacks += report.nackCount ?? 0;
      sum.plis += report.pliCount ?? 0;
    }
  }
  return sum;
}

/** Runs in the page: what of each size left since the beginning, and whether the machine was too slow for more. */
export async function sent(): Promise<{ rid: string; bytes: number; packets: number; limited: string }[]> {
  const sizes = [];
  for (const connection of window.storyConnections)
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "outbound-rtp" || !(report.bytesSent > 0)) continue;
      sizes.push({
        rid: report.rid ?? report.kind,
        // Of each packet all headers down to Ethernet's.
        bytes: report.bytesSent + report.headerBytesSent + report.packetsSent * 42,
        packets: report.packetsSent,
        limited: report.qualityLimitationReason ?? "none",
      });
    }
  return sizes;
}
