// The room's dialogs: devices, name, who may do what, keys, and the two questions before something serious.
import { type FormEvent, useState } from "react";
import { me } from "../../call/room_store";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { TextField } from "../../ui/field";
import type { Person } from "../../wire/room";
import type { Audience, RoomPolicy } from "../../wire/types";
import { CameraRow, MicrophoneRow, SpeakerRow, type Switches } from "../prejoin/device_rows";
import { Picture, streamOf } from "../prejoin/picture";
import prejoin from "../prejoin/prejoin.module.css";
import { useWatched } from "../prejoin/watched";
import { ConnectionDialog } from "./connection";
import { useRoomCall } from "./context";
import { Card } from "./overlays";
import styles from "./room.module.css";

export type Open =
  | { name: "devices" }
  | { name: "connection" }
  | { name: "rename" }
  | { name: "policy" }
  | { name: "shortcuts" }
  | { name: "end" }
  | { name: "remove"; person: Person }
  | null;

interface DialogProps {
  onClose(): void;
}

function DevicesDialog({ onClose }: DialogProps) {
  const call = useRoomCall();
  const own = useWatched(call.own);
  const devices = useWatched(call.devices.state);
  const switches: Switches = {
    microphone: own.microphone,
    camera: own.camera,
    set: (kind, on) => void (kind === "microphone" ? call.setMicrophone(on) : call.setCamera(on)),
  };
  return (
    <Card title={m.room_devices()} open onClose={onClose}>
      {own.camera && devices.camera.track && (
        <div className={prejoin.mirror}>
          <Picture
            stream={streamOf(devices.camera.track)}
            className={prejoin.picture}
            aria-label={m.prejoin_picture()}
          />
        </div>
      )}
      <div>
        <MicrophoneRow devices={call.devices} switches={switches} />
        <CameraRow devices={call.devices} switches={switches} />
        <SpeakerRow devices={call.devices} />
      </div>
    </Card>
  );
}

function RenameDialog({ onClose }: DialogProps) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const [name, setName] = useState(me(room)?.name ?? "");
  const rename = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== "" && (await call.do({ name: "rename", to: name.trim() }))) onClose();
  };
  return (
    <Card title={m.room_rename()} open onClose={onClose}>
      <form className="fields" onSubmit={(event) => void rename(event)}>
        <TextField
          label={m.room_rename_label()}
          value={name}
          maxLength={60}
          onChange={(event) => setName(event.target.value)}
        />
        <div className={styles.verbs}>
          <Button onClick={onClose}>{m.cancel()}</Button>
          <Button type="submit" look="primary">
            {m.save()}
          </Button>
        </div>
      </form>
    </Card>
  );
}

const POLICY: readonly { key: keyof RoomPolicy; label: () => string }[] = [
  { key: "speak", label: m.room_policy_speak },
  { key: "show", label: m.room_policy_show },
  { key: "share", label: m.room_policy_share },
  { key: "chat", label: m.room_policy_chat },
  { key: "write", label: m.room_policy_write },
];

function PolicyDialog({ onClose }: DialogProps) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const set = (key: keyof RoomPolicy, audience: Audience) =>
    void call.do({ name: "policy", policy: { ...room.policy, [key]: audience } });
  return (
    <Card title={m.room_policy()} open onClose={onClose}>
      <div className={styles.policy}>
        {POLICY.map(({ key, label }) => (
          <label key={key}>
            <span>{label()}</span>
            <select
              className="input"
              value={room.policy[key]}
              onChange={(event) => set(key, event.target.value as Audience)}
            >
              <option value="everyone">{m.room_policy_everyone()}</option>
              <option value="trainers">{m.room_policy_trainers()}</option>
            </select>
          </label>
        ))}
      </div>
      <div className={styles.verbs}>
        <Button look="primary" onClick={onClose}>
          {m.room_policy_done()}
        </Button>
      </div>
    </Card>
  );
}

const KEYS: readonly (readonly [key: string, label: () => string])[] = [
  ["M", m.room_shortcut_mic],
  ["K", m.room_shortcut_camera],
  ["H", m.room_shortcut_hand],
  ["C", m.room_shortcut_chat],
  ["P", m.room_shortcut_pad],
  ["F6", m.room_shortcut_areas],
];

function ShortcutsDialog(props: DialogProps & { on: boolean; set(on: boolean): void }) {
  return (
    <Card title={m.room_shortcuts()} open onClose={props.onClose}>
      <p>{m.room_shortcuts_intro()}</p>
      <dl className={styles.keys}>
        {KEYS.map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label()}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={props.on} onChange={(event) => props.set(event.target.checked)} />
        {m.room_shortcuts_on()}
      </label>
    </Card>
  );
}

/** A question with two verbs. */
function Question(props: DialogProps & { title: string; text: string; verb: string; run(): void }) {
  return (
    <Card title={props.title} open serious onClose={props.onClose}>
      <p>{props.text}</p>
      <div className={styles.verbs}>
        <Button onClick={props.onClose}>{m.cancel()}</Button>
        <Button
          look="leave"
          onClick={() => {
            props.run();
            props.onClose();
          }}
        >
          {props.verb}
        </Button>
      </div>
    </Card>
  );
}

export function Dialogs(props: {
  open: Open;
  onClose(): void;
  shortcuts: boolean;
  setShortcuts(on: boolean): void;
}) {
  const call = useRoomCall();
  const { open, onClose } = props;
  switch (open?.name) {
    case "devices":
      return <DevicesDialog onClose={onClose} />;
    case "connection":
      return <ConnectionDialog onClose={onClose} />;
    case "rename":
      return <RenameDialog onClose={onClose} />;
    case "policy":
      return <PolicyDialog onClose={onClose} />;
    case "shortcuts":
      return <ShortcutsDialog onClose={onClose} on={props.shortcuts} set={props.setShortcuts} />;
    case "end":
      return (
        <Question
          title={m.room_end_title()}
          text={m.room_end_all_text()}
          verb={m.room_end()}
          onClose={onClose}
          run={() => void call.do({ name: "end_for_all" })}
        />
      );
    case "remove": {
      const { person } = open;
      return (
        <Question
          title={m.room_remove_title({ name: person.name })}
          text={m.room_remove_text()}
          verb={m.room_remove()}
          onClose={onClose}
          run={() => void call.do({ name: "remove", participant: person.id })}
        />
      );
    }
    default:
      return null;
  }
}
