/**
 * The one peer connection: what we send (microphone, camera, screen, its sound) and the slots in which we receive.
 *
 * `call.ts` owns one. All sections are offered at once, without tracks, so that starting and stopping is a
 * `replaceTrack` and never a negotiation; the client always offers. Knows nothing of rooms and people.
 */
import type { PublishedSection, SlotSections } from "../wire/room";
import type { Source } from "../wire/types";
import { prefer } from "./codecs";
import { Watched } from "./emitter";
import { encodingsFor, GENEROUS, type Thrift, type Wanted } from "./layers";
import { Refused } from "./room_socket";
import { sessionOf } from "./sdp";

export type MediaState = "idle" | "connecting" | "connected" | "recovering" | "refused";

export interface MediaOptions {
  /** Sends an offer and resolves with the answer; rejects with [`Refused`]. */
  offer(sdp: string, publish: PublishedSection[], slots: SlotSections[]): Promise<string>;
  /** An answer has been applied: the wishes have to be sent (again). */
  onNegotiated(): void;
  /** The tracks of a slot, once for each new connection. */
  onSlotTracks(slot: number, audio: MediaStreamTrack, video: MediaStreamTrack | null): void;
}

/** How the camera is sent: three sizes, from which the server picks one for each viewer. */
const CAMERA_ENCODINGS: RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];
const SCREEN_ENCODINGS: RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000 }];

const SOURCES: readonly Source[] = ["microphone", "camera", "screen", "screen_sound"];
const DISCONNECTED_PATIENCE_MS = 1_000;
const RESTART_PATIENCE_MS = 4_000;

