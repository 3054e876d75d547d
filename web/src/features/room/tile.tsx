// One person's tile: picture or initials in window light, name tag, hand, net. A click opens a menu and never mutes
// anybody (design 1.6). Used by every layout.
import { AudioLines, ChartNoAxesColumnDecreasing, Hand, Mic, MicOff, WifiOff } from "lucide-react";
import { type ReactNode, useRef } from "react";
import { Button as PressButton } from "react-aria-components";
import { m } from "../../i18n/m";
import { Icon } from "../../ui/icon";
import { colourOf, initials } from "../../ui/words";
import type { Person } from "../../wire/room";
import { Picture, streamOf } from "../prejoin/picture";
import { useWatched } from "../prejoin/watched";
import { weakWord } from "./connection";
import { useRoomCall } from "./context";
import { type Action, ActionMenu } from "./overlays";
import { roleWord, shortName } from "./people";
import { useShown } from "./shown";

export interface TileProps {
  person: Person;
  rank: number;
  /** Only the first name: little space. */
  short?: boolean;
  className?: string;
  as?: "li" | "div";
  actions: readonly Action[];
  children?: ReactNode;
}

function Light() {
  return (
    <svg className="light" viewBox="0 0 320 180" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <path d="M60 0h62l54 180h-62ZM134 0h62l54 180h-62Z" fill="var(--light)" />
    </svg>
  );
}

/** The picture that somebody sends, or nothing. */
function usePicture(person: Person): { stream: MediaStream | null; own: boolean } {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const pictures = useWatched(call.pictures);
  const own = useWatched(call.own);
  const devices = useWatched(call.devices.state);
  if (person.id === room.you) {
    return { stream: own.camera ? streamOf(devices.camera.track) : null, own: true };
  }
  if (!person.sources.includes("camera")) return { stream: null, own: false };
  const content = call.slotOf(person.id, "camera");
  return { stream: content?.picture ? (pictures.get(content.slot) ?? null) : null, own: false };
}

export function HandMark({ place }: { place: number }) {
  return (
    <span className="hand">
      <Icon of={Hand} />
      <span className="sr">{m.room_hand_number({ place })}</span>
      <span aria-hidden="true">{place}</span>
    </span>
  );
}

export function Tile({ person, rank, short, className, as: Element = "div", actions, children }: TileProps) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const speaking = useWatched(call.speaking).has(person.id);
  const { stream, own } = usePicture(person);
  const box = useRef<HTMLDivElement & HTMLLIElement>(null);
  useShown(box, own ? null : person.id, "camera", rank);

  const hand = room.hands.indexOf(person.id) + 1;
  const weak = weakWord(call, person);
  const muted = !person.sources.includes("microphone");
  const shown = short ? shortName(person.name) : person.name;
  const named = own ? m.room_you({ name: shown }) : shown;
  const role = short ? null : roleWord(person.role);
  const classes = ["tile", speaking ? "speaks" : "", `off t${colourOf(person.id)}`, className ?? ""];
  return (
    <Element ref={box} className={classes.filter(Boolean).join(" ")}>
      {/* Also behind a picture: until its first frame arrives there is somebody, not a hole. */}
      <Light />
      <div className="ini" aria-hidden="true">
        <b>{initials(person.name)}</b>
      </div>
      {stream && (
        <Picture
          stream={stream}
          className={own ? "picture mirrored" : "picture"}
          data-participant={person.id}
          aria-hidden="true"
        />
      )}
      {hand > 0 && <HandMark place={hand} />}
      {children}
      <div className="tag">
        <Icon of={speaking ? AudioLines : muted ? MicOff : Mic} />
        <bdi>{speaking ? m.room_speaks({ name: named }) : named}</bdi>
        {role && !speaking && <span className="dim">{role}</span>}
        {muted && !speaking && <span className="sr">, {m.room_muted()}</span>}
      </div>
      {!person.connected && (
        <p className="chip sun net">
          <Icon of={WifiOff} />
          {m.room_offline()}
        </p>
      )}
      {weak !== null && (
        <p className="chip sun net">
          <Icon of={ChartNoAxesColumnDecreasing} />
          {weak}
        </p>
      )}
      {actions.length > 0 && (
        <ActionMenu label={m.room_tile_menu({ name: person.name })} actions={actions}>
          <PressButton className="tile-menu" aria-label={m.room_tile_menu({ name: person.name })} />
        </ActionMenu>
      )}
    </Element>
  );
}
