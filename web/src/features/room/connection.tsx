// The connection in words: the chip in the header, what can be done when it is weak, and the dialog with the figures for
// those who want them (design: net in words, never a picture alone).
import {
  ChartNoAxesColumnDecreasing,
  ChartNoAxesColumnIncreasing,
  Leaf,
  MonitorX,
  TriangleAlert,
  VideoOff,
} from "lucide-react";
import type { ReactNode } from "react";
import { leads } from "../../call/may";
import { me } from "../../call/room_store";
import { isWeak } from "../../call/stats";
import { TILES_MAX } from "../../call/thrift";
import { language } from "../../i18n/language";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { Note } from "../../ui/words";
import type { Person } from "../../wire/room";
import type { Quality } from "../../wire/types";
import { useWatched } from "../prejoin/watched";
import { type RoomCall, useRoomCall } from "./context";
import { Card } from "./overlays";
import styles from "./room.module.css";

const WORDS: Record<Quality, () => string> = {
  good: m.connection_good,
  fair: m.connection_fair,
  poor: m.connection_weak,
  bad: m.connection_bad,
};

/** How it is now, in a word; `trouble`: something is felt. */
function useWord(call: RoomCall): { word: string; trouble: boolean } {
  const room = useWatched(call.room);
  const quality = useWatched(call.quality);
  const media = useWatched(call.mediaState);
  if (room.connection === "lost" || media === "recovering")
    return { word: m.connection_lost(), trouble: true };
  if (media === "connecting" || media === "idle") return { word: m.connection_connecting(), trouble: false };
  return { word: WORDS[quality](), trouble: isWeak(quality) };
}

/** Opens the figures. What is wrong is read out as a notice; the word itself is no live region. */
export function ConnectionWord({ onOpen }: { onOpen(): void }) {
  const call = useRoomCall();
  const saver = useWatched(call.saver);
  const { word, trouble } = useWord(call);
  return (
    <button
      type="button"
      className={`chip ${trouble ? "sun" : ""} ${styles.connection}`}
      aria-haspopup="dialog"
      onClick={onOpen}
    >
      <Icon of={trouble ? ChartNoAxesColumnDecreasing : ChartNoAxesColumnIncreasing} />
      <span>{word}</span>
      {saver && (
        <>
          <Icon of={Leaf} />
          <span>{m.saver_on()}</span>
        </>
      )}
    </button>
  );
}

/** What a weak connection means and what helps most now: one thing at a time. */
function weakNote(call: RoomCall, camera: boolean, saver: boolean): ReactNode {
  if (camera)
    return (
      <Note
        key="weak"
        tone="sun"
        action={
          <Button size="small" icon={VideoOff} onClick={() => void call.setCamera(false)}>
            {m.connection_camera_off()}
          </Button>
        }
      >
        {m.connection_weak_camera()}
      </Note>
    );
  if (!saver)
    return (
      <Note
        key="weak"
        tone="sun"
        action={
          <Button size="small" icon={Leaf} onClick={() => call.setSaver(true)}>
            {m.connection_save()}
          </Button>
        }
      >
        {m.connection_weak_pictures()}
      </Note>
    );
  return (
    <Note key="weak" tone="sun">
      {m.connection_weak_place()}
    </Note>
  );
}

/** The notes about the connection, for the list of notices. */
export function useConnectionNotes(): ReactNode[] {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const own = useWatched(call.own);
  const quality = useWatched(call.quality);
  const media = useWatched(call.mediaState);
  const saver = useWatched(call.saver);
  const budget = useWatched(call.budget);
  if (room.connection === "lost" || media === "recovering") return [];
  const notes: ReactNode[] = [];
  if (isWeak(quality) && media === "connected") notes.push(weakNote(call, own.camera, saver));
  if (!saver && !budget.cameras)
    notes.push(
      <Note key="budget" tone="sun" icon={MonitorX}>
        {m.budget_no_cameras()}
      </Note>,
    );
  else if (!saver && budget.tiles < TILES_MAX && room.people.length > budget.tiles)
    notes.push(
      <Note key="budget" tone="sun" icon={MonitorX}>
        {budget.why === "device"
          ? m.budget_device({ count: budget.tiles })
          : m.budget_line({ count: budget.tiles })}
      </Note>,
    );
  if (room.videoFull)
    notes.push(
      <Note key="full" tone="sun" icon={TriangleAlert}>
        {m.video_full_view()}
      </Note>,
    );
  return notes;
}