export class Media {
  readonly state = new Watched<MediaState>("idle");
  private readonly options: MediaOptions;
  /** Ways through where UDP is blocked, with credentials that end soon; the newest are for the next path. */
  private iceServers: RTCIceServer[] = [];
  private pictures = 0;
  private sounds = 0;
  private pc: RTCPeerConnection | null = null;
  private readonly tracks = new Map<Source, MediaStreamTrack>();
  /** What anybody looks at, as the server said of this connection; before it has, everything is sent. */
  private readonly wanted_of = new Map<Source, Wanted>();
  private thrift = GENEROUS;
  private applying: Promise<void> = Promise.resolve();
  private sending = new Map<Source, RTCRtpTransceiver>();
  private receiving: { slot: number; audio: RTCRtpTransceiver; video: RTCRtpTransceiver | null }[] = [];
  private session: string | null = null;
  private forgotten = false;
  private negotiating = false;
  private wanted: "no" | "offer" | "restart" = "no";
  private rebuilds = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: MediaOptions) {
    this.options = options;
  }

  /** The section that carries a source, for statistics. */
  midOf(source: Source): string | null {
    return this.sending.get(source)?.mid ?? null;
  }

  /** For statistics. */
  get connection(): RTCPeerConnection | null {
    return this.pc;
  }

  /** Takes new credentials. The path in use needs none of them. */
  setIceServers(iceServers: RTCIceServer[]): void {
    this.iceServers = iceServers;
  }

  /** Begins with `pictures` slots that have a picture and `sounds` without. */
  start(pictures: number, sounds: number): void {
    this.pictures = pictures;
    this.sounds = sounds;
    this.rebuild();
  }

  /** The server has said that it forgets our connection. */
  lost(): void {
    this.forgotten = true;
  }

  /** The room's connection came back: find out whether the server still knows ours. */
  resume(): void {
    if (this.pc?.connectionState === "connected" && !this.forgotten) void this.negotiate("offer");
    else this.rebuild();
  }

  /** The network changed under us: look for a new path at once. */
  nudge(): void {
    if (this.pc && this.state.get() !== "idle") void this.negotiate("restart");
  }

  stop(): void {
    this.clearTimer();
    this.pc?.close();
    this.pc = null;
    this.tracks.clear();
    this.state.set("idle");
  }

  /** Sends `track` as `source`, or nothing. Without a track not a single packet leaves (P-06). */
  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    if (track) this.tracks.set(source, track);
    else this.tracks.delete(source);
    await this.sending.get(source)?.sender.replaceTrack(track);
  }

  /** Sends of a camera or screen what is looked at, and no more. */
  want(source: Source, wanted: Wanted): void {
    this.wanted_of.set(source, wanted);
    this.applyEncodings();
  }

  /** How much of the camera is sent at most. */
  spare(thrift: Thrift): void {
    this.thrift = thrift;
    this.applyEncodings();
  }

  /** One after the other: parameters may only be set on the newest that were read. */
  private applyEncodings(): void {
    this.applying = this.applying.then(async () => {
      for (const source of ["camera", "screen"] as const) {
        const sender = this.sending.get(source)?.sender;
        const parameters = sender?.getParameters();
        if (!sender || !parameters) continue;
        const thrift = source === "camera" ? this.thrift : GENEROUS;
        const encodings = encodingsFor(parameters.encodings, this.wanted_of.get(source), thrift);
        if (encodings === null) continue;
        // A browser that cannot, or a connection that is being replaced: more is sent than needed, nothing worse.
        await sender.setParameters({ ...parameters, encodings }).catch(() => {});
      }
    });
  }

  /** Forgets the old connection and builds a new one, tracks included. */
  private rebuild(): void {
    this.clearTimer();
    this.pc?.close();
    this.negotiating = false;
    this.wanted = "no";
    this.session = null;
    this.wanted_of.clear();
    this.forgotten = false;
    this.state.set(this.rebuilds === 0 ? "connecting" : "recovering");
    this.rebuilds += 1;

    const pc = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceServers: this.iceServers,
    });
    this.pc = pc;
    this.sending = new Map(SOURCES.map((source) => [source, this.addSending(pc, source)]));
    this.receiving = [];
    for (let slot = 0; slot < this.pictures + this.sounds; slot++) {
      const audio = pc.addTransceiver("audio", { direction: "recvonly" });
      prefer(audio, "audio");
      let video: RTCRtpTransceiver | null = null;
      if (slot < this.pictures) {
        video = pc.addTransceiver("video", { direction: "recvonly" });
        prefer(video, "video");
      }
      this.receiving.push({ slot, audio, video });
      this.options.onSlotTracks(slot, audio.receiver.track, video?.receiver.track ?? null);
    }
    pc.onconnectionstatechange = () => {
      if (this.pc === pc) this.connectionChanged(pc.connectionState);
    };
    void this.negotiate("offer");
  }

  private addSending(pc: RTCPeerConnection, source: Source): RTCRtpTransceiver {
    const kind = source === "microphone" || source === "screen_sound" ? "audio" : "video";
    const init: RTCRtpTransceiverInit = { direction: "sendonly" };
    if (source === "camera") init.sendEncodings = CAMERA_ENCODINGS;
    if (source === "screen") init.sendEncodings = SCREEN_ENCODINGS;
    const transceiver = pc.addTransceiver(this.tracks.get(source) ?? kind, init);
    prefer(transceiver, kind);
    return transceiver;
  }

  private connectionChanged(state: RTCPeerConnectionState): void {
    this.clearTimer();
    if (state === "connected") {
      this.rebuilds = 1;
      this.state.set("connected");
    } else if (state === "failed") this.rebuildLater();
    else if (state === "disconnected") {
      this.state.set("recovering");
      this.timer = setTimeout(() => void this.negotiate("restart"), DISCONNECTED_PATIENCE_MS);
    }
  }

  private rebuildLater(): void {
    this.state.set("recovering");
    this.clearTimer();
    const wait_ms = Math.min(5_000, 250 * 2 ** Math.min(this.rebuilds - 1, 5));
    this.timer = setTimeout(() => this.rebuild(), wait_ms);
  }

  private async negotiate(how: "offer" | "restart"): Promise<void> {
    if (this.negotiating) {
      if (this.wanted !== "restart") this.wanted = how;
      return;
    }
    const pc = this.pc;
    if (!pc) return;
    this.negotiating = true;
    this.wanted = "no";
    try {
      // Only now: browsers answer new servers with a restart, which must not come with a mere offer.
      if (how === "restart") pc.setConfiguration({ ...pc.getConfiguration(), iceServers: this.iceServers });
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: how === "restart" }));
      const answer = await this.options.offer(pc.localDescription?.sdp ?? "", this.published(), this.slots());
      if (this.pc !== pc) return;
      const session = sessionOf(answer);
      if (this.session !== null && session !== this.session) {
        // The server answers with another connection than ours: it was restarted and lost it. Ours could be taken up
        // again, but browsers name their layers only at the beginning of a stream, and nobody would know them.
        this.rebuild();
        return;
      }
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
      if (this.pc !== pc) return;
      this.session = session;
      this.applyEncodings();
      this.options.onNegotiated();
      // A first connection, or one that looks for a new path, has to come up in time.
      if (pc.connectionState !== "connected" || how === "restart") {
        this.clearTimer();
        this.timer = setTimeout(() => {
          if (this.pc === pc && pc.connectionState !== "connected") this.rebuildLater();
        }, RESTART_PATIENCE_MS);
      }
    } catch (reason) {
      if (this.pc === pc) this.failed(pc, reason);
    } finally {
      if (this.pc === pc) {
        this.negotiating = false;
        if (this.wanted !== "no") void this.negotiate(this.wanted);
      }
    }
  }

  private failed(pc: RTCPeerConnection, reason: unknown): void {
    const code = reason instanceof Refused ? reason.code : null;
    if (code === "lost") {
      // Comes again with `resume` when the room's connection is back.
      if (pc.signalingState === "have-local-offer")
        void pc.setLocalDescription({ type: "rollback" }).catch(() => {});
      this.wanted = "no";
    } else if (code === "forbidden" || code === "media_limit" || code === "sdp_invalid") {
      this.wanted = "no";
      this.state.set("refused");
    } else this.rebuildLater();
  }

  private published(): PublishedSection[] {
    return [...this.sending].flatMap(([source, { mid }]) => (mid === null ? [] : [{ mid, source }]));
  }

  private slots(): SlotSections[] {
    return this.receiving.flatMap(({ slot, audio, video }) =>
      audio.mid === null ? [] : [{ slot, audio: audio.mid, video: video?.mid ?? null }],
    );
  }

  private clearTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
