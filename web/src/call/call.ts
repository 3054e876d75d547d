/**
 * One person's call: joins socket, room state, media, devices and sound. The interface talks to this object only.
 *
 * Made by features/meeting after joining; `leave` or a final goodbye ends it. Imports nothing of the interface.
 */
import type { Command, ParticipantId, ServerMessage, SlotContent } from "../wire/room";
import type { Joined, Quality, Source } from "../wire/types";
import type { Devices } from "./devices";
import { Watched } from "./emitter";
import { maySend } from "./may";
import { Media, type MediaState } from "./media";
import { PathWatch, traffic } from "./path_watch";
import { Refused, RoomSocket, type SocketState } from "./room_socket";
import { EMPTY, me, type Notice, type RoomState, reduce, withNotice, withoutNotice } from "./room_store";
import { SlotPlan, type Visible } from "./slots";
import { Sound } from "./sound";
import { Speaking } from "./speaking";
import { between, type Figures, Judge, type Sample, sample, worse } from "./stats";
import { affordable, type Budget, FULL_BUDGET, RoomBudget, rememberSaver, saverOn } from "./thrift";

/** What this person sends now. */
export interface Own {
  microphone: boolean;
  camera: boolean;
  screen: boolean;
  /** The shared screen, to show a small picture of it. */
  screenTrack: MediaStreamTrack | null;
}

export interface CallOptions {
  joined: Joined;
  devices: Devices;
  /** What was switched on before joining. */
  microphone: boolean;
  camera: boolean;
  /** A new one-time ticket; rejects with an object that has a `code`. */
  fetchTicket(): Promise<string>;
  /** Pictures that this screen can show at once. */
  pictures: number;
  socketUrl?: string;
}

/** Slots without picture, for people who speak without being seen. */
const SOUND_SLOTS = 3;
const WISH_DELAY_MS = 100;
const STATS_EVERY_MS = 2_000;
const PATH_EVERY_MS = 300;

export class Call {
  readonly room = new Watched<RoomState>(EMPTY);
  readonly own: Watched<Own>;
  readonly speaking = new Watched<ReadonlySet<ParticipantId>>(new Set());
  /** Who has the big picture. */
  readonly stage = new Watched<ParticipantId | null>(null);
  readonly quality = new Watched<Quality>("good");
  /** The last two seconds in figures. */
  readonly figures = new Watched<Figures | null>(null);
  /** What can be shown, where line or device are too weak for everything. */
  readonly budget = new Watched<Budget>(FULL_BUDGET);
  /** Whether this person wants to save data. */
  readonly saver = new Watched<boolean>(saverOn());
  readonly mediaState: Watched<MediaState>;
  /** The picture streams of the slots; a new object for each new connection. */
  readonly pictures = new Watched<ReadonlyMap<number, MediaStream>>(new Map());
  readonly sound = new Sound();
  readonly devices: Devices;

  private readonly options: CallOptions;
  private readonly socket: RoomSocket;
  private readonly media: Media;
  private readonly speakers = new Speaking();
  private readonly judge = new Judge();
  private readonly roomBudget = new RoomBudget();
  private lastSample: Sample | null = null;
  private plan: SlotPlan | null = null;
  private visible: readonly Visible[] = [];
  private screenStream: MediaStream | null = null;
  private wishTimer: ReturnType<typeof setTimeout> | null = null;
  private speakTimer: ReturnType<typeof setTimeout> | null = null;
  private statsTimer: ReturnType<typeof setInterval> | null = null;
  private pathTimer: ReturnType<typeof setInterval> | null = null;
  private readonly path = new PathWatch();
  private readonly cleanUps: (() => void)[] = [];
  private sentTracks: Record<"microphone" | "camera", MediaStreamTrack | null> = {
    microphone: null,
    camera: null,
  };

