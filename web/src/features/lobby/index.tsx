// The lobby: one sentence, the trainer's message, calm. Shows nothing of the room, because the waiting get nothing of it
// (S-06). Sound and picture can be checked meanwhile; a knock says something to the host.
import { Check, Mic, MicOff } from "lucide-react";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import type { Call } from "../../call/call";
import { m } from "../../i18n/m";
import { announce } from "../../ui/announcer";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { EntrancePage, Heading } from "../../ui/page";
import { CameraRow, MicrophoneRow, SpeakerRow, type Switches } from "../prejoin/device_rows";
import { Picture, streamOf } from "../prejoin/picture";
import prejoin from "../prejoin/prejoin.module.css";
import { useWatched } from "../prejoin/watched";
import styles from "./lobby.module.css";

type LobbyCall = Pick<Call, "room" | "own" | "devices" | "do" | "leave" | "setMicrophone" | "setCamera">;

function DeviceCheck({ call }: { call: LobbyCall }) {
  const devices = useWatched(call.devices.state);
  const own = useWatched(call.own);
  const switches: Switches = {
    microphone: own.microphone,
    camera: own.camera,
    set: (kind, on) => void (kind === "microphone" ? call.setMicrophone(on) : call.setCamera(on)),
  };
  return (
    <div className={prejoin.look}>
      {own.camera && devices.camera.track && (
        <div className={prejoin.mirror}>
          <Picture
            stream={streamOf(devices.camera.track)}
            className={prejoin.picture}
            aria-label={m.prejoin_picture()}
          />
        </div>
      )}
      <MicrophoneRow devices={call.devices} switches={switches} />
      <CameraRow devices={call.devices} switches={switches} />
      <SpeakerRow devices={call.devices} />
    </div>
  );
}

function Knock({ call }: { call: LobbyCall }) {
  const [text, setText] = useState("");
  const [sent, setSent] = useState(false);
  const field = useId();
  const knock = async (event: FormEvent) => {
    event.preventDefault();
    const said = text.trim();
    if (said === "" || !(await call.do({ name: "knock", text: said }))) return;
    setText("");
    setSent(true);
  };
  return (
    <form className={styles.knock} onSubmit={(event) => void knock(event)}>
      <label htmlFor={field}>{m.lobby_knock()}</label>
      <div className="row">
        <input
          id={field}
          className="input"
          value={text}
          maxLength={200}
          onChange={(event) => {
            setText(event.target.value);
            setSent(false);
          }}
        />
        <Button type="submit">{m.lobby_knock_send()}</Button>
      </div>
      <p className="s dim" role="status">
        {sent ? m.lobby_knock_sent() : ""}
      </p>
    </form>
  );
}

export function Lobby({ call, title, name }: { call: LobbyCall; title: string; name: string }) {
  const room = useWatched(call.room);
  const [checking, setChecking] = useState(false);
  const lost = room.connection === "lost";
  const message = useRef(room.lobbyMessage);
  useEffect(() => {
    if (room.lobbyMessage !== null && room.lobbyMessage !== message.current) announce(room.lobbyMessage);
    message.current = room.lobbyMessage;
  }, [room.lobbyMessage]);
  return (
    <EntrancePage>
      <div className={styles.lobby}>
        <div>
          <p className={styles.where}>{title}</p>
          <Heading className={styles.title}>{m.lobby_title()}</Heading>
        </div>
        <p role="status">{lost ? m.lobby_lost() : m.lobby_text()}</p>
        {room.lobbyMessage !== null && (
          <section className={styles.note} aria-label={m.lobby_message_from()}>
            <p className="s b">{m.lobby_message_from()}</p>
            <p className={styles.said} dir="auto">
              {room.lobbyMessage}
            </p>
          </section>
        )}
        <ul className={styles.me}>
          <li>
            <Icon of={Check} />
            <span dir="auto">{m.lobby_name({ name })}</span>
          </li>
          <li className="dim">
            <Icon of={MicOff} />
            {m.lobby_unseen()}
          </li>
        </ul>
        {checking && <DeviceCheck call={call} />}
        <Knock call={call} />
        <div className={styles.acts}>
          <Button
            look="primary"
            icon={checking ? Check : Mic}
            aria-expanded={checking}
            onClick={() => setChecking(!checking)}
          >
            {checking ? m.lobby_devices_done() : m.lobby_devices()}
          </Button>
          <Button look="ghost" className={styles.out ?? ""} onClick={() => call.leave()}>
            {m.lobby_leave()}
          </Button>
        </div>
      </div>
    </EntrancePage>
  );
}

/** Between the click on "Eintreten" and the first word of the server. */
export function Connecting({ title, lost }: { title: string; lost: boolean }) {
  return (
    <EntrancePage>
      <Heading>{title}</Heading>
      <p role="status">{lost ? m.lobby_lost() : m.lobby_connecting()}</p>
    </EntrancePage>
  );
}
