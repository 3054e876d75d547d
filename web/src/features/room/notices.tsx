// Slips of paper above the stage: who waits, who raises a hand (for those who lead), and what concerns this person.
// They wait; nothing pops up over the speaker (design 1.1).
import { DoorOpen, Hand, TriangleAlert, Volume2, X } from "lucide-react";
import type { ReactNode } from "react";
import { leads } from "../../call/may";
import { me, type Notice, personOf } from "../../call/room_store";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { Note } from "../../ui/words";
import { problemSentence } from "../prejoin/device_rows";
import { useWatched } from "../prejoin/watched";
import { useConnectionNotes } from "./connection";
import { useRoomCall } from "./context";
import { ROLE_WORDS, shortName } from "./people";
import styles from "./room.module.css";

export function noticeText(notice: Notice): string {
  switch (notice.kind) {
    case "silenced": {
      const named = notice.by !== "";
      const words = {
        microphone: named ? m.room_notice_silenced_microphone : m.room_notice_off_microphone,
        camera: named ? m.room_notice_silenced_camera : m.room_notice_off_camera,
        screen: named ? m.room_notice_silenced_screen : m.room_notice_off_screen,
        screen_sound: named ? m.room_notice_silenced_screen : m.room_notice_off_screen,
      };
      return words[notice.source]({ name: notice.by });
    }
    case "role":
      return m.room_notice_role({ role: ROLE_WORDS[notice.role]() });
    case "locked":
      return notice.locked ? m.room_notice_locked() : m.room_notice_unlocked();
    case "policy":
      return m.room_notice_policy();
    case "back":
      return m.connection_back();
    case "refused":
      return notice.code === "lost" ? m.connection_lost() : sentence(notice.code);
  }
}

/** What concerns me: stays until I put it away. */
export function Notices() {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const blocked = useWatched(call.sound.blocked);
  const media = useWatched(call.mediaState);
  const devices = useWatched(call.devices.state);
  const connection = useConnectionNotes();
  const lines: ReactNode[] = [];
  if (room.connection === "lost") {
    lines.push(
      <Note key="lost" tone="sun">
        {m.connection_recovering()}
      </Note>,
    );
  } else if (media === "refused") {
    lines.push(
      <Note key="media" tone="brick">
        {m.room_media_refused()}
      </Note>,
    );
  }
  if (blocked) {
    lines.push(
      <Note
        key="sound"
        tone="sun"
        icon={Volume2}
        action={
          <Button size="small" onClick={() => call.sound.unblock()}>
            {m.room_sound_start()}
          </Button>
        }
      >
        {m.room_sound_blocked()}
      </Note>,
    );
  }
  for (const kind of ["microphone", "camera"] as const) {
    const { problem } = devices[kind];
    if (!problem) continue;
    lines.push(
      <Note
        key={kind}
        tone="brick"
        icon={TriangleAlert}
        action={
          <IconButton icon={X} label={m.room_notice_close()} onClick={() => call.devices.close(kind)} />
        }
      >
        {problemSentence(kind, problem)}
      </Note>,
    );
  }
  lines.push(...connection);
  for (const { id, notice } of room.notices) {
    lines.push(
      <Note
        key={id}
        tone={notice.kind === "back" ? "pine" : notice.kind === "refused" ? "brick" : "sun"}
        action={<IconButton icon={X} label={m.room_notice_close()} onClick={() => call.dismiss(id)} />}
      >
        <bdi>{noticeText(notice)}</bdi>
      </Note>,
    );
  }
  return (
    <div className={styles.notices} role="status" aria-label={m.room_notices()}>
      {lines}
    </div>
  );
}

const NAMES_SHOWN = 3;

/** For those who lead: hands in their order, and who waits in the lobby. */
export function Slips({ onLook }: { onLook(): void }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const mine = me(room);
  if (!mine || !leads(mine.role)) return null;
  const hands = room.hands.flatMap((id) => personOf(room, id) ?? []);
  const waiting = room.lobby?.waiting.length ?? 0;
  const [first] = hands;
  if (!first && waiting === 0) return null;
  return (
    <div className={styles.slips}>
      {first && (
        <div className="slip">
          <Icon of={Hand} />
          <p className="b">{m.room_slip_hands()}</p>
          <ol className={styles.queue}>
            {hands.slice(0, NAMES_SHOWN).map((person, place) => (
              <li key={person.id}>
                <span className={styles.place} aria-hidden="true">
                  {place + 1}
                </span>
                <bdi>{shortName(person.name)}</bdi>
              </li>
            ))}
            {hands.length > NAMES_SHOWN && (
              <li className="dim">{m.room_slip_more({ count: hands.length - NAMES_SHOWN })}</li>
            )}
          </ol>
          <Button size="small" onClick={() => void call.do({ name: "lower_hand", participant: first.id })}>
            {m.room_slip_lower_first({ name: shortName(first.name) })}
          </Button>
        </div>
      )}
      {waiting > 0 && (
        <div className="slip">
          <Icon of={DoorOpen} />
          <p className="grow">{m.room_slip_lobby({ count: waiting })}</p>
          <Button size="small" onClick={onLook}>
            {m.room_slip_look()}
          </Button>
        </div>
      )}
    </div>
  );
}
