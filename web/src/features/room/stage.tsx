// The stage: everybody the same size, one person large, or shared content first. Chooses nobody's loudness or mute; it
// only draws who is there.
import { ChevronLeft, ChevronRight, MonitorUp, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { m } from "../../i18n/m";
import { EmptyWindow } from "../../ui/brand";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import type { Person } from "../../wire/room";
import { Picture, streamOf } from "../prejoin/picture";
import { useWatched } from "../prejoin/watched";
import { actionsFor, type PersonDeeds } from "./actions";
import { useRoomCall } from "./context";
import { useSize } from "./hooks";
import { gridFor, pageOf, promote } from "./people";
import styles from "./room.module.css";
import { useShown } from "./shown";
import { Tile } from "./tile";

export type View = "auto" | "grid" | "speaker" | "content";

interface StageProps {
  view: View;
  phone: boolean;
  padOpen: boolean;
  deeds: PersonDeeds;
}

export function Stage({ view, phone, padOpen, deeds }: StageProps) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const saver = useWatched(call.saver);
  const sharer = room.people.find((person) => person.id !== room.you && person.sources.includes("screen"));
  const wanted = view === "auto" || (view === "content" && !sharer) ? (sharer ? "content" : null) : view;
  const others = room.people.length - 1;
  // Who saves data sees one picture: the one that counts now.
  const one = saver && wanted !== "content";
  const shape = one ? "speaker" : (wanted ?? (deeds.pinned || phone || padOpen ? "speaker" : "grid"));
  if (others === 0 && shape !== "content") return <Alone deeds={deeds} />;
  if (shape === "content" && sharer) return <ContentFirst sharer={sharer} phone={phone} deeds={deeds} />;
  if (shape === "speaker") return <SpeakerLarge phone={phone} deeds={deeds} />;
  return <Grid phone={phone} deeds={deeds} />;
}

/** In the order of coming, but whoever speaks is brought to the front page. */
function useOrder(front: number): readonly Person[] {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const stage = useWatched(call.stage);
  const order = useRef<readonly string[]>([]);
  const spoke = useRef(new Map<string, number>());
  return useMemo(() => {
    const ids = room.people.map((person) => person.id).filter((id) => id !== room.you);
    const kept = order.current.filter((id) => ids.includes(id));
    const all = [...kept, ...ids.filter((id) => !kept.includes(id))];
    if (stage !== null) spoke.current.set(stage, performance.now());
    order.current = promote(all, stage, front, spoke.current);
    const byId = new Map(room.people.map((person) => [person.id, person]));
    return [...order.current, room.you].flatMap((id) => byId.get(id) ?? []);
  }, [room.people, room.you, stage, front]);
}

