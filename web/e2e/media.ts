// What meeting stories look at from inside a page: whether sound of another person is really heard and pictures really
// move. Works by wrapping the browser's own calls before the page starts; the client knows nothing of it.
import type { Page } from "@playwright/test";

/** The pitch that every microphone of a story sends. */
export const TONE_HZ = 440;

declare global {
  interface Window {
    storyConnections: RTCPeerConnection[];
    /** When the next click came and when the tone was first heard after it, on the page's own clock. */
    storyClock: { clicked_ms: number | null; heard_ms: number | null };
  }
}

/** Runs in the page before anything of ours: keeps the connections. */
export function keepConnections(): void {
  window.storyConnections = [];
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      window.storyConnections.push(this);
    }
  };
}

/** Runs in the page before anything of ours: makes the microphone a tone. */
function speakATone(): void {
  // A tone instead of a voice: echo cancelling and noise suppression would take it away, so the microphone is an
  // oscillator of our own, unprocessed.
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    // A small, slow picture: three browsers encode and decode on two cores.
    if (!constraints?.audio) return real({ video: { width: 160, height: 90, frameRate: 5 } });
    const context = new AudioContext();
    const tone = context.createOscillator();
    tone.frequency.value = 440;
    const loud = context.createGain();
    loud.gain.value = 0.5;
    const out = context.createMediaStreamDestination();
    tone.connect(loud).connect(out);
    tone.start();
    return out.stream;
  };
}

/** Runs in the page after `keepConnections`: an ear that is always open, for the time from a click to the tone. */
function clockTheTone(pitch: number): void {
  // Zero is no click to wait for; `fromClickToTone` asks for one.
  const clock: Window["storyClock"] = { clicked_ms: 0, heard_ms: null };
  window.storyClock = clock;
  const context = new AudioContext();
  const ear = context.createAnalyser();
  // 43 ms of sound are enough to tell the tone from silence; more would blur the moment.
  ear.fftSize = 2_048;
  ear.smoothingTimeConstant = 0;
  const tapped = new WeakSet<MediaStreamTrack>();
  const bins = new Float32Array(ear.frequencyBinCount);
  const at = Math.round((pitch * ear.fftSize) / context.sampleRate);
  const look = () => {
    for (const connection of window.storyConnections) {
      for (const { track } of connection.getReceivers()) {
        if (track.kind !== "audio" || tapped.has(track)) continue;
        tapped.add(track);
        context.createMediaStreamSource(new MediaStream([track])).connect(ear);
      }
    }
    ear.getFloatFrequencyData(bins);
    const peak = Math.max(...bins.slice(at - 1, at + 2));
    if (peak > -60 && peak - Math.max(...bins.slice(at + 10, at + 20)) > 20)
      clock.heard_ms = performance.now();
  };
  window.addEventListener(
    "click",
    (event) => {
      if (clock.clicked_ms !== null) return;
      clock.clicked_ms = event.timeStamp;
      const looking = setInterval(() => {
        look();
        if (clock.heard_ms !== null) clearInterval(looking);
      }, 10);
    },
    { capture: true },
  );
}

/** To be called before the first `goto`. */
export async function listen(page: Page): Promise<void> {
  await page.addInitScript(keepConnections);
  await page.addInitScript(speakATone);
  await page.addInitScript(clockTheTone, TONE_HZ);
}

/** Does `click`, which is the page's only click until the tone is heard, and answers how long that took. */
export async function fromClickToTone(page: Page, click: () => Promise<void>): Promise<number> {
  await page.evaluate(() => {
    window.storyClock.clicked_ms = null;
    window.storyClock.heard_ms = null;
  });
  await click();
  const heard = await page.waitForFunction(() => {
    const { clicked_ms, heard_ms } = window.storyClock;
    return clicked_ms !== null && heard_ms !== null && { took_ms: heard_ms - clicked_ms };
  });
  return Math.round(((await heard.jsonValue()) as { took_ms: number }).took_ms);
}

/** How strong the tone is in what this page receives now, in dB over the neighbouring pitches; the best of all tracks. */
export const tone = (page: Page): Promise<number> => page.evaluate(strongestTone, TONE_HZ);

/** Runs in the page. */
export async function strongestTone(pitch: number): Promise<number> {
  const tracks = window.storyConnections
    .filter((connection) => connection.connectionState === "connected")
    .flatMap((connection) => connection.getReceivers().map((receiver) => receiver.track))
    .filter((track) => track.kind === "audio" && track.readyState === "live");
  const context = new AudioContext();
  const taps = tracks.map((track) => {
    const tap = context.createAnalyser();
    tap.fftSize = 8_192;
    context.createMediaStreamSource(new MediaStream([track])).connect(tap);
    return tap;
  });
  // One whole window of the analyser has to be filled with sound.
  await new Promise((filled) => setTimeout(filled, 400));
  const strengths = taps.map((tap) => {
    const bins = new Float32Array(tap.frequencyBinCount);
    tap.getFloatFrequencyData(bins);
    const at = Math.round((pitch * tap.fftSize) / context.sampleRate);
    const peak = Math.max(...bins.slice(at - 2, at + 3));
    const beside = Math.max(...bins.slice(at + 30, at + 60));
    return peak < -70 ? 0 : peak - beside;
  });
  await context.close();
  return Math.max(0, ...strengths);
}

/** Frames decoded so far for the picture of `name`, and how bright its brightest pixel is. */
export const picture = (page: Page, name: string): Promise<{ frames: number; bright: number }> =>
  page.evaluate(pictureOf, name);

/** Runs in the page. */
export function pictureOf(name: string): { frames: number; bright: number } {
  const tile = [...document.querySelectorAll(".tile")].find((found) => found.textContent?.includes(name));
  const video = tile?.querySelector("video");
  const draw = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!video || !draw || video.videoWidth === 0) return { frames: 0, bright: 0 };
  draw.drawImage(video, 0, 0, 32, 18);
  const colours = draw.getImageData(0, 0, 32, 18).data.filter((_, n) => n % 4 !== 3);
  return { frames: video.getVideoPlaybackQuality().totalVideoFrames, bright: Math.max(...colours) };
}
