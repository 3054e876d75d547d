// Every encoded frame on its way, from the browser that sends it to the one that gets it: when it left its encoder and
// when it was complete at the other side. Told apart by what is in it, which no server changes; both browsers' clocks are
// this machine's.
import type { Page } from "@playwright/test";

/** A frame of sound or picture at one side. */
export interface Frame {
  kind: "audio" | "video";
  /** Whether this page sent it, or it came. */
  out: boolean;
  /** When it left its encoder, or was complete: milliseconds of this machine's clock. */
  at_ms: number;
  /** Its stream, one for each size of a picture. */
  ssrc: number;
  /** What tells it from all others. */
  print: string;
}

/** What TypeScript's library for pages does not know, since it lives in workers. */
interface Transformer {
  readable: ReadableStream<RTCEncodedVideoFrame>;
  writable: WritableStream<RTCEncodedVideoFrame>;
  options: { kind: Frame["kind"]; out: boolean };
}

interface Metadata {
  synchronizationSource?: number;
  mimeType?: string;
}

declare global {
  interface Window {
    /** The frames since the last call. */
    lineFrames: () => Promise<Frame[]>;
  }
}

/** Runs in the page before anything of ours: all that is sent and received goes past a worker that notes it. */
function traceFrames(): void {
  const noting = () => {
    let frames: Frame[] = [];
    const scope = self as unknown as {
      onrtctransform: (event: { transformer: Transformer }) => void;
      onmessage: () => void;
      postMessage: (frames: Frame[]) => void;
    };
    const print = (bytes: Uint8Array) => {
      // FNV-1a over all of a sound, and enough of a picture.
      let hash = 2_166_136_261;
      const step = bytes.length > 2_000 ? 7 : 1;
      for (let at = 0; at < bytes.length; at += step) hash = Math.imul(hash ^ (bytes[at] ?? 0), 16_777_619);
      return `${bytes.length} ${hash >>> 0}`;
    };
    /** The sounds in a packet with redundancy (RFC 2198). */
    const sounds = (bytes: Uint8Array) => {
      const lengths: number[] = [];
      let at = 0;
      for (; (bytes[at] ?? 0) & 0x80; at += 4)
        lengths.push((((bytes[at + 2] ?? 0) & 3) << 8) | (bytes[at + 3] ?? 0));
      at += 1;
      return [...lengths, bytes.length].map((length) => {
        at += length;
        return bytes.subarray(at - length, at);
      });
    };
    scope.onrtctransform = ({ transformer: { readable, writable, options } }) => {
      const note = new TransformStream<RTCEncodedVideoFrame>({
        transform(frame, on) {
          const { synchronizationSource: ssrc = 0, mimeType = "" } = frame.getMetadata() as Metadata;
          const at_ms = performance.timeOrigin + performance.now();
          const bytes = new Uint8Array(frame.data);
          for (const part of mimeType.toLowerCase() === "audio/red" ? sounds(bytes) : [bytes])
            frames.push({ ...options, at_ms, ssrc, print: `${options.kind} ${print(part)}` });
          on.enqueue(frame);
        },
      });
      void readable.pipeThrough(note).pipeTo(writable);
    };
    scope.onmessage = () => {
      scope.postMessage(frames);
      frames = [];
    };
  };
  const source = new Blob([`(${noting})()`], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  window.lineFrames = () =>
    new Promise((told) => {
      worker.onmessage = ({ data }) => told(data as Frame[]);
      worker.postMessage(null);
    });
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (what, init) {
    const made = add.call(this, what, init);
    const kind = typeof what === "string" ? what : what.kind;
    const out = init?.direction !== "recvonly";
    const side = out ? made.sender : made.receiver;
    side.transform = new RTCRtpScriptTransform(worker, { kind, out });
    return made;
  };
}

/** To be called before the first `goto`; the page's policy must be off, for the worker. */
export const trace = (page: Page): Promise<void> => page.addInitScript(traceFrames).then(() => undefined);

/** What of one sound or one picture left, in all its sizes. */
interface Sent {
  kind: Frame["kind"];
  at_ms: number;
  streams: Set<number>;
  prints: string[];
}

/** Sizes of one picture leave one after the other, and sooner than the next picture. */
const ONE_PICTURE_MS = 60;

/** Collects both sides, and finds what became of what was sent. */
export class Trace {
  readonly #sent: Sent[] = [];
  /** The newest picture of each page. */
  readonly #newest = new Map<Page, Sent>();
  /** When each was complete, the first time. */
  readonly #came = new Map<string, number>();
  readonly #from: readonly Page[];
  readonly #to: Page;

  constructor(from: readonly Page[], to: Page) {
    this.#from = from;
    this.#to = to;
  }

  /** To be called now and then, and once at the end: pages forget nothing until they are asked. */
  async gather(): Promise<void> {
    const take = (page: Page) => page.evaluate(() => window.lineFrames());
    const [sent, came] = await Promise.all([Promise.all(this.#from.map(take)), take(this.#to)]);
    this.#from.forEach((page, place) => {
      for (const frame of sent[place] ?? []) if (frame.out) this.#take(page, frame);
    });
    for (const { print, at_ms, out } of came)
      if (!out && !this.#came.has(print)) this.#came.set(print, at_ms);
  }

  #take(page: Page, { kind, at_ms, ssrc, print }: Frame): void {
    const newest = this.#newest.get(page);
    if (kind === "video" && newest && at_ms - newest.at_ms < ONE_PICTURE_MS && !newest.streams.has(ssrc)) {
      newest.streams.add(ssrc);
      newest.prints.push(print);
      return;
    }
    const made = { kind, at_ms, streams: new Set([ssrc]), prints: [print] };
    this.#sent.push(made);
    if (kind === "video") this.#newest.set(page, made);
  }

  /**
   * How late everything was that was sent between two moments, in milliseconds after it left its encoder; infinite: it
   * never came. A picture counts once, in whichever size it came.
   */
  late(kind: Frame["kind"], from_ms: number, to_ms: number): number[] {
    const within = this.#sent.filter((one) => one.kind === kind && one.at_ms >= from_ms && one.at_ms < to_ms);
    return within.map(({ at_ms, prints }) => {
      const came = prints.map((print) => this.#came.get(print) ?? Number.POSITIVE_INFINITY);
      return Math.min(...came) - at_ms;
    });
  }
}
