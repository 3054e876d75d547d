/**
 * Microphone, camera and speaker of this person: opening exactly the chosen device, and saying plainly why not.
 *
 * Used before joining (preview, meter) and in the room, so that what was switched on there stays on. Nothing is opened
 * until the person asks for it (P-06), and nothing leaves the browser here (P-17).
 */
import { Watched } from "./emitter";

export type InputKind = "microphone" | "camera";
/** Why a device could not be opened; each has its sentence. */
export type Problem = "blocked" | "missing" | "in_use" | "unsupported" | "failed";

export interface InputState {
  track: MediaStreamTrack | null;
  opening: boolean;
  problem: Problem | null;
  /** The device in use, or the one to use next. */
  deviceId: string | null;
  label: string;
}

export interface DevicesState {
  microphone: InputState;
  camera: InputState;
  microphones: readonly MediaDeviceInfo[];
  cameras: readonly MediaDeviceInfo[];
  speakers: readonly MediaDeviceInfo[];
  /** `null`: the system's own choice. */
  speaker: string | null;
}

const NOTHING: InputState = { track: null, opening: false, problem: null, deviceId: null, label: "" };

export function problemOf(reason: unknown): Problem {
  const name = reason instanceof Error || reason instanceof DOMException ? reason.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "blocked";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "in_use";
    case "TypeError":
      return "unsupported";
    default:
      return "failed";
  }
}

function constraints(kind: InputKind, deviceId: string | null): MediaStreamConstraints {
  const exact = deviceId === null ? {} : { deviceId: { exact: deviceId } };
  if (kind === "microphone") {
    return { audio: { ...exact, echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
  }
  // Three sizes are really sent only from a 1280x720 picture; a weaker camera gives what it has.
  return { video: { ...exact, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } };
}

export class Devices {
  readonly state = new Watched<DevicesState>({
    microphone: NOTHING,
    camera: NOTHING,
    microphones: [],
    cameras: [],
    speakers: [],
    speaker: null,
  });
  private readonly media: MediaDevices | undefined;
  private readonly listed = () => void this.list();
  /** Counts openings, so that an answer that comes after a second wish is thrown away. */
  private readonly turn: Record<InputKind, number> = { microphone: 0, camera: 0 };

  constructor(media: MediaDevices | undefined = globalThis.navigator?.mediaDevices) {
    this.media = media;
  }

  /** Begins to follow which devices are plugged in. */
  attach(): void {
    this.media?.addEventListener("devicechange", this.listed);
    void this.list();
  }

  /** Opens the device (the chosen one, or the one used last). Answers whether there is a track now. */
  async open(kind: InputKind, deviceId: string | null = this.state.get()[kind].deviceId): Promise<boolean> {
    const turn = ++this.turn[kind];
    this.change(kind, { opening: true, problem: null });
    try {
      const track = await this.capture(kind, deviceId);
      if (turn !== this.turn[kind]) {
        track.stop();
        return false;
      }
      this.state.get()[kind].track?.stop();
      track.addEventListener("ended", () => {
        if (this.state.get()[kind].track === track) this.change(kind, { track: null, problem: "missing" });
      });
      const used = track.getSettings().deviceId ?? deviceId;
      this.change(kind, { track, opening: false, deviceId: used, label: track.label });
      void this.list();
      return true;
    } catch (reason) {
      if (turn === this.turn[kind]) {
        this.state.get()[kind].track?.stop();
        this.change(kind, { track: null, opening: false, problem: problemOf(reason) });
      }
      return false;
    }
  }

  /** Lets go of the device: its light goes out. */
  close(kind: InputKind): void {
    this.turn[kind] += 1;
    this.state.get()[kind].track?.stop();
    this.change(kind, { track: null, opening: false, problem: null });
  }

  chooseSpeaker(deviceId: string | null): void {
    this.state.update((state) => ({ ...state, speaker: deviceId }));
  }

  /** Whether this browser lets the page choose the speaker. */
  get speakerChoice(): boolean {
    return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
  }

  dispose(): void {
    this.close("microphone");
    this.close("camera");
    this.media?.removeEventListener("devicechange", this.listed);
  }

  private async capture(kind: InputKind, deviceId: string | null): Promise<MediaStreamTrack> {
    if (!this.media) throw new TypeError("no media devices");
    let stream: MediaStream;
    try {
      stream = await this.media.getUserMedia(constraints(kind, deviceId));
    } catch (reason) {
      // The device of last time is not plugged in any more: any other will do.
      if (deviceId === null || problemOf(reason) !== "missing") throw reason;
      stream = await this.media.getUserMedia(constraints(kind, null));
    }
    const track = (kind === "microphone" ? stream.getAudioTracks() : stream.getVideoTracks())[0];
    if (!track) throw new DOMException("no track", "NotFoundError");
    return track;
  }

  private async list(): Promise<void> {
    const all = (await this.media?.enumerateDevices().catch(() => [])) ?? [];
    // Before permission is given a browser lists devices without id and name: nothing to choose from yet.
    const named = all.filter((device) => device.deviceId !== "" && device.label !== "");
    this.state.update((state) => ({
      ...state,
      microphones: named.filter((device) => device.kind === "audioinput"),
      cameras: named.filter((device) => device.kind === "videoinput"),
      speakers: named.filter((device) => device.kind === "audiooutput"),
    }));
  }

  private change(kind: InputKind, change: Partial<InputState>): void {
    this.state.update((state) => ({ ...state, [kind]: { ...state[kind], ...change } }));
  }
}