  constructor(options: CallOptions) {
    this.options = options;
    this.devices = options.devices;
    this.own = new Watched<Own>({
      microphone: options.microphone,
      camera: options.camera,
      screen: false,
      screenTrack: null,
    });
    this.socket = new RoomSocket({
      url: options.socketUrl ?? `wss://${location.host}/api/v1/socket`,
      eventsUrl: "/api/v1/events",
      ticket: options.joined.ticket,
      fetchTicket: options.fetchTicket,
      onMessage: (message) => this.hear(message),
      onState: (state) => this.socketChanged(state),
    });
    this.media = new Media({
      offer: (sdp, publish, slots) => this.socket.offer(sdp, publish, slots),
      onNegotiated: () => this.plan && this.socket.subscribe(this.plan.all()),
      onSlotTracks: (slot, audio, video) => {
        this.sound.set(slot, audio);
        if (video) this.pictures.update((all) => new Map(all).set(slot, new MediaStream([video])));
      },
    });
    this.mediaState = this.media.state;
    this.spare();
  }

  start(): void {
    this.sound.playOn(this.devices.state.get().speaker);
    this.cleanUps.push(this.devices.state.subscribe(() => this.devicesChanged()));
    const nudge = () => {
      this.socket.nudge();
      this.media.nudge();
    };
    window.addEventListener("online", nudge);
    this.cleanUps.push(() => window.removeEventListener("online", nudge));
    this.statsTimer = setInterval(() => void this.look(), STATS_EVERY_MS);
    this.pathTimer = setInterval(() => void this.watchPath(), PATH_EVERY_MS);
    this.socket.start();
  }

  /** Does something in the room; what is refused becomes a notice. Answers whether it was done. */
  async do(command: Command): Promise<boolean> {
    try {
      await this.socket.command(command);
      return true;
    } catch (reason) {
      // Somebody else did it already: the room shows the newest state, no need to say more.
      const code = reason instanceof Refused ? reason.code : "internal";
      if (code !== "stale") this.notify({ kind: "refused", code });
      return false;
    }
  }

  async setMicrophone(on: boolean): Promise<void> {
    await this.setInput("microphone", on);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.setInput("camera", on);
  }

