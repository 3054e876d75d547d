// Before the door: see yourself, hear yourself, say who you are, go in. Everything is off until switched on (P-06),
// nothing leaves the browser before "Eintreten" (P-17), and it works without any device. Part of the join page.
import { Clock, RotateCcw, Video } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { codeOf } from "../../api/client";
import type { Devices, InputKind } from "../../call/devices";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import type { MeetingProps } from "../../meeting";
import { Button } from "../../ui/button";
import { FieldError } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { EntrancePage, Heading } from "../../ui/page";
import { Note } from "../../ui/words";
import type { Joined } from "../../wire/types";
import { CameraRow, MicrophoneRow, SpeakerRow, type Switches } from "./device_rows";
import { Picture, streamOf } from "./picture";
import styles from "./prejoin.module.css";
import { useWatched } from "./watched";

export interface Entering {
  joined: Joined;
  name: string;
  microphone: boolean;
  camera: boolean;
}

/** Codes that belong to the name field, not to the page. */
const NAME_CODES = new Set(["name_empty", "name_too_long", "name_forbidden"]);

function Look({ devices }: { devices: Devices }) {
  const { camera } = useWatched(devices.state);
  if (camera.problem === "blocked") {
    return (
      <div className={styles.deny}>
        <h2>{m.device_blocked_title_camera()}</h2>
        <p>{m.device_blocked_intro()}</p>
        <ol>
          <li>{m.device_blocked_step1()}</li>
          <li>{m.device_blocked_step2()}</li>
          <li>{m.device_blocked_step3()}</li>
        </ol>
        <p>
          <Button size="small" icon={RotateCcw} onClick={() => void devices.open("camera")}>
            {m.try_again()}
          </Button>
        </p>
      </div>
    );
  }
  return (
    <div className={styles.mirror}>
      {camera.track ? (
        <>
          <Picture
            stream={streamOf(camera.track)}
            className={styles.picture}
            aria-label={m.prejoin_picture()}
          />
          <p className={styles.tag}>
            <Icon of={Video} />
            {m.prejoin_picture()}
          </p>
        </>
      ) : (
        <>
          <svg
            className={styles.light}
            viewBox="0 0 320 200"
            preserveAspectRatio="xMidYMid slice"
            aria-hidden="true"
          >
            <path d="M60 0h62l60 200h-62ZM134 0h62l60 200h-62Z" fill="var(--light)" />
          </svg>
          <p className={styles.dark}>{m.prejoin_no_picture()}</p>
        </>
      )}
    </div>
  );
}

export function Prejoin(props: {
  meeting: MeetingProps;
  devices: Devices;
  onEntered(entering: Entering): void;
}) {
  const { meeting, devices } = props;
  const { entrance } = meeting;
  const state = useWatched(devices.state);
  const [name, setName] = useState(entrance.known_as ?? "");
  const [problem, setProblem] = useState<ReturnType<typeof codeOf> | null>(null);
  const [entering, setEntering] = useState(false);
  const field = useId();

  const switches: Switches = {
    microphone: state.microphone.track !== null,
    camera: state.camera.track !== null,
    set: (kind: InputKind, on) => (on ? void devices.open(kind) : devices.close(kind)),
  };

  const enter = async (event: FormEvent) => {
    event.preventDefault();
    if (entering) return;
    if (name.trim() === "") {
      setProblem("name_empty");
      document.getElementById(field)?.focus();
      return;
    }
    setEntering(true);
    setProblem(null);
    try {
      const joined = await meeting.join(name.trim());
      const { microphone, camera } = devices.state.get();
      props.onEntered({
        joined,
        name: name.trim(),
        microphone: microphone.track !== null,
        camera: camera.track !== null,
      });
    } catch (reason) {
      const code = codeOf(reason);
      setProblem(code);
      setEntering(false);
      if (NAME_CODES.has(code)) document.getElementById(field)?.focus();
    }
  };

  const nameProblem = problem !== null && NAME_CODES.has(problem) ? sentence(problem) : undefined;
  const help = !meeting.account ? m.prejoin_name_help() : m.prejoin_name_help_account();
  return (
    <EntrancePage wide>
      <div className={styles.page}>
        <section className={styles.look} aria-label={m.prejoin_check()}>
          <Look devices={devices} />
          <MicrophoneRow devices={devices} switches={switches} />
          {state.camera.problem !== "blocked" && <CameraRow devices={devices} switches={switches} />}
          <SpeakerRow devices={devices} />
        </section>
        <section className={styles.door}>
          <p className={`chip ${styles.open}`}>
            <Icon of={Clock} />
            {entrance.people > 0 ? m.prejoin_open_people({ count: entrance.people }) : m.prejoin_open_empty()}
          </p>
          <Heading className={styles.title}>{entrance.name}</Heading>
          <p className={styles.host}>{m.prejoin_host({ organisation: entrance.organisation.name })}</p>
          <form onSubmit={(event) => void enter(event)} noValidate>
            <div className="field">
              <label htmlFor={field}>{m.prejoin_name()}</label>
              <input
                className="input"
                id={field}
                value={name}
                onChange={(event) => {
                  setName(event.target.value);
                  if (problem !== null && NAME_CODES.has(problem)) setProblem(null);
                }}
                autoComplete="name"
                maxLength={120}
                aria-invalid={nameProblem ? true : undefined}
                aria-describedby={`${field}-note`}
              />
              {nameProblem ? (
                <FieldError id={`${field}-note`} text={nameProblem} />
              ) : (
                <p className="help" id={`${field}-note`}>
                  {help}
                </p>
              )}
            </div>
            {problem !== null && !nameProblem && (
              <Note tone="brick" alert>
                {sentence(problem)}
              </Note>
            )}
            <Button type="submit" look="primary" size="big" busy={entering && m.prejoin_entering()}>
              {state.camera.problem === "blocked" ? m.prejoin_enter_without_camera() : m.prejoin_enter()}
            </Button>
          </form>
          {entrance.lobby && <p className={styles.hint}>{m.prejoin_lobby_hint()}</p>}
          {entrance.role === "read_only" && <p className={styles.hint}>{m.prejoin_read_only_hint()}</p>}
        </section>
      </div>
    </EntrancePage>
  );
}
