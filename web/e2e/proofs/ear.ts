// An ear in the page that is always open: when the tone of the others was heard, on the page's own clock.
import type { Page } from "@playwright/test";
import { TONE_HZ } from "../media";

declare global {
  interface Window {
    /** The moments of the last minutes at which the tone was heard. */
    proofHeard: number[];
  }
}

/** Runs in the page after `keepConnections`. */
function keepListening(pitch: number): void {
  window.proofHeard = [];
  const context = new AudioContext();
  const ear = context.createAnalyser();
  ear.fftSize = 2_048;
  ear.smoothingTimeConstant = 0;
  const tapped = new WeakSet<MediaStreamTrack>();
  const bins = new Float32Array(ear.frequencyBinCount);
  const at = Math.round((pitch * ear.fftSize) / context.sampleRate);
  setInterval(() => {
    for (const connection of window.storyConnections) {
      if (connection.connectionState === "closed") continue;
      for (const { track } of connection.getReceivers()) {
        if (track.kind !== "audio" || tapped.has(track)) continue;
        tapped.add(track);
        context.createMediaStreamSource(new MediaStream([track])).connect(ear);
      }
    }
    ear.getFloatFrequencyData(bins);
    const peak = Math.max(...bins.slice(at - 1, at + 2));
    if (peak > -60 && peak - Math.max(...bins.slice(at + 10, at + 20)) > 20)
      window.proofHeard.push(performance.now());
    if (window.proofHeard.length > 20_000) window.proofHeard.splice(0, 10_000);
  }, 20);
}

/** To be called before the first `goto`, after `listen`. */
export async function openEar(page: Page): Promise<void> {
  await page.addInitScript(keepListening, TONE_HZ);
}

/** Now, on the page's clock. */
export const moment = (page: Page): Promise<number> => page.evaluate(() => performance.now());

/**
 * Waits until the tone has been heard for a whole second after at least `least_ms` since `from`, and answers the longest
 * silence since then, in milliseconds.
 */
export async function silenceSince(page: Page, from: number, least_ms: number): Promise<number> {
  const found = await page.waitForFunction(
    ([from, least]) => {
      const now = performance.now();
      const heard = window.proofHeard.filter((at) => at >= from - 500);
      const lately = heard.filter((at) => at >= now - 1_000);
      // 20 ms apart when all is well; a busy machine is late at times.
      const steady = lately.length > 12 && (lately[0] ?? now) < now - 800;
      if (now < from + least || !steady) return null;
      let longest = 0;
      for (let n = 1; n < heard.length; n++)
        longest = Math.max(longest, (heard[n] ?? 0) - (heard[n - 1] ?? 0));
      return { longest };
    },
    [from, least_ms] as const,
    { timeout: 60_000, polling: 100 },
  );
  return Math.round(((await found.jsonValue()) as { longest: number }).longest);
}
