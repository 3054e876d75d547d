// Who waits and who is here. Those who lead let people in, deny, and find for each person what they can do.
import { DoorOpen, Ellipsis, Mic, MicOff, MonitorUp, UserX, Video } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { Button as PressButton } from "react-aria-components";
import { m } from "../../i18n/m";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { Avatar } from "../../ui/words";
import type { Lobby, Person } from "../../wire/room";
import { useWatched } from "../prejoin/watched";
import { actionsFor, type PersonDeeds } from "./actions";
import { weakWord } from "./connection";
import { useRoomCall } from "./context";
import { ActionMenu } from "./overlays";
import styles from "./panels.module.css";
import { roleWord } from "./people";
import { HandMark } from "./tile";

function WaitingList({ lobby }: { lobby: Lobby }) {
  const call = useRoomCall();
  const [text, setText] = useState(lobby.message ?? "");
  const field = useId();
  const show = (event: FormEvent) => {
    event.preventDefault();
    void call.do({ name: "lobby_message", text: text.trim() === "" ? null : text.trim() });
  };
  return (
    <section className={styles.group} aria-label={m.people_waiting()}>
      <header className={styles.groupHead}>
        <h3>
          {m.people_waiting()} <span className="dim num">{lobby.waiting.length}</span>
        </h3>
        {lobby.waiting.length > 1 && (
          <Button
            size="small"
            icon={DoorOpen}
            onClick={() => void call.do({ name: "admit", participant: null })}
          >
            {m.people_admit_all()}
          </Button>
        )}
      </header>
      <ul>
        {lobby.waiting.map((person) => (
          <li key={person.id} className={styles.waiting}>
            <div className="grow">
              <p className="b">
                <bdi>{person.name}</bdi>
              </p>
              {person.knock !== null && (
                <p className="s dim" dir="auto">
                  {person.knock}
                </p>
              )}
            </div>
            <Button
              size="small"
              aria-label={m.people_admit_name({ name: person.name })}
              onClick={() => void call.do({ name: "admit", participant: person.id })}
            >
              {m.people_admit()}
            </Button>
            <IconButton
              icon={UserX}
              label={m.people_deny_name({ name: person.name })}
              onClick={() => void call.do({ name: "deny", participant: person.id })}
            />
          </li>
        ))}
      </ul>
      <form className={styles.tell} onSubmit={show}>
        <label htmlFor={field} className="s">
          {m.people_message()}
        </label>
        <div className="row">
          <input
            id={field}
            className="input"
            value={text}
            maxLength={500}
            onChange={(event) => setText(event.target.value)}
          />
          <Button type="submit" size="small">
            {text.trim() === "" && lobby.message !== null
              ? m.people_message_clear()
              : m.people_message_save()}
          </Button>
        </div>
        <p className="s dim" role="status">
          {lobby.message !== null && lobby.message === text.trim() ? m.people_message_shown() : ""}
        </p>
      </form>
    </section>
  );
}

function PersonRow({ person, deeds }: { person: Person; deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const speaking = useWatched(call.speaking).has(person.id);
  const own = person.id === room.you;
  const place = room.hands.indexOf(person.id) + 1;
  const mic = person.sources.includes("microphone");
  const words = [
    roleWord(person.role),
    speaking ? m.room_speaking() : null,
    person.sources.includes("screen") ? m.people_shares() : null,
    person.connected ? null : m.room_offline(),
    weakWord(call, person),
  ].filter((word) => word !== null);
  const label = m.people_menu({ name: person.name });
  return (
    <li className={styles.person}>
      <Avatar name={person.name} id={person.id} />
      <div className="grow">
        <p className="b">
          <bdi>{own ? m.room_you({ name: person.name }) : person.name}</bdi>
        </p>
        {words.length > 0 && <p className="s dim">{words.join(" · ")}</p>}
      </div>
      {place > 0 && <HandMark place={place} />}
      <span className={speaking ? `${styles.state} ${styles.stateSpeaks}` : styles.state}>
        {person.sources.includes("screen") && <Icon of={MonitorUp} />}
        {person.sources.includes("camera") && (
          <>
            <Icon of={Video} />
            <span className="sr">{m.people_camera_on()},</span>
          </>
        )}
        <Icon of={mic ? Mic : MicOff} />
        <span className="sr">{mic ? m.people_mic_on() : m.room_muted()}</span>
      </span>
      <ActionMenu label={label} actions={actionsFor(call, room, person, deeds)}>
        <PressButton className="icon-btn" aria-label={label}>
          <Icon of={Ellipsis} />
        </PressButton>
      </ActionMenu>
    </li>
  );
}

export function PeoplePanel({ deeds }: { deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const place = (person: Person) => {
    const hand = room.hands.indexOf(person.id);
    return hand < 0 ? Number.POSITIVE_INFINITY : hand;
  };
  // Raised hands first, in their order; the others as they came.
  const people = [...room.people].sort((a, b) => {
    const [first, second] = [place(a), place(b)];
    return first === second ? 0 : first - second;
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list has to be reachable by keyboard
    <div className={styles.lists} tabIndex={0}>
      {room.lobby && (room.lobby.waiting.length > 0 || room.lobby.message !== null) && (
        <WaitingList lobby={room.lobby} />
      )}
      <section className={styles.group} aria-label={m.people_here()}>
        <header className={styles.groupHead}>
          <h3>
            {m.people_here()} <span className="dim num">{people.length}</span>
          </h3>
        </header>
        <ul>
          {people.map((person) => (
            <PersonRow key={person.id} person={person} deeds={deeds} />
          ))}
        </ul>
      </section>
    </div>
  );
}
