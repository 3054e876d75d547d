import { describe, expect, it } from "vitest";
import { ordered } from "./codecs";

const codec = (mimeType: string, sdpFmtpLine?: string): RTCRtpCodec => ({
  mimeType,
  clockRate: mimeType.startsWith("audio/") ? 48_000 : 90_000,
  ...(sdpFmtpLine ? { sdpFmtpLine } : {}),
});

describe("the codecs that an offer names", () => {
  it("are Opus and then its redundancy, so that lost sounds come once more (A-11)", () => {
    const available = ["audio/red", "audio/PCMU", "audio/opus", "audio/CN"].map((type) => codec(type));
    expect(ordered("audio", available).map(({ mimeType }) => mimeType)).toEqual(["audio/opus", "audio/red"]);
    // Firefox has none.
    expect(ordered("audio", [codec("audio/opus")])).toHaveLength(1);
  });

  it("are VP8 and one profile of each other", () => {
    const available = [
      codec("video/VP9", "profile-id=2"),
      codec("video/VP9", "profile-id=0"),
      codec("video/rtx"),
      codec("video/H264", "packetization-mode=0;profile-level-id=42e01f"),
      codec("video/H264", "packetization-mode=1;profile-level-id=42e01f"),
      codec("video/VP8"),
      codec("video/rtx"),
    ];
    expect(ordered("video", available)).toEqual([5, 4, 1, 2].map((place) => available[place]));
  });
});
