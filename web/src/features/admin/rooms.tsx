// The administration's home: rooms that are open now on top, the others below, a new one in one field.
import { DoorClosed, Hourglass, Link2, MoreHorizontal, Plus, Search, Settings, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { Link, navigate } from "../../router";
import { EmptyWindow } from "../../ui/brand";
import { Button, LinkButton } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { MenuButton } from "../../ui/menu";
import { Heading } from "../../ui/page";
import { toast } from "../../ui/toast";
import { useSubmit } from "../../ui/use_submit";
import { Chip, Note } from "../../ui/words";
import type { Room } from "../../wire/types";
import { DeleteRoomDialog } from "./delete_room";
import { AdminFrame } from "./frame";
import { useLoaded } from "./load";
import styles from "./rooms.module.css";

/** From this many rooms on there is a search field. */
const SEARCH_FROM = 6;

/** The room's link for participants; made when there is none yet. */
export async function participantLink(room: string): Promise<string> {
  const known = (await api.invitations(room)).find((link) => link.role === "participant");
  return (known ?? (await api.createInvitation(room, "participant", null))).url;
}

export default function RoomsPage() {
  return <AdminFrame>{() => <Rooms />}</AdminFrame>;
}

function Rooms() {
  const { data: rooms, failure, reload } = useLoaded(api.rooms);
  const [wanted, setWanted] = useState("");
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<Room | null>(null);

  const found = (rooms ?? []).filter((room) =>
    room.settings.name.toLocaleLowerCase().includes(wanted.trim().toLocaleLowerCase()),
  );
  // Whoever waits before an empty room needs somebody, so that room comes first as well.
  const open = found.filter((room) => room.people > 0 || room.waiting > 0);
  const others = found.filter((room) => room.people === 0 && room.waiting === 0);
  const row = (room: Room) => <RoomRow key={room.id} room={room} onDelete={() => setDeleting(room)} />;

  return (
    <>
      <div className={styles.head}>
        <Heading className="grow">{m.rooms_title()}</Heading>
        {rooms && rooms.length >= SEARCH_FROM && (
          <div className={styles.find}>
            <Icon of={Search} />
            <input
              className="input"
              type="search"
              aria-label={m.rooms_search()}
              placeholder={m.rooms_search()}
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          </div>
        )}
        {rooms && rooms.length > 0 && (
          <Button look="primary" icon={Plus} onClick={() => setCreating(true)}>
            {m.rooms_new()}
          </Button>
        )}
      </div>

      {failure && (
        <Note tone="brick" alert action={<Button onClick={reload}>{m.try_again()}</Button>}>
          {m.load_failed()} {sentence(failure)}
        </Note>
      )}
      {!rooms && !failure && (
        <div className={`card ${styles.loading}`} role="status">
          <span className="sr">{m.loading()}</span>
          <div className="skeleton" aria-hidden="true">
            <i />
            <i />
            <i />
          </div>
        </div>
      )}
      {rooms?.length === 0 && <FirstRoom />}
      {rooms && rooms.length > 0 && found.length === 0 && <p role="status">{m.rooms_none_found()}</p>}

      {open.length > 0 && (
        <section aria-labelledby="open-now">
          <h2 className="sr" id="open-now">
            {m.rooms_open_now()}
          </h2>
          {open.map((room) => (
            <OpenRoom key={room.id} room={room} />
          ))}
        </section>
      )}
      {others.length > 0 && (
        <section aria-labelledby="others">
          <h2 className={styles.section} id="others">
            {open.length > 0 ? m.rooms_others() : m.rooms_all()}
          </h2>
          <ul className={styles.list}>{others.map(row)}</ul>
        </section>
      )}

      <Dialog open={creating} onClose={() => setCreating(false)} title={m.rooms_new()}>
        <NewRoom onCancel={() => setCreating(false)} />
      </Dialog>
      {deleting && (
        <DeleteRoomDialog
          room={deleting}
          onClose={() => setDeleting(null)}
          onDeleted={() => {
            setDeleting(null);
            toast(m.rooms_deleted());
            reload();
          }}
        />
      )}
    </>
  );
}

/** The light falls on what happens now. */
function OpenRoom({ room }: { room: Room }) {
  return (
    <div className={styles.open}>
      <svg
        className={styles.light}
        viewBox="0 0 900 130"
        preserveAspectRatio="xMaxYMid slice"
        aria-hidden="true"
      >
        <path d="M470-10h90l60 160h-90ZM574-10h90l60 160h-90Z" fill="var(--light)" />
      </svg>
      <div className="grow">
        <p className={styles.now}>{room.people > 0 ? m.rooms_open_now() : m.rooms_waits()}</p>
        <h3>
          <Link href={`/admin/rooms/${room.id}`}>
            <bdi>{room.settings.name}</bdi>
          </Link>
        </h3>
      </div>
      {room.waiting > 0 && (
        <Chip tone="sun" icon={Hourglass}>
          {m.rooms_in_lobby({ count: room.waiting })}
        </Chip>
      )}
      <p className="b nw">{room.people > 0 ? m.people({ count: room.people }) : m.rooms_nobody()}</p>
      <div className={styles.acts}>
        <CopyLink room={room} />
        <LinkButton href={`/r/${room.id}`} look="primary">
          {m.rooms_join_in()}
          <span className="sr">: {room.settings.name}</span>
        </LinkButton>
      </div>
    </div>
  );
}

function RoomRow({ room, onDelete }: { room: Room; onDelete(): void }) {
  const name = room.settings.name;
  return (
    <li className={styles.room}>
      <span className={styles.door}>
        <Icon of={DoorClosed} />
      </span>
      <div className={styles.title}>
        <h3>
          <Link href={`/admin/rooms/${room.id}`}>
            <bdi>{name}</bdi>
          </Link>
        </h3>
        <p className="s dim">{room.settings.lobby ? m.rooms_with_lobby() : m.rooms_without_lobby()}</p>
      </div>
      <p className={`s dim ${styles.state}`}>{m.rooms_nobody()}</p>
      <div className={styles.acts}>
        <CopyLink room={room} />
        <LinkButton href={`/r/${room.id}`} size="small">
          {m.rooms_enter()}
          <span className="sr">: {name}</span>
        </LinkButton>
        <MenuButton
          icon={MoreHorizontal}
          iconOnly
          label={m.rooms_more({ room: name })}
          entries={[
            {
              id: "settings",
              label: m.rooms_settings(),
              icon: Settings,
              onChoose: () => navigate(`/admin/rooms/${room.id}`),
            },
            { id: "delete", label: m.rooms_delete(), icon: Trash2, danger: true, onChoose: onDelete },
          ]}
        />
      </div>
    </li>
  );
}

function CopyLink({ room }: { room: Room }) {
  const { busy, run } = useSubmit();
  const copy = () =>
    run(async () => {
      try {
        await copyText(await participantLink(room.id), m.rooms_link_copied());
      } catch {
        toast(m.load_failed());
      }
    });
  return (
    <Button
      size="small"
      icon={Link2}
      aria-label={m.rooms_link_of({ room: room.settings.name })}
      aria-busy={busy || undefined}
      onClick={() => void copy()}
    >
      {m.rooms_link()}
    </Button>
  );
}

function FirstRoom() {
  return (
    <div className={`card ${styles.empty}`}>
      <EmptyWindow />
      <h2>{m.rooms_empty_title()}</h2>
      <p>{m.rooms_empty_text()}</p>
      <NewRoom />
    </div>
  );
}

function NewRoom({ onCancel }: { onCancel?: () => void }) {
  const [name, setName] = useState("");
  const { busy, failure, run, refuse, form } = useSubmit();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") return refuse("name_empty");
    void run(async () => {
      const room = await api.createRoom(name.trim());
      navigate(`/admin/rooms/${room.id}`);
    });
  };
  return (
    <form ref={form} className={`stack-v ${styles.create}`} onSubmit={submit} noValidate>
      <TextField
        label={m.rooms_field()}
        help={m.rooms_field_help()}
        error={failure ? sentence(failure) : undefined}
        maxLength={120}
        value={name}
        autoFocus={onCancel !== undefined}
        onChange={(event) => setName(event.target.value)}
      />
      <div className={styles.verbs}>
        {onCancel && <Button onClick={onCancel}>{m.cancel()}</Button>}
        <Button look="primary" type="submit" busy={busy && m.rooms_creating()}>
          {m.rooms_create()}
        </Button>
      </div>
    </form>
  );
}