  /** Shows a screen, window or tab, with its sound if the person ticks it. */
  async startScreen(): Promise<void> {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { max: 15 } },
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch {
      // The person closed the browser's chooser: nothing to say.
      return;
    }
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    if (!video) return;
    video.contentHint = "detail";
    if (audio) audio.contentHint = "music";
    video.addEventListener("ended", () => void this.stopScreen());
    this.stopScreenTracks();
    this.screenStream = stream;
    if (!(await this.do({ name: "source", source: "screen", on: true }))) {
      this.stopScreenTracks();
      return;
    }
    this.own.update((own) => ({ ...own, screen: true, screenTrack: video }));
    await this.media.setTrack("screen", video);
    if (audio && (await this.do({ name: "source", source: "screen_sound", on: true }))) {
      await this.media.setTrack("screen_sound", audio);
    }
  }

  async stopScreen(): Promise<void> {
    if (!this.own.get().screen) return;
    const hadSound = (this.screenStream?.getAudioTracks().length ?? 0) > 0;
    await this.haltScreen();
    await this.tell("screen", false);
    if (hadSound) await this.tell("screen_sound", false);
  }

  /** What the interface draws, most important first. */
  show(visible: readonly Visible[]): void {
    this.visible = visible;
    if (this.wishTimer !== null) return;
    // The first wishes go at once, so that the first picture comes as early as it can.
    const wait_ms = this.plan?.all().some((wish) => wish.participant !== null) ? WISH_DELAY_MS : 0;
    this.wishTimer = setTimeout(() => {
      this.wishTimer = null;
      this.sendWishes();
    }, wait_ms);
  }

  /** Saves data, or not: few and small pictures, the own camera as well. Kept in this browser. */
  setSaver(on: boolean): void {
    rememberSaver(on);
    this.saver.set(on);
    this.spare();
    this.show(this.visible);
  }

  /** The slot that carries this picture, if it has one. */
  slotOf(participant: ParticipantId, source: "camera" | "screen"): SlotContent | null {
    for (const content of this.room.get().slots.values()) {
      if (
        content.participant === participant &&
        content.source === source &&
        this.pictures.get().has(content.slot)
      ) {
        return content;
      }
    }
    return null;
  }

  notify(notice: Notice): void {
    this.room.update((state) => withNotice(state, notice));
  }

  dismiss(id: number): void {
    this.room.update((state) => withoutNotice(state, id));
  }

  /** Goes out by one's own wish. */
  leave(): void {
    const { phase } = this.room.get();
    if (phase === "in" || phase === "waiting") {
      // Whether or not the answer comes: for this person it is over now.
      this.socket.command({ name: "leave" }).catch(() => {});
    }
    this.socket.end("left");
  }

  private hear(message: ServerMessage): void {
    const before = this.room.get();
    this.room.update((state) => reduce(state, message));
    if (message.type === "welcome") {
      this.media.setIceServers(message.ice_servers);
      this.entered(before.phase !== "in");
    } else if (message.type === "bye") {
      // A server that goes down takes its side of the media connection with it.
      if (message.code === "shutting_down") this.media.lost();
    } else if (message.type === "event") {
      const { event } = message;
      if (event.name === "speaking") this.speakingChanged(event.participants);
      else if (event.name === "ice_servers") this.media.setIceServers(event.ice_servers);
      else if (event.name === "silenced") void this.silenced(event.source);
      else if (event.name === "wanted") this.media.want(event.source, event);
      else if (event.name === "person" || event.name === "left") this.updateStage();
    }
  }

  private entered(first: boolean): void {
    const { slotsMax } = this.room.get();
    if (first || !this.plan) {
      const pictures = Math.max(1, Math.min(this.options.pictures, slotsMax));
      this.plan = new SlotPlan(pictures);
      this.plan.show(this.affordable());
      for (const kind of ["microphone", "camera"] as const) void this.sync(kind);
      this.media.start(pictures, SOUND_SLOTS);
    } else this.media.resume();
    void this.tellSources();
    this.updateStage();
  }

  private socketChanged(state: SocketState): void {
    if (state.name === "lost") this.room.update((room) => ({ ...room, connection: "lost" }));
    if (state.name === "ended") {
      this.room.update((room) => ({ ...room, phase: "ended", ended: state.code }));
      this.stop();
    }
  }

  /** Tells the server which of our sources are on, where it believes otherwise (after coming in or back). */
  private async tellSources(): Promise<void> {
    const state = this.room.get();
    const known = me(state);
    if (!known) return;
    const own = this.own.get();
    const on: Record<Source, boolean> = {
      microphone: own.microphone,
      camera: own.camera,
      screen: own.screen,
      screen_sound: own.screen && (this.screenStream?.getAudioTracks().length ?? 0) > 0,
    };
    for (const source of ["microphone", "camera", "screen", "screen_sound"] as const) {
      if (on[source] && !maySend(source, known.role, state.policy)) await this.halt(source);
      else if (on[source] !== known.sources.includes(source)) await this.tell(source, on[source]);
    }
  }

  private async tell(source: Source, on: boolean): Promise<void> {
    // Whoever waits may say nothing of this kind, and checks devices all the same; it is told on coming in.
    if (this.room.get().phase !== "in") return;
    try {
      await this.socket.command({ name: "source", source, on });
    } catch (reason) {
      // Lost: told again after coming back. Refused: it must not go on being sent.
      if (!(reason instanceof Refused) || reason.code === "lost" || !on) return;
      await this.halt(source);
      this.notify({ kind: "refused", code: reason.code });
    }
  }

  private async setInput(kind: "microphone" | "camera", on: boolean): Promise<void> {
    if (on) {
      const { track } = this.devices.state.get()[kind];
      if (!track && !(await this.devices.open(kind))) return;
      this.own.update((own) => ({ ...own, [kind]: true }));
      await Promise.all([this.sync(kind), this.tell(kind, true)]);
    } else {
      await this.halt(kind);
      await this.tell(kind, false);
    }
  }

  /** Stops sending a source at once, on our side. */
  private async halt(source: Source): Promise<void> {
    if (source === "screen" || source === "screen_sound") {
      await this.haltScreen();
      return;
    }
    this.own.update((own) => ({ ...own, [source]: false }));
    await this.sync(source);
    // The camera's light has to go out; the microphone stays open so that speaking again needs no start-up.
    if (source === "camera") this.devices.close("camera");
  }

  private async haltScreen(): Promise<void> {
    this.stopScreenTracks();
    this.own.update((own) => ({ ...own, screen: false, screenTrack: null }));
    await Promise.all([this.media.setTrack("screen", null), this.media.setTrack("screen_sound", null)]);
  }

  private stopScreenTracks(): void {
    for (const track of this.screenStream?.getTracks() ?? []) track.stop();
    this.screenStream = null;
  }

  /** Makes the connection send what is on, and only that. */
  private async sync(kind: "microphone" | "camera"): Promise<void> {
    const on = this.own.get()[kind];
    const { track } = this.devices.state.get()[kind];
    const wanted = on ? track : null;
    if (track) track.enabled = on;
    if (this.sentTracks[kind] === wanted) return;
    this.sentTracks = { ...this.sentTracks, [kind]: wanted };
    await this.media.setTrack(kind, wanted);
  }

  private devicesChanged(): void {
    const devices = this.devices.state.get();
    this.sound.playOn(devices.speaker);
    for (const kind of ["microphone", "camera"] as const) {
      const { track, opening } = devices[kind];
      if (this.own.get()[kind] && !track && !opening) {
        // Unplugged: say so to the others, too.
        this.own.update((own) => ({ ...own, [kind]: false }));
        void this.tell(kind, false);
      }
      void this.sync(kind);
    }
  }

  private async silenced(source: Source): Promise<void> {
    await this.halt(source);
  }

  private speakingChanged(list: readonly ParticipantId[]): void {
    this.speakers.update(list, performance.now());
    this.updateStage();
  }

  private updateStage(): void {
    const now = performance.now();
    const state = this.room.get();
    const marked = this.speakers.marked(now);
    const before = this.speaking.get();
    if (marked.length !== before.size || marked.some((id) => !before.has(id)))
      this.speaking.set(new Set(marked));
    this.stage.set(
      this.speakers.stage(
        state.people.map((person) => person.id),
        state.you,
        now,
      ),
    );
    if (this.speakTimer !== null) clearTimeout(this.speakTimer);
    const next = this.speakers.nextChange();
    this.speakTimer = next === null ? null : setTimeout(() => this.updateStage(), Math.max(20, next - now));
  }

  private sendWishes(): void {
    if (!this.plan) return;
    const changed = this.plan.show(this.affordable());
    if (changed.length > 0) this.socket.subscribe(changed);
  }

  private async look(): Promise<void> {
    const { connection } = this.media;
    if (connection?.connectionState !== "connected") return;
    const now = await sample(connection, this.media.midOf("camera"), performance.now());
    const figures = this.lastSample === null ? null : between(this.lastSample, now);
    this.lastSample = now;
    if (figures === null) return;
    this.figures.set(figures);
    const { connections, you } = this.room.get();
    // The server sees what comes of ours, we see what comes of the others'.
    this.quality.set(worse(this.judge.look(figures), connections.get(you) ?? "good"));
    const shown = this.affordable().filter(({ source }) => source === "camera").length;
    const before = this.budget.get();
    const budget = this.roomBudget.look(figures, this.quality.get(), shown);
    if (
      budget.tiles === before.tiles &&
      budget.fps_max === before.fps_max &&
      budget.cameras === before.cameras
    )
      return;
    this.budget.set(budget);
    this.spare();
    this.show(this.visible);
  }

  private affordable(): Visible[] {
    return affordable(this.visible, this.saver.get(), this.budget.get());
  }

  /** Lets the own camera send no more than person and device want. */
  private spare(): void {
    this.media.spare({ smallest: this.saver.get(), fps_max: this.budget.get().fps_max });
  }

  /** Looks for a new path as soon as the one in use has died, if we send something that the server answers. */
  private async watchPath(): Promise<void> {
    const { connection } = this.media;
    const { microphone, camera, screen } = this.own.get();
    if (connection?.connectionState !== "connected" || !(microphone || camera || screen)) return;
    if (this.path.look(performance.now(), await traffic(connection))) this.media.nudge();
  }

  private stop(): void {
    for (const timer of [this.wishTimer, this.speakTimer]) if (timer !== null) clearTimeout(timer);
    for (const timer of [this.statsTimer, this.pathTimer]) if (timer !== null) clearInterval(timer);
    for (const cleanUp of this.cleanUps.splice(0)) cleanUp();
    this.stopScreenTracks();
    this.media.stop();
    this.sound.stop();
    this.devices.close("microphone");
    this.devices.close("camera");
  }
}
