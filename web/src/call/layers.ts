/**
 * Which encodings of a picture are sent: those that the server says anybody looks at. What nobody sees costs nothing.
 *
 * `media.ts` applies it to its senders; the server says what is wanted by `wanted` events. Pure.
 */

/** What anybody looks at of a source. */
export interface Wanted {
  /** The simulcast layers; empty where there is only one. */
  rids: readonly string[];
  /** The greatest height at which it is drawn, in device pixels; 0: nobody looks. */
  height_px: number;
}

/** How much of one's own camera leaves this device at most. */
export interface Thrift {
  /** Data saver: only the smallest encoding. */
  smallest: boolean;
  /** Pictures in a second, where the device is too busy for more. */
  fps_max: number | null;
}

export const GENEROUS: Thrift = { smallest: false, fps_max: null };

/** The encodings as they have to be now, or `null` when they are so already. */
export function encodingsFor(
  encodings: readonly RTCRtpEncodingParameters[],
  wanted: Wanted | undefined,
  thrift: Thrift,
): RTCRtpEncodingParameters[] | null {
  const looked = wanted === undefined || wanted.height_px > 0;
  const simulcast = encodings.length > 1;
  const smallest = encodings.reduce(
    (found, { scaleResolutionDownBy: by = 1 }, at) =>
      by > (encodings[found]?.scaleResolutionDownBy ?? 1) ? at : found,
    0,
  );
  let changed = false;
  const next = encodings.map((encoding, at) => {
    const asked = wanted === undefined || !simulcast || wanted.rids.includes(encoding.rid ?? "");
    const active = looked && (thrift.smallest && simulcast ? at === smallest : asked);
    const same = (encoding.active ?? true) === active;
    const fps = thrift.fps_max ?? undefined;
    if (same && encoding.maxFramerate === fps) return encoding;
    changed = true;
    const { maxFramerate: _, ...rest } = encoding;
    return fps === undefined ? { ...rest, active } : { ...rest, active, maxFramerate: fps };
  });
  return changed ? next : null;
}
