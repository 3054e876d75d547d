/**
 * Which codecs the sections of our offers name, in which order: VP8 and Opus first, one profile of each other codec; with
 * Opus its redundancy, in which the server packs sounds for who loses packets. Keeps an offer with two dozen sections far
 * below `SDP_BYTES_MAX`. Used by `media.ts` only.
 */

const VIDEO: readonly ((codec: RTCRtpCodec) => boolean)[] = [
  (codec) => codec.mimeType.toLowerCase() === "video/vp8",
  (codec) =>
    codec.mimeType.toLowerCase() === "video/h264" &&
    /packetization-mode=1/.test(codec.sdpFmtpLine ?? "") &&
    /profile-level-id=42e0/i.test(codec.sdpFmtpLine ?? ""),
  (codec) =>
    codec.mimeType.toLowerCase() === "video/vp9" && !/profile-id=[1-9]/.test(codec.sdpFmtpLine ?? ""),
  (codec) => codec.mimeType.toLowerCase() === "video/av1" && !/profile=[1-9]/.test(codec.sdpFmtpLine ?? ""),
  (codec) => codec.mimeType.toLowerCase() === "video/rtx",
];
// Redundancy behind Opus: taken when it comes, but not sent; the way to the server has NACK for the few that get lost.
const AUDIO: typeof VIDEO = [
  (codec) => codec.mimeType.toLowerCase() === "audio/opus",
  (codec) => codec.mimeType.toLowerCase() === "audio/red",
];

/** The codecs of `available` that we name, in our order. */
export function ordered(kind: "audio" | "video", available: readonly RTCRtpCodec[]): RTCRtpCodec[] {
  const wanted = kind === "audio" ? AUDIO : VIDEO;
  return wanted.flatMap((is) => available.filter(is).slice(0, 1));
}

export function prefer(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  const available = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const codecs = ordered(kind, available);
  if (codecs.length === 0 || !("setCodecPreferences" in transceiver)) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    // A browser that rejects the list offers everything it has: a longer offer, nothing worse.
  }
}
