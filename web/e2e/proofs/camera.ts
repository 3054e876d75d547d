// A camera whose picture needs every bit that it may have: a slow wave under fresh grain, as a file that Chromium's fake
// device plays in a loop.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const WIDTH = 1_280;
export const HEIGHT = 720;
/** Few, so that two browsers find time for 720 lines on a small machine. */
export const FPS = 8;
const FRAMES = 24;
/** Half of the greatest difference that the grain makes. */
const GRAIN = 10;

export class NoisyCamera {
  readonly #folder = mkdtempSync(join(tmpdir(), "werkraum-camera-"));
  readonly file = join(this.#folder, "camera.y4m");

  constructor() {
    const parts: Buffer[] = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FPS}:1 Ip A1:1 C420jpeg\n`)];
    // xorshift32, seeded: every run sees the same.
    let state = 2_463_534_242;
    const random = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    for (let frame = 0; frame < FRAMES; frame++) {
      const luma = Buffer.alloc(WIDTH * HEIGHT);
      const phase = (frame / FRAMES) * 2 * Math.PI;
      const wave = Array.from({ length: WIDTH }, (_, x) => 128 + 60 * Math.sin(x / 90 + phase));
      for (let y = 0; y < HEIGHT; y += 2)
        for (let x = 0; x < WIDTH; x += 2) {
          // Grain of two pixels: half of it is left at half the size.
          const value = (wave[x] ?? 128) + 20 * Math.cos(y / 70 - phase) + (random() % (2 * GRAIN)) - GRAIN;
          const at = y * WIDTH + x;
          luma[at] = luma[at + 1] = luma[at + WIDTH] = luma[at + WIDTH + 1] = value;
        }
      parts.push(Buffer.from("FRAME\n"), luma, Buffer.alloc((WIDTH * HEIGHT) / 2, 128));
    }
    writeFileSync(this.file, Buffer.concat(parts));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
