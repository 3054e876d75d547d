import { describe, expect, it } from "vitest";
import { Devices, problemOf } from "./devices";
import { LEVEL_STEPS, stepsOf } from "./level";

class FakeTrack extends EventTarget {
  stopped = false;
  readonly label = "Eingebaut";
  getSettings() {
    return { deviceId: "d1" };
  }
  stop() {
    this.stopped = true;
  }
}

class FakeMedia extends EventTarget {
  asked: MediaStreamConstraints[] = [];
  answers: (() => Promise<FakeTrack>)[] = [];
  enumerateDevices() {
    return Promise.resolve([]);
  }
  async getUserMedia(constraints: MediaStreamConstraints) {
    this.asked.push(constraints);
    const track = await (this.answers.shift() ?? (() => Promise.resolve(new FakeTrack())))();
    return { getAudioTracks: () => [track], getVideoTracks: () => [track] };
  }
}

const error = (name: string) => () => Promise.reject(new DOMException("x", name));
const make = (media: FakeMedia) => new Devices(media as unknown as MediaDevices);

describe("devices", () => {
  it.each([
    ["NotAllowedError", "blocked"],
    ["NotFoundError", "missing"],
    ["NotReadableError", "in_use"],
  ])("%s is %s", async (name, problem) => {
    const media = new FakeMedia();
    media.answers = [error(name)];
    const devices = make(media);
    expect(await devices.open("camera")).toBe(false);
    expect(devices.state.get().camera).toMatchObject({ track: null, opening: false, problem });
  });

  it("opens nothing by itself (P-06)", () => {
    const media = new FakeMedia();
    make(media);
    expect(media.asked).toEqual([]);
  });

  it("asks for exactly the chosen device, and for any when that one is gone", async () => {
    const media = new FakeMedia();
    media.answers = [error("OverconstrainedError")];
    const devices = make(media);
    expect(await devices.open("microphone", "gone")).toBe(true);
    expect(media.asked[0]?.audio).toMatchObject({ deviceId: { exact: "gone" } });
    expect(media.asked[1]?.audio).not.toHaveProperty("deviceId");
  });

  it("says that the device is gone when it is pulled out", async () => {
    const devices = make(new FakeMedia());
    await devices.open("microphone");
    devices.state.get().microphone.track?.dispatchEvent(new Event("ended"));
    expect(devices.state.get().microphone).toMatchObject({ track: null, problem: "missing" });
  });

  it("throws a track away that comes after the person has thought better of it", async () => {
    const media = new FakeMedia();
    const late = new FakeTrack();
    media.answers = [() => Promise.resolve(late)];
    const devices = make(media);
    const opening = devices.open("camera");
    devices.close("camera");
    expect(await opening).toBe(false);
    expect(late.stopped).toBe(true);
    expect(devices.state.get().camera.track).toBeNull();
  });

  it("says so where the browser gives no devices at all", async () => {
    const devices = new Devices(undefined);
    expect(await devices.open("camera")).toBe(false);
    expect(devices.state.get().camera.problem).toBe("unsupported");
    expect(problemOf(null)).toBe("failed");
  });
});

describe("the level meter", () => {
  it("is empty for silence, full for a loud voice, and never outside", () => {
    expect(stepsOf(0)).toBe(0);
    expect(stepsOf(0.3)).toBe(LEVEL_STEPS);
    expect(stepsOf(5)).toBe(LEVEL_STEPS);
    expect(stepsOf(0.03)).toBeGreaterThan(4);
  });
});