function Alone({ deeds }: { deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const mine = room.people.find((person) => person.id === room.you);
  return (
    <div className={styles.alone}>
      {mine && (
        <Tile
          person={mine}
          rank={0}
          className={styles.aloneTile ?? ""}
          actions={actionsFor(call, room, mine, deeds)}
        />
      )}
      <div className={styles.aloneWords}>
        <EmptyWindow />
        <p className="b">{m.room_alone_title()}</p>
        <p className="dim">{m.room_alone_text()}</p>
      </div>
    </div>
  );
}

/** Tiles of a page: one more than there are slots for pictures, mine. */
const TILES = 9;

function Grid({ phone, deeds }: { phone: boolean; deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const [wanted, setPage] = useState(0);
  const box = useRef<HTMLUListElement>(null);
  const { width, height } = useSize(box);
  const budget = useWatched(call.budget);
  const perPage = phone ? 4 : Math.min(TILES, budget.tiles);
  const { people, page, pages } = pageOf(useOrder(perPage - 1), room.you, perPage, wanted);
  // In a narrow column a face needs height: two beside each other rather than four stripes.
  const { columns, rows } = gridFor(people.length, width || 16, height || 9, phone ? 1 : 16 / 9);
  return (
    <div className={styles.gridBox}>
      <ul
        ref={box}
        className={styles.grid}
        aria-label={m.people_here()}
        style={{
          gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
          gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))`,
        }}
      >
        {people.map((person, place) => (
          <Tile
            key={person.id}
            as="li"
            short={phone}
            person={person}
            rank={place + 1}
            actions={actionsFor(call, room, person, deeds)}
          />
        ))}
      </ul>
      {pages > 1 && (
        <nav className={styles.pages} aria-label={m.room_other_people()}>
          <IconButton
            icon={ChevronLeft}
            label={m.room_page_previous()}
            disabled={page === 0}
            onClick={() => setPage(page - 1)}
          />
          <span className="s num" role="status">
            {m.room_page({ page: page + 1, pages })}
          </span>
          <IconButton
            icon={ChevronRight}
            label={m.room_page_next()}
            disabled={page === pages - 1}
            onClick={() => setPage(page + 1)}
          />
        </nav>
      )}
    </div>
  );
}

/** The strip of small tiles; I stand at its end. */
function Film({ people, phone, deeds }: { people: readonly Person[]; phone: boolean; deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const size = phone ? 3 : 5;
  const mine = people.filter((person) => person.id === room.you);
  const shown = [...people.filter((person) => person.id !== room.you).slice(0, size - mine.length), ...mine];
  if (shown.length === 0) return null;
  return (
    <ul className={styles.film} aria-label={m.room_other_people()}>
      {shown.map((person, place) => (
        <Tile
          key={person.id}
          as="li"
          short
          person={person}
          rank={place + 2}
          actions={actionsFor(call, room, person, deeds)}
        />
      ))}
    </ul>
  );
}

function useSpeaker(people: readonly Person[], pinned: string | null): Person | undefined {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const stage = useWatched(call.stage);
  const others = people.filter((person) => person.id !== room.you);
  return (
    others.find((person) => person.id === pinned) ??
    others.find((person) => person.id === stage) ??
    others.find(
      (person) => person.sources.includes("camera") && (person.role === "trainer" || person.role === "admin"),
    ) ??
    others.find((person) => person.sources.includes("camera")) ??
    others[0] ??
    people[0]
  );
}

function SpeakerLarge({ phone, deeds }: { phone: boolean; deeds: PersonDeeds }) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const people = useOrder(phone ? 3 : 5);
  const speaker = useSpeaker(people, deeds.pinned);
  if (!speaker) return null;
  return (
    <div className={styles.speaker}>
      <Tile
        key={speaker.id}
        person={speaker}
        rank={0}
        className={styles.main ?? ""}
        actions={actionsFor(call, room, speaker, deeds)}
      />
      <Film people={people.filter((person) => person.id !== speaker.id)} phone={phone} deeds={deeds} />
    </div>
  );
}

const ZOOM_STEPS = [100, 150, 200, 300] as const;

function ContentFirst({ sharer, phone, deeds }: { sharer: Person; phone: boolean; deeds: PersonDeeds }) {
  const people = useOrder(phone ? 2 : 4);
  const speaker = useSpeaker(people, deeds.pinned);
  const film = speaker ? [speaker, ...people.filter((person) => person.id !== speaker.id)] : people;
  return (
    <div className={styles.content}>
      <Shared sharer={sharer} />
      <Film people={film} phone={phone} deeds={deeds} />
    </div>
  );
}

/** What somebody shows: never cropped, to be made larger and looked around in. */
function Shared({ sharer }: { sharer: Person }) {
  const call = useRoomCall();
  const pictures = useWatched(call.pictures);
  useWatched(call.room);
  const [zoom, setZoom] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const paper = useRef<HTMLDivElement>(null);
  useShown(paper, sharer.id, "screen", 0);
  const content = call.slotOf(sharer.id, "screen");
  const stream = content?.picture ? (pictures.get(content.slot) ?? null) : null;
  const percent = ZOOM_STEPS[zoom] ?? 100;
  const canFill = typeof document.documentElement.requestFullscreen === "function";
  return (
    <section className={styles.shared} ref={box} aria-label={m.room_screen_region()}>
      <header className={styles.sharedHead}>
        <Icon of={MonitorUp} />
        <p className="grow">{m.room_screen_of({ name: sharer.name })}</p>
        <IconButton
          icon={ZoomOut}
          label={m.room_zoom_out()}
          disabled={zoom === 0}
          onClick={() => setZoom(zoom - 1)}
        />
        <span className="s num" role="status">
          {percent} %
        </span>
        <IconButton
          icon={ZoomIn}
          label={m.room_zoom_in()}
          disabled={zoom === ZOOM_STEPS.length - 1}
          onClick={() => setZoom(zoom + 1)}
        />
        {canFill && (
          <Button size="small" onClick={() => void box.current?.requestFullscreen().catch(() => {})}>
            {m.room_full_screen()}
          </Button>
        )}
      </header>
      <div className={styles.sharedPaper} ref={paper} tabIndex={percent > 100 ? 0 : -1}>
        {stream ? (
          <Picture
            stream={stream}
            className={styles.sharedPicture}
            style={{ width: `${percent}%`, height: `${percent}%` }}
            data-participant={sharer.id}
            data-source="screen"
            aria-label={m.room_screen_of({ name: sharer.name })}
          />
        ) : (
          <p className="dim" role="status">
            {m.room_screen_coming()}
          </p>
        )}
      </div>
    </section>
  );
}

/** For the one who shows: what goes out, and the way to stop it. */
export function ShareBanner() {
  const call = useRoomCall();
  const own = useWatched(call.own);
  const [stream, setStream] = useState<MediaStream | null>(null);
  useEffect(() => setStream(streamOf(own.screenTrack)), [own.screenTrack]);
  if (!own.screen) return null;
  return (
    <section className={styles.sharing} aria-label={m.room_screen_yours()}>
      {stream && <Picture stream={stream} className={styles.sharingPicture} aria-hidden="true" />}
      <Icon of={MonitorUp} />
      <p className="grow b">{m.room_screen_yours()}</p>
      <Button size="small" onClick={() => void call.stopScreen()}>
        {m.room_screen_stop()}
      </Button>
    </section>
  );
}
