/**
 * The connection in plain words and in figures. Reads the browser's own statistics every two seconds; they stay in this
 * page and go nowhere (P-13). `call.ts` runs it. The thresholds are those of the server (docs/protocol.md, 2.4).
 */
import type { Quality } from "../wire/types";

/** What is read at one moment; counters since the beginning. */
export interface Sample {
  at_ms: number;
  received: number;
  lost: number;
  /** Losses of what we send, as the server reported them last, 0 to 1. */
  sent_lost: number;
  round_trip_ms: number;
  bytes_in: number;
  bytes_out: number;
  frames: number;
  frames_dropped: number;
  /** The pictures that come now: their heights. */
  heights: readonly number[];
  own: Own | null;
  path: Path;
}

/** How the own camera leaves this device. */
export interface Own {
  height: number;
  fps: number;
  /** What keeps it from being better. */
  limited: "none" | "cpu" | "bandwidth" | "other";
}

export type Path = "udp" | "tcp" | "relay" | "unknown";

/** What the last two seconds were like. */
export interface Figures {
  loss_in: number;
  loss_out: number;
  round_trip_ms: number;
  in_kbps: number;
  out_kbps: number;
  /** Of the pictures that came, how many this device was too slow to draw, 0 to 1. */
  dropped: number;
  heights: readonly number[];
  own: Own | null;
  path: Path;
}

const WORDS: readonly Quality[] = ["good", "fair", "poor", "bad"];
const LIMITS: readonly { quality: Quality; loss: number; round_trip_ms: number }[] = [
  { quality: "bad", loss: 0.15, round_trip_ms: 1_000 },
  { quality: "poor", loss: 0.05, round_trip_ms: 500 },
  { quality: "fair", loss: 0.02, round_trip_ms: 250 },
];
/** So many worse looks in a row make a worse word, so many better ones a better. */
const LOOKS_TO_WORSE = 2;
const LOOKS_TO_BETTER = 4;

const rank = (quality: Quality): number => WORDS.indexOf(quality);

export const worse = (a: Quality, b: Quality): Quality => (rank(a) > rank(b) ? a : b);

export const isWeak = (quality: Quality): boolean => rank(quality) >= rank("poor");

export function wordFor(loss: number, round_trip_ms: number): Quality {
  return (
    LIMITS.find((limit) => loss >= limit.loss || round_trip_ms >= limit.round_trip_ms)?.quality ?? "good"
  );
}

/** The difference of two moments; `null` where a new connection began between them. */
export function between(before: Sample, now: Sample): Figures | null {
  if (now.received < before.received || now.bytes_out < before.bytes_out || now.at_ms <= before.at_ms)
    return null;
  const lost = Math.max(0, now.lost - before.lost);
  const all = lost + now.received - before.received;
  const frames = now.frames - before.frames;
  const kbps = (bytes: number) => Math.round((bytes * 8) / (now.at_ms - before.at_ms));
  return {
    loss_in: all === 0 ? 0 : lost / all,
    loss_out: now.sent_lost,
    round_trip_ms: now.round_trip_ms,
    in_kbps: kbps(now.bytes_in - before.bytes_in),
    out_kbps: kbps(now.bytes_out - before.bytes_out),
    // A handful of frames says nothing.
    dropped: frames < 20 ? 0 : Math.max(0, now.frames_dropped - before.frames_dropped) / frames,
    heights: now.heights,
    own: now.own,
    path: now.path,
  };
}

/** From looks to a word that stays for a while: one that flickers says nothing. */
export class Judge {
  private quality: Quality = "good";
  private bad: Quality[] = [];
  private better = 0;

  look(figures: Figures): Quality {
    const seen = wordFor(Math.max(figures.loss_in, figures.loss_out), figures.round_trip_ms);
    if (rank(seen) > rank(this.quality)) {
      this.bad.push(seen);
      this.better = 0;
      if (this.bad.length >= LOOKS_TO_WORSE) {
        this.quality = this.bad.reduce((a, b) => (rank(a) < rank(b) ? a : b));
        this.bad = [];
      }
    } else {
      this.bad = [];
      this.better = seen === this.quality ? 0 : this.better + 1;
      if (this.better >= LOOKS_TO_BETTER) {
        this.quality = seen;
        this.better = 0;
      }
    }
    return this.quality;
  }
}

interface Report {
  type: string;
  kind?: string;
  packetsReceived?: number;
  packetsLost?: number;
  fractionLost?: number;
  bytesReceived?: number;
  bytesSent?: number;
  framesReceived?: number;
  framesDropped?: number;
  framesPerSecond?: number;
  frameHeight?: number;
  qualityLimitationReason?: Own["limited"];
  contentType?: string;
  mid?: string;
  nominated?: boolean;
  currentRoundTripTime?: number;
  localCandidateId?: string;
  candidateType?: string;
  protocol?: string;
}

const EMPTY: Omit<Sample, "at_ms"> = {
  received: 0,
  lost: 0,
  sent_lost: 0,
  round_trip_ms: 0,
  bytes_in: 0,
  bytes_out: 0,
  frames: 0,
  frames_dropped: 0,
  heights: [],
  own: null,
  path: "unknown",
};

/** `camera`: the section that carries the own camera. */
export async function sample(
  connection: RTCPeerConnection,
  camera: string | null,
  now: number,
): Promise<Sample> {
  const result = { ...EMPTY, at_ms: now, heights: [] as number[] };
  const reports: RTCStatsReport = await connection.getStats();
  reports.forEach((value: unknown) => {
    const report = value as Report;
    if (report.type === "inbound-rtp") {
      result.received += report.packetsReceived ?? 0;
      result.lost += report.packetsLost ?? 0;
      result.frames += report.framesReceived ?? 0;
      result.frames_dropped += report.framesDropped ?? 0;
      if (report.kind === "video" && (report.framesPerSecond ?? 0) > 0)
        result.heights.push(report.frameHeight ?? 0);
    } else if (report.type === "outbound-rtp" && report.kind === "video" && report.mid === camera) {
      const fps = report.framesPerSecond ?? 0;
      const limited = report.qualityLimitationReason ?? "none";
      // Of several sizes the largest says how one is seen.
      if (fps > 0 && (report.frameHeight ?? 0) >= (result.own?.height ?? 0))
        result.own = { height: report.frameHeight ?? 0, fps: Math.round(fps), limited };
    } else if (report.type === "remote-inbound-rtp") {
      result.sent_lost = Math.max(result.sent_lost, report.fractionLost ?? 0);
    } else if (report.type === "candidate-pair" && report.nominated === true) {
      result.round_trip_ms = Math.max(result.round_trip_ms, (report.currentRoundTripTime ?? 0) * 1_000);
      result.bytes_in += report.bytesReceived ?? 0;
      result.bytes_out += report.bytesSent ?? 0;
      const local = reports.get(report.localCandidateId ?? "") as Report | undefined;
      if (local) {
        const { candidateType, protocol } = local;
        result.path = candidateType === "relay" ? "relay" : protocol === "tcp" ? "tcp" : "udp";
      }
    }
  });
  return result;
}
