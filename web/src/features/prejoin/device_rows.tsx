// One row for each device: what it is, how it is in words, and the one button. Native controls only, because this is
// part of the join page. Used before joining, in the lobby and in the room's device dialog.
import { Mic, MicOff, Play, Video, VideoOff, Volume2 } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { Devices, InputKind, Problem } from "../../call/devices";
import { LEVEL_STEPS, type Level, playTest, watchLevel } from "../../call/level";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import styles from "./prejoin.module.css";
import { useWatched } from "./watched";

const PROBLEMS: Record<InputKind, Record<Problem, () => string>> = {
  microphone: {
    blocked: m.device_microphone_blocked,
    missing: m.device_microphone_missing,
    in_use: m.device_microphone_in_use,
    unsupported: m.device_unsupported,
    failed: m.device_failed,
  },
  camera: {
    blocked: m.device_camera_blocked,
    missing: m.device_camera_missing,
    in_use: m.device_camera_in_use,
    unsupported: m.device_unsupported,
    failed: m.device_failed,
  },
};

export const problemSentence = (kind: InputKind, problem: Problem): string => PROBLEMS[kind][problem]();

/** What the button of a device says; its spoken name ends with the same words. */
const switchWord = (on: boolean, problem: Problem | null): string =>
  problem ? m.try_again() : on ? m.device_switch_off() : m.device_switch_on();

function Row(props: {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  action: ReactNode;
  problem?: boolean;
}) {
  return (
    <div className={props.problem ? `${styles.device} ${styles.trouble}` : styles.device}>
      {props.icon}
      <div>
        <p className="b">{props.title}</p>
        {props.children}
      </div>
      {props.action}
    </div>
  );
}

/** The meter and what it means. Its bars are decoration; the words say the same. */
function LevelLine({ track }: { track: MediaStreamTrack }) {
  const [level, setLevel] = useState<Level & { heard: boolean }>({ steps: 0, silent: false, heard: false });
  useEffect(
    () =>
      watchLevel(track, (now) =>
        setLevel((before) => ({ ...now, heard: !now.silent && (before.heard || now.steps > 2) })),
      ),
    [track],
  );
  const words = level.silent ? m.device_silent() : level.heard ? m.device_heard() : m.device_listening();
  return (
    <p className={`s ${styles.levelLine}`}>
      <span className={styles.level} aria-hidden="true">
        {Array.from({ length: LEVEL_STEPS }, (_, step) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the bars never change their order
          <b key={step} className={step < level.steps ? styles.lit : undefined} />
        ))}
      </span>
      <span role="status">{words}</span>
    </p>
  );
}

function Choice(props: {
  label: string;
  value: string | null;
  devices: readonly MediaDeviceInfo[];
  onChange(deviceId: string): void;
  fallback?: string;
}) {
  const known = props.devices.some((device) => device.deviceId === props.value);
  return (
    <select
      className={styles.choice}
      aria-label={props.label}
      value={known ? (props.value ?? "") : ""}
      onChange={(event) => props.onChange(event.target.value)}
    >
      {!known && <option value="">{props.fallback ?? props.label}</option>}
      {props.devices.map((device) => (
        <option key={device.deviceId} value={device.deviceId}>
          {device.label}
        </option>
      ))}
    </select>
  );
}

/** Which inputs this person wants; before joining that is whether the device is open. */
export interface Switches {
  microphone: boolean;
  camera: boolean;
  set(kind: InputKind, on: boolean): void;
}

export function MicrophoneRow({ devices, switches }: { devices: Devices; switches: Switches }) {
  const state = useWatched(devices.state);
  const { track, problem, opening, deviceId } = state.microphone;
  const on = switches.microphone && track !== null;
  return (
    <Row
      icon={<Icon of={on ? Mic : MicOff} />}
      title={on ? m.device_microphone_on() : m.device_microphone_off()}
      problem={problem !== null}
      action={
        <Button
          size="small"
          busy={opening && m.device_opening()}
          onClick={() => switches.set("microphone", !on)}
          aria-label={`${m.device_microphone()}: ${switchWord(on, problem)}`}
        >
          {switchWord(on, problem)}
        </Button>
      }
    >
      {problem && (
        <p className="s" role="alert">
          {problemSentence("microphone", problem)}
        </p>
      )}
      {on && <LevelLine track={track} />}
      {!on && !problem && <p className="s dim">{m.device_off_hint()}</p>}
      {state.microphones.length > 1 && (on || problem) && (
        <Choice
          label={m.device_choose_microphone()}
          value={deviceId}
          devices={state.microphones}
          onChange={(id) => void devices.open("microphone", id)}
        />
      )}
    </Row>
  );
}

export function CameraRow({ devices, switches }: { devices: Devices; switches: Switches }) {
  const state = useWatched(devices.state);
  const { track, problem, opening, deviceId, label } = state.camera;
  const on = switches.camera && track !== null;
  return (
    <Row
      icon={<Icon of={on ? Video : VideoOff} />}
      title={on ? m.device_camera_on() : m.device_camera_off()}
      problem={problem !== null}
      action={
        <Button
          size="small"
          busy={opening && m.device_opening()}
          onClick={() => switches.set("camera", !on)}
          aria-label={`${m.device_camera()}: ${switchWord(on, problem)}`}
        >
          {switchWord(on, problem)}
        </Button>
      }
    >
      {problem && (
        <p className="s" role="alert">
          {problemSentence("camera", problem)}
        </p>
      )}
      {!on && !problem && <p className="s dim">{m.device_camera_off_hint()}</p>}
      {on && state.cameras.length <= 1 && <p className="s dim">{label}</p>}
      {state.cameras.length > 1 && (on || problem) && (
        <Choice
          label={m.device_choose_camera()}
          value={deviceId}
          devices={state.cameras}
          onChange={(id) => void devices.open("camera", id)}
        />
      )}
    </Row>
  );
}

export function SpeakerRow({ devices }: { devices: Devices }) {
  const state = useWatched(devices.state);
  const [playing, setPlaying] = useState(false);
  const test = async () => {
    setPlaying(true);
    // A browser without any output device cannot play: the question below stays, which is the point of the test.
    await playTest(state.speaker).catch(() => {});
    setPlaying(false);
  };
  return (
    <Row
      icon={<Icon of={Volume2} />}
      title={m.device_speaker()}
      action={
        <Button size="small" icon={Play} busy={playing && m.device_testing()} onClick={() => void test()}>
          {m.device_test()}
        </Button>
      }
    >
      <p className="s dim">{m.device_test_question()}</p>
      {devices.speakerChoice && state.speakers.length > 1 && (
        <Choice
          label={m.device_choose_speaker()}
          value={state.speaker}
          devices={state.speakers}
          fallback={m.device_default()}
          onChange={(id) => devices.chooseSpeaker(id === "" ? null : id)}
        />
      )}
    </Row>
  );
}
