/**
 * The connection in plain words: good or weak. Reads the browser's own figures every two seconds; they stay in this
 * page and go nowhere (P-13). `call.ts` runs it.
 */

export type Quality = "good" | "weak";

/** What is read at one moment; counters since the beginning. */
export interface Sample {
  at_ms: number;
  received: number;
  lost: number;
  /** Losses of what we send, as the server reported them last, 0 to 1. */
  sent_lost: number;
  round_trip_ms: number;
}

const WEAK_LOSS = 0.05;
const WEAK_ROUND_TRIP_MS = 600;
/** So many bad looks in a row make "weak", so many good ones make "good" again. */
const LOOKS_TO_WEAK = 2;
const LOOKS_TO_GOOD = 4;

export class Judge {
  private last: Sample | null = null;
  private bad = 0;
  private good = 0;
  private quality: Quality = "good";

  look(sample: Sample): Quality {
    const before = this.last;
    this.last = sample;
    if (before === null || sample.received < before.received) return this.quality;
    const lost = Math.max(0, sample.lost - before.lost);
    const all = lost + sample.received - before.received;
    const loss = all === 0 ? 0 : lost / all;
    const weak =
      loss > WEAK_LOSS || sample.sent_lost > WEAK_LOSS || sample.round_trip_ms > WEAK_ROUND_TRIP_MS;
    this.bad = weak ? this.bad + 1 : 0;
    this.good = weak ? 0 : this.good + 1;
    if (this.bad >= LOOKS_TO_WEAK) this.quality = "weak";
    if (this.good >= LOOKS_TO_GOOD) this.quality = "good";
    return this.quality;
  }
}

interface Report {
  type: string;
  packetsReceived?: number;
  packetsLost?: number;
  fractionLost?: number;
  nominated?: boolean;
  currentRoundTripTime?: number;
}

export async function sample(connection: RTCPeerConnection, now: number): Promise<Sample> {
  const result: Sample = { at_ms: now, received: 0, lost: 0, sent_lost: 0, round_trip_ms: 0 };
  const reports = await connection.getStats();
  reports.forEach((value: unknown) => {
    const report = value as Report;
    if (report.type === "inbound-rtp") {
      result.received += report.packetsReceived ?? 0;
      result.lost += report.packetsLost ?? 0;
    } else if (report.type === "remote-inbound-rtp") {
      result.sent_lost = Math.max(result.sent_lost, report.fractionLost ?? 0);
    } else if (report.type === "candidate-pair" && report.nominated === true) {
      result.round_trip_ms = Math.max(result.round_trip_ms, (report.currentRoundTripTime ?? 0) * 1_000);
    }
  });
  return result;
}
