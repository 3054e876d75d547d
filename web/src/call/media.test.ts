import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Media } from "./media";

/** A peer connection that does no more than a negotiation asks of it. */
class FakeConnection {
  static all: FakeConnection[] = [];
  connectionState = "new";
  localDescription: { sdp: string } | null = null;
  readonly answers: string[] = [];
  onconnectionstatechange: (() => void) | null = null;
  private mids = 0;

  constructor() {
    FakeConnection.all.push(this);
  }
  addTransceiver() {
    this.mids += 1;
    const sender = { getParameters: () => ({ encodings: [] }), replaceTrack: async () => {} };
    return { mid: String(this.mids), sender, receiver: { track: {} } };
  }
  getConfiguration() {
    return {};
  }
  setConfiguration() {}
  async createOffer() {
    return { sdp: "offer" };
  }
  async setLocalDescription(description: { sdp: string }) {
    this.localDescription = description;
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.answers.push(sdp);
  }
  close() {
    this.connectionState = "closed";
  }
}

const answer = (session: number, ufrag: string) =>
  `v=0\r\no=- ${session} 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:${ufrag}\r\n`;

beforeEach(() => {
  FakeConnection.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakeConnection);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A connected client whose further offers are answered by `next`. */
async function connected(next: string) {
  const offer = vi.fn().mockResolvedValueOnce(answer(1, "first")).mockResolvedValue(next);
  const media = new Media({ offer, onNegotiated: () => {}, onSlotTracks: () => {} });
  media.start(1, 0);
  await vi.advanceTimersByTimeAsync(0);
  const [connection] = FakeConnection.all as [FakeConnection];
  connection.connectionState = "connected";
  connection.onconnectionstatechange?.();
  return { media, connection };
}

test.each(["resume", "nudge"] as const)(
  "another server's answer is never applied (%s, R-12)",
  async (how) => {
    const { media, connection } = await connected(answer(2, "other"));
    media[how]();
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.answers).toEqual([answer(1, "first")]);
    expect(connection.connectionState).toBe("closed");
    expect(FakeConnection.all).toHaveLength(2);
    expect(FakeConnection.all[1]?.answers).toEqual([answer(2, "other")]);
    media.stop();
  },
);

test("a restart of ICE on the same connection goes on with it", async () => {
  const { media, connection } = await connected(answer(1, "second"));
  media.nudge();
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.answers).toEqual([answer(1, "first"), answer(1, "second")]);
  expect(FakeConnection.all).toHaveLength(1);
  media.stop();
});
