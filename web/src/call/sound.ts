/**
 * Plays the sound of the slots. One audio element for each, outside the page's tree, so that no change of layout ever
 * interrupts a voice. Starts from the click on Join, which is what browsers ask for. Used by `call.ts`.
 */
import { Watched } from "./emitter";

export class Sound {
  /** The browser holds the sound back until the person clicks once more. */
  readonly blocked = new Watched(false);
  private readonly players = new Map<number, HTMLAudioElement>();
  private speaker: string | null = null;

  set(slot: number, track: MediaStreamTrack): void {
    let player = this.players.get(slot);
    if (!player) {
      player = new Audio();
      player.autoplay = true;
      this.players.set(slot, player);
      this.route(player);
    }
    player.srcObject = new MediaStream([track]);
    this.play(player);
  }

  /** To be called from a click when `blocked`. */
  unblock(): void {
    this.blocked.set(false);
    for (const player of this.players.values()) this.play(player);
  }

  playOn(deviceId: string | null): void {
    if (deviceId === this.speaker) return;
    this.speaker = deviceId;
    for (const player of this.players.values()) this.route(player);
  }

  stop(): void {
    for (const player of this.players.values()) {
      player.pause();
      player.srcObject = null;
    }
    this.players.clear();
  }

  private play(player: HTMLAudioElement): void {
    player.play().catch((reason: unknown) => {
      if (reason instanceof DOMException && reason.name === "NotAllowedError") this.blocked.set(true);
    });
  }

  private route(player: HTMLAudioElement): void {
    // A speaker that is gone falls back to the system's own choice by itself.
    if ("setSinkId" in player) player.setSinkId(this.speaker ?? "").catch(() => {});
  }
}
