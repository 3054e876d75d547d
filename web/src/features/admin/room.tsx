// One room's settings: a column of headed groups, each with its current answer as a sentence. Every change is sent at
// once with the version it was made from; if somebody else was faster, the new state is shown and said so.
import { NotebookPen, Trash2 } from "lucide-react";
import { type FormEvent, type ReactNode, useCallback, useRef, useState } from "react";
import { codeOf, type Failure } from "../../api/client";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { navigate } from "../../router";
import { announce } from "../../ui/announcer";
import { Button, LinkButton } from "../../ui/button";
import { TextField } from "../../ui/field";
import { BackLink, Heading } from "../../ui/page";
import { toast } from "../../ui/toast";
import { Chip, Note } from "../../ui/words";
import type { Room, RoomPolicy, RoomSettings } from "../../wire/types";
import { DeleteRoomDialog } from "./delete_room";
import { AdminFrame } from "./frame";
import { useLoaded } from "./load";
import styles from "./room.module.css";
import { RoomLinks } from "./room_links";

/** `limits::ROOM_PEOPLE_MAX` */
const PEOPLE_MAX = 500;

export default function RoomPage({ id }: { id: string }) {
  return <AdminFrame>{() => <RoomSettingsPage id={id} />}</AdminFrame>;
}

function RoomSettingsPage({ id }: { id: string }) {
  const load = useCallback((signal: AbortSignal) => api.room(id, signal), [id]);
  const { data: room, failure, reload, set } = useLoaded(load);
  if (!room) {
    return failure ? (
      <div className="stack-v">
        <BackLink href="/admin/rooms">{m.room_back()}</BackLink>
        <Note tone="brick" alert action={<Button onClick={reload}>{m.try_again()}</Button>}>
          {sentence(failure)}
        </Note>
      </div>
    ) : (
      <p role="status">{m.loading()}</p>
    );
  }
  return <Groups room={room} onRoom={set} />;
}

function Groups({ room, onRoom }: { room: Room; onRoom(room: Room): void }) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [deleting, setDeleting] = useState(false);
  const { settings, change } = useChanges(room, onRoom, setFailure);

  return (
    <div className={styles.column}>
      <BackLink href="/admin/rooms">{m.room_back()}</BackLink>
      <div className={styles.head}>
        <div className="grow">
          <Heading title={settings.name}>
            <bdi>{settings.name}</bdi>
          </Heading>
          <p className={styles.state}>
            {room.people > 0 ? (
              <Chip tone="sun">{m.people({ count: room.people })}</Chip>
            ) : (
              <Chip>{m.rooms_nobody()}</Chip>
            )}
            {room.waiting > 0 && <Chip tone="sun">{m.rooms_in_lobby({ count: room.waiting })}</Chip>}
          </p>
        </div>
        <LinkButton href={`/r/${room.id}`} look="primary">
          {room.people > 0 ? m.rooms_join_in() : m.rooms_enter()}
        </LinkButton>
      </div>
      {failure && (
        <Note tone={failure === "conflict" ? "sun" : "brick"} alert>
          {failure === "conflict" ? m.room_changed_elsewhere() : sentence(failure)}
        </Note>
      )}

      <Group id="links" title={m.room_group_links()}>
        <RoomLinks room={room.id} />
      </Group>
      <Group id="title" title={m.room_group_title()} answer={m.room_title_now({ name: settings.name })}>
        <TitleForm key={room.settings.name} name={room.settings.name} onSave={(name) => change({ name })} />
      </Group>
      <Group
        id="entrance"
        title={m.room_group_entrance()}
        answer={settings.lobby ? m.room_entrance_lobby() : m.room_entrance_open()}
      >
        <label className="check">
          <input
            type="checkbox"
            checked={settings.lobby}
            onChange={(event) => void change({ lobby: event.target.checked })}
          />
          <span>{m.room_lobby_field()}</span>
        </label>
        <PeopleMax
          key={room.settings.people_max}
          value={room.settings.people_max}
          onSave={(people_max) => change({ people_max })}
        />
      </Group>
      <Group id="may" title={m.room_group_may()} answer={policySentence(settings.policy)}>
        <PolicyTable policy={settings.policy} onChange={(policy) => void change({ policy })} />
      </Group>
      <Group id="pad" title={m.room_group_pad()} answer={settings.pad ? m.room_pad_on() : m.room_pad_off()}>
        <label className="check">
          <input
            type="checkbox"
            checked={settings.pad}
            onChange={(event) => void change({ pad: event.target.checked })}
          />
          <span>{m.room_pad_field()}</span>
        </label>
        {settings.pad && room.pad && (
          <p>
            <LinkButton href={`/pad/${room.pad}`} icon={NotebookPen} size="small">
              {m.room_pad_open()}
            </LinkButton>
          </p>
        )}
      </Group>
      <Group id="delete" title={m.room_group_end()} answer={m.room_end_text()}>
        <p>
          <Button look="leave" size="small" icon={Trash2} onClick={() => setDeleting(true)}>
            {m.rooms_delete()}
          </Button>
        </p>
      </Group>
      {deleting && (
        <DeleteRoomDialog
          room={room}
          onClose={() => setDeleting(false)}
          onDeleted={() => {
            toast(m.rooms_deleted());
            navigate("/admin/rooms", { replace: true });
          }}
        />
      )}
    </div>
  );
}

