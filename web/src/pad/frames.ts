// The frames of the pad websocket: the y-websocket protocol (one message per binary frame) and our two additions, the
// ack (102) and notices (103); docs/pads.md describes them. Only bytes here: no socket, no state.
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { type Awareness, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;
const ACK = 102;
const NOTICE = 103;

const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;

/** What the server can tell about the pad beside its text. */
export type Notice =
  | "right_read"
  | "right_comment"
  | "right_write"
  | "pad_nearly_full"
  | "pad_full"
  | "pad_writable"
  | "pad_read_only";

export type PadMessage =
  /** The other side's state vector: answer with what it lacks. */
  | { kind: "step_1"; vector: Uint8Array }
  /** What we lacked; after it we have all that the server had. */
  | { kind: "step_2"; update: Uint8Array }
  | { kind: "update"; update: Uint8Array }
  | { kind: "awareness"; update: Uint8Array }
  | { kind: "query_awareness" }
  | { kind: "denied"; reason: string }
  /** Everything sent before this counter is on disk. */
  | { kind: "ack"; counter: number }
  | { kind: "notice"; notice: string }
  | { kind: "unknown" };

function frame(write: (encoder: encoding.Encoder) => void): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder();
  write(encoder);
  return encoding.toUint8Array(encoder);
}

function sync(step: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return frame((encoder) => {
    encoding.writeVarUint(encoder, SYNC);
    encoding.writeVarUint(encoder, step);
    encoding.writeVarUint8Array(encoder, bytes);
  });
}

/** "This is what I have." */
export const step1 = (doc: Y.Doc) => sync(STEP_1, Y.encodeStateVector(doc));
/** "This is what you lack." */
export const step2 = (doc: Y.Doc, vector: Uint8Array) => sync(STEP_2, Y.encodeStateAsUpdate(doc, vector));
/** Updates that are too big for a live frame go as an answer that nobody asked for; its limit is wider. */
export const step2Of = (update: Uint8Array) => sync(STEP_2, update);
export const update = (bytes: Uint8Array) => sync(UPDATE, bytes);

export const ack = (counter: number) =>
  frame((encoder) => {
    encoding.writeVarUint(encoder, ACK);
    encoding.writeVarUint(encoder, counter);
  });

/** Our own entry only: the server takes no other (S-03). */
export const awareness = (states: Awareness) =>
  frame((encoder) => {
    encoding.writeVarUint(encoder, AWARENESS);
    encoding.writeVarUint8Array(encoder, encodeAwarenessUpdate(states, [states.clientID]));
  });

/** Throws when the bytes are not what the protocol says. */
export function decode(bytes: Uint8Array): PadMessage {
  const decoder = decoding.createDecoder(bytes);
  switch (decoding.readVarUint(decoder)) {
    case SYNC: {
      const step = decoding.readVarUint(decoder);
      const content = decoding.readVarUint8Array(decoder);
      if (step === STEP_1) return { kind: "step_1", vector: content };
      if (step === STEP_2) return { kind: "step_2", update: content };
      if (step === UPDATE) return { kind: "update", update: content };
      return { kind: "unknown" };
    }
    case AWARENESS:
      return { kind: "awareness", update: decoding.readVarUint8Array(decoder) };
    case AUTH:
      decoding.readVarUint(decoder);
      return { kind: "denied", reason: decoding.readVarString(decoder) };
    case QUERY_AWARENESS:
      return { kind: "query_awareness" };
    case ACK:
      return { kind: "ack", counter: decoding.readVarUint(decoder) };
    case NOTICE:
      return { kind: "notice", notice: decoding.readVarString(decoder) };
    default:
      return { kind: "unknown" };
  }
}
