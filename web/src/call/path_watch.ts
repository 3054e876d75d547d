/**
 * Whether the path of media has died: we go on sending, and of the server's steady feedback nothing comes any more. Browsers
 * notice that by their own checks seconds later. Pure; `call.ts` feeds it and looks for a new path when it says so.
 */

/** Counters of a connection since its beginning. */
export interface Traffic {
  sent: number;
  received: number;
}

/** Without an answer for so long, the path is dead. */
const SILENT_MS = 900;
/** Looks in a row that must have brought something, so that a quiet meeting is not taken for a dead path. */
const STEADY_LOOKS = 5;

export class PathWatch {
  private last: Traffic | null = null;
  private steady = 0;
  private silent_since_ms: number | null = null;

  /** True once when the path has died, and again only after it was alive. */
  look(now_ms: number, traffic: Traffic): boolean {
    const before = this.last;
    this.last = traffic;
    // Another connection counts from the beginning.
    if (before === null || traffic.received < before.received || traffic.sent < before.sent) {
      this.alive(0);
      return false;
    }
    if (traffic.received > before.received) {
      this.alive(this.steady + 1);
      return false;
    }
    if (traffic.sent === before.sent || this.steady < STEADY_LOOKS) {
      this.alive(0);
      return false;
    }
    this.silent_since_ms ??= now_ms;
    if (now_ms - this.silent_since_ms < SILENT_MS) return false;
    this.alive(0);
    return true;
  }

  private alive(steady: number): void {
    this.steady = steady;
    this.silent_since_ms = null;
  }
}

/** What has passed over all paths of a connection. */
export async function traffic(connection: RTCPeerConnection): Promise<Traffic> {
  const sum: Traffic = { sent: 0, received: 0 };
  const reports = await connection.getStats();
  reports.forEach((value: unknown) => {
    const report = value as { type: string; bytesSent?: number; bytesReceived?: number };
    if (report.type !== "candidate-pair") return;
    sum.sent += report.bytesSent ?? 0;
    sum.received += report.bytesReceived ?? 0;
  });
  return sum;
}