/**
 * Changes are shown at once and sent one after the other, each made from what the one before came back with: two quick
 * clicks must not look like two people.
 */
function useChanges(room: Room, onRoom: (room: Room) => void, onFailure: (failure: Failure | null) => void) {
  const [waiting, setWaiting] = useState<readonly Partial<RoomSettings>[]>([]);
  const newest = useRef(room);
  newest.current =
    room.version >= newest.current.version || room.id !== newest.current.id ? room : newest.current;
  const queue = useRef<Promise<unknown>>(Promise.resolve());

  const send = async (changed: Partial<RoomSettings>): Promise<Failure | null> => {
    const from = newest.current;
    try {
      newest.current = await api.changeRoom(from.id, from.version, { ...from.settings, ...changed });
      announce(m.saved());
      return null;
    } catch (error) {
      const code = codeOf(error);
      if (code === "conflict") newest.current = await api.room(from.id).catch(() => from);
      onFailure(code);
      return code;
    } finally {
      setWaiting((all) => all.filter((one) => one !== changed));
      onRoom(newest.current);
    }
  };

  const change = (changed: Partial<RoomSettings>): Promise<Failure | null> => {
    onFailure(null);
    setWaiting((all) => [...all, changed]);
    const sent = queue.current.then(() => send(changed));
    queue.current = sent;
    return sent;
  };
  return { settings: Object.assign({}, room.settings, ...waiting) as RoomSettings, change };
}

function Group(props: { id: string; title: string; answer?: string; children: ReactNode }) {
  return (
    <section className={styles.group} aria-labelledby={`group-${props.id}`}>
      <h2 id={`group-${props.id}`}>{props.title}</h2>
      <div className={styles.body}>
        {props.answer && <p className={styles.answer}>{props.answer}</p>}
        {props.children}
      </div>
    </section>
  );
}

function TitleForm({ name, onSave }: { name: string; onSave(name: string): Promise<Failure | null> }) {
  const [value, setValue] = useState(name);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFailure(value.trim() === "" ? "name_empty" : await onSave(value.trim()));
  };
  const atField = failure?.startsWith("name_") ? sentence(failure) : undefined;
  return (
    <form className={styles.inline} onSubmit={(event) => void submit(event)} noValidate>
      <div className="grow">
        <TextField
          label={m.room_title_field()}
          error={atField}
          maxLength={120}
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      </div>
      {value.trim() !== name && <Button type="submit">{m.save()}</Button>}
    </form>
  );
}

function PeopleMax({ value, onSave }: { value: number; onSave(value: number): Promise<Failure | null> }) {
  const [text, setText] = useState(String(value));
  const number = Number(text);
  const fits = Number.isInteger(number) && number >= 1 && number <= PEOPLE_MAX;
  return (
    <form
      className={styles.inline}
      onSubmit={(event) => {
        event.preventDefault();
        if (fits) void onSave(number);
      }}
      noValidate
    >
      <div className={styles.number}>
        <TextField
          label={m.room_people_max()}
          {...(fits
            ? { help: m.room_people_max_help({ max: PEOPLE_MAX }) }
            : { error: m.room_people_max_help({ max: PEOPLE_MAX }) })}
          inputMode="numeric"
          value={text}
          onChange={(event) => setText(event.target.value.replace(/\D/g, ""))}
        />
      </div>
      {number !== value && fits && <Button type="submit">{m.save()}</Button>}
    </form>
  );
}

const ABILITIES = ["speak", "show", "share", "chat", "write"] as const;

function abilityName(ability: (typeof ABILITIES)[number]): string {
  return {
    speak: m.room_may_speak,
    show: m.room_may_show,
    share: m.room_may_share,
    chat: m.room_may_chat,
    write: m.room_may_write,
  }[ability]();
}

export function policySentence(policy: RoomPolicy): string {
  const kept = ABILITIES.filter((ability) => policy[ability] === "trainers");
  if (kept.length === 0) return m.room_may_all();
  if (kept.length === ABILITIES.length) return m.room_may_only_leaders();
  return m.room_may_leaders_only({ list: kept.map(abilityName).join(", ") });
}

function PolicyTable({ policy, onChange }: { policy: RoomPolicy; onChange(policy: RoomPolicy): void }) {
  return (
    <div className={styles.policy}>
      {ABILITIES.map((ability) => (
        <fieldset key={ability}>
          <legend>{abilityName(ability)}</legend>
          {(["everyone", "trainers"] as const).map((audience) => (
            <label key={audience} className="check">
              <input
                type="radio"
                name={`may-${ability}`}
                checked={policy[ability] === audience}
                onChange={() => onChange({ ...policy, [ability]: audience })}
              />
              <span>{audience === "everyone" ? m.audience_everyone() : m.audience_trainers()}</span>
            </label>
          ))}
        </fieldset>
      ))}
    </div>
  );
}
