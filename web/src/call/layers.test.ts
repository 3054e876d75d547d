import { describe, expect, it } from "vitest";
import { encodingsFor, GENEROUS } from "./layers";

const camera: RTCRtpEncodingParameters[] = [
  { rid: "q", active: true, scaleResolutionDownBy: 4 },
  { rid: "h", active: true, scaleResolutionDownBy: 2 },
  { rid: "f", active: true, scaleResolutionDownBy: 1 },
];
const on = (encodings: RTCRtpEncodingParameters[] | null) =>
  encodings?.filter((encoding) => encoding.active).map((encoding) => encoding.rid);

describe("which encodings are sent", () => {
  it("all until the server has said anything", () => {
    expect(encodingsFor(camera, undefined, GENEROUS)).toBeNull();
  });

  it("those that are wanted, and nothing when nobody looks", () => {
    const small = encodingsFor(camera, { rids: ["q"], height_px: 180 }, GENEROUS);
    expect(on(small)).toEqual(["q"]);
    expect(on(encodingsFor(small ?? [], { rids: ["q", "f"], height_px: 720 }, GENEROUS))).toEqual(["q", "f"]);
    expect(on(encodingsFor(camera, { rids: [], height_px: 0 }, GENEROUS))).toEqual([]);
    expect(encodingsFor(small ?? [], { rids: ["q"], height_px: 180 }, GENEROUS)).toBeNull();
  });

  it("the only one of a screen as long as anybody looks", () => {
    const screen = [{ active: true }];
    expect(encodingsFor(screen, { rids: [], height_px: 1_080 }, GENEROUS)).toBeNull();
    expect(encodingsFor(screen, { rids: [], height_px: 0 }, GENEROUS)).toEqual([{ active: false }]);
  });

  it("the smallest at most for whoever saves data", () => {
    const saving = { smallest: true, fps_max: null };
    expect(on(encodingsFor(camera, { rids: ["q", "f"], height_px: 720 }, saving))).toEqual(["q"]);
    expect(on(encodingsFor(camera, { rids: ["f"], height_px: 720 }, saving))).toEqual(["q"]);
    expect(on(encodingsFor(camera, { rids: [], height_px: 0 }, saving))).toEqual([]);
  });

  it("fewer pictures in a second on a busy device, and as many as before afterwards", () => {
    const busy = encodingsFor(camera, undefined, { smallest: false, fps_max: 12 });
    expect(busy?.every((encoding) => encoding.maxFramerate === 12)).toBe(true);
    expect(encodingsFor(busy ?? [], undefined, GENEROUS)).toEqual(camera);
  });
});