/** For those who lead: somebody's connection is weak. */
export function weakWord(call: RoomCall, person: Person): string | null {
  const state = call.room.get();
  const mine = me(state);
  const quality = state.connections.get(person.id) ?? "good";
  const told = mine !== undefined && leads(mine.role) && person.id !== state.you && person.connected;
  return told && isWeak(quality) ? m.connection_person_weak() : null;
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="num">
        {/* Figures and units stay in their order in a page that runs from the right. */}
        <bdi>{children}</bdi>
      </dd>
    </div>
  );
}

const PATHS = {
  udp: m.connection_path_udp,
  tcp: m.connection_path_tcp,
  relay: m.connection_path_relay,
  unknown: m.connection_path_unknown,
} as const;

const LIMITED = {
  none: m.connection_limited_none,
  cpu: m.connection_limited_cpu,
  bandwidth: m.connection_limited_bandwidth,
  other: m.connection_limited_none,
} as const;

/** Words first, then what helps, then the figures of the last two seconds. */
export function ConnectionDialog({ onClose }: { onClose(): void }) {
  const call = useRoomCall();
  const figures = useWatched(call.figures);
  const saver = useWatched(call.saver);
  const quality = useWatched(call.quality);
  const { word } = useWord(call);
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 });
  const percent = (part: number) => m.connection_percent({ count: number.format(part * 100) });
  const times = new Map<number, number>();
  for (const height of figures?.heights ?? []) times.set(height, (times.get(height) ?? 0) + 1);
  const pictures = [...times].filter(([height]) => height > 0).sort(([a], [b]) => b - a);
  return (
    <Card title={m.room_connection()} open onClose={onClose}>
      <p className="b">{word}</p>
      <p>{isWeak(quality) ? m.connection_help_weak() : m.connection_help_good()}</p>
      <label className="check">
        <input type="checkbox" checked={saver} onChange={(event) => call.setSaver(event.target.checked)} />
        {m.saver_switch()}
      </label>
      <p className="s dim">{m.saver_explained()}</p>
      {figures === null ? (
        <p className="dim">{m.connection_no_figures()}</p>
      ) : (
        <dl className={styles.figures} aria-label={m.connection_figures()}>
          <Row name={m.connection_round_trip()}>
            {m.connection_ms({ count: Math.round(figures.round_trip_ms) })}
          </Row>
          <Row name={m.connection_loss_in()}>{percent(figures.loss_in)}</Row>
          <Row name={m.connection_loss_out()}>{percent(figures.loss_out)}</Row>
          <Row name={m.connection_in()}>{m.connection_kbps({ count: number.format(figures.in_kbps) })}</Row>
          <Row name={m.connection_out()}>{m.connection_kbps({ count: number.format(figures.out_kbps) })}</Row>
          <Row name={m.connection_pictures()}>
            {pictures.length === 0
              ? m.connection_none()
              : pictures
                  .map(([height, count]) => m.connection_lines({ times: count, count: height }))
                  .join(", ")}
          </Row>
          <Row name={m.connection_own()}>
            {figures.own === null
              ? m.connection_own_none()
              : `${m.connection_own_sent({ count: figures.own.height, fps: figures.own.fps })} · ${LIMITED[figures.own.limited]()}`}
          </Row>
          <Row name={m.connection_path()}>{PATHS[figures.path]()}</Row>
        </dl>
      )}
      <p className="s dim">{m.connection_who_sees()}</p>
      <div className={styles.verbs}>
        <Button look="primary" onClick={onClose}>
          {m.room_policy_done()}
        </Button>
      </div>
    </Card>
  );
}
