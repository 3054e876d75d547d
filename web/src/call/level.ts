/**
 * How loud the microphone is, the hint that it hears nothing, and the sound of the speaker test.
 * Used before joining and in the device dialog; one audio context at a time, closed with it.
 */

/** Steps of the meter. */
export const LEVEL_STEPS = 12;
/** The meter moves at most so often (design: at most 8 steps a second). */
export const LEVEL_EVERY_MS = 125;
/** After so long without a sound the hint appears. */
export const SILENT_AFTER_MS = 4_000;

/** Steps for an RMS value of 0 to 1: -60 dB is nothing, -12 dB is full. */
export function stepsOf(rms: number): number {
  const db = 20 * Math.log10(Math.max(rms, 1e-6));
  return Math.max(0, Math.min(LEVEL_STEPS, Math.round(((db + 60) / 48) * LEVEL_STEPS)));
}

export interface Level {
  steps: number;
  /** Nothing at all has been heard for a while. */
  silent: boolean;
}

/** Watches a microphone track; returns how to stop. */
export function watchLevel(track: MediaStreamTrack, onLevel: (level: Level) => void): () => void {
  const context = new AudioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 2_048;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let heard = performance.now();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const steps = stepsOf(Math.sqrt(sum / samples.length));
    const now = performance.now();
    if (steps > 1) heard = now;
    onLevel({ steps, silent: now - heard > SILENT_AFTER_MS });
  }, LEVEL_EVERY_MS);
  return () => {
    clearInterval(timer);
    source.disconnect();
    void context.close();
  };
}

/** Plays three soft notes on the chosen speaker. Resolves when they have been played. */
export async function playTest(speaker: string | null): Promise<void> {
  const context = new AudioContext();
  await context.resume();
  const out = context.createMediaStreamDestination();
  const player = new Audio();
  player.srcObject = out.stream;
  if (speaker !== null && "setSinkId" in player) await player.setSinkId(speaker).catch(() => {});
  await player.play();
  const start = context.currentTime + 0.05;
  const last = [523.25, 659.25, 783.99].map((frequency, n) => {
    const note = context.createOscillator();
    const loud = context.createGain();
    note.frequency.value = frequency;
    const at = start + n * 0.28;
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.22, at + 0.03);
    loud.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
    note.connect(loud).connect(out);
    note.start(at);
    note.stop(at + 0.62);
    return note;
  });
  await new Promise<void>((resolve) => {
    const end = last.at(-1);
    if (end) end.onended = () => resolve();
    else resolve();
  });
  player.srcObject = null;
  await context.close();
}
