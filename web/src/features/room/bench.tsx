// The workbench at the bottom: own devices at the start, tools in the middle, leaving at the end. Every tool has its
// word, and the word names the state.

import type { LucideIcon } from "lucide-react";
import {
  Ellipsis,
  Hand,
  LogOut,
  MessageSquareText,
  Mic,
  MicOff,
  MonitorUp,
  MonitorX,
  NotebookText,
  Users,
  Video,
  VideoOff,
} from "lucide-react";
import { Button as PressButton } from "react-aria-components";
import { canShow, leads, maySend } from "../../call/may";
import { me } from "../../call/room_store";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { useWatched } from "../prejoin/watched";
import { useRoomCall } from "./context";
import { type Action, ActionMenu } from "./overlays";

export type Panel = "chat" | "people" | "pad";

function Tool(props: {
  icon: LucideIcon;
  word: string;
  /** For switches: on or off. */
  pressed?: boolean;
  /** For panels: open or not. */
  expanded?: boolean;
  /** Read out after the word. */
  more?: string;
  shortcut?: string;
  count?: number;
  sun?: boolean;
  className?: string;
  disabled?: boolean;
  onClick(): void;
}) {
  return (
    <button
      type="button"
      className={`tool ${props.className ?? ""}`}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      aria-keyshortcuts={props.shortcut}
      title={props.shortcut ? `${props.word} (${props.shortcut})` : undefined}
      aria-disabled={props.disabled || undefined}
      onClick={() => !props.disabled && props.onClick()}
    >
      <Icon of={props.icon} />
      <span>{props.word}</span>
      {props.count !== undefined && props.count > 0 && (
        <span className={props.sun ? "n sun" : "n"} aria-hidden="true">
          {props.count}
        </span>
      )}
      {props.more && <span className="sr">, {props.more}</span>}
    </button>
  );
}

export interface BenchProps {
  phone: boolean;
  panel: Panel | null;
  unread: number;
  shortcuts: boolean;
  more: readonly Action[];
  toggle(panel: Panel): void;
  toggleMicrophone(): void;
  toggleCamera(): void;
  toggleHand(): void;
}

export function Bench(props: BenchProps) {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const own = useWatched(call.own);
  const devices = useWatched(call.devices.state);
  const mine = me(room);
  const role = mine?.role ?? "read_only";
  const place = room.hands.indexOf(room.you) + 1;
  const key = (letter: string) => (props.shortcuts ? { shortcut: letter } : {});
  const waiting = room.lobby?.waiting.length ?? 0;

  const microphone = maySend("microphone", role, room.policy) && (
    <Tool
      icon={own.microphone ? Mic : MicOff}
      word={own.microphone ? m.room_mic_on() : m.room_mic_off()}
      pressed={own.microphone}
      disabled={devices.microphone.opening}
      {...key("M")}
      onClick={props.toggleMicrophone}
    />
  );
  const camera = maySend("camera", role, room.policy) && (
    <Tool
      icon={own.camera ? Video : VideoOff}
      word={own.camera ? m.room_camera_on() : m.room_camera_off()}
      pressed={own.camera}
      disabled={devices.camera.opening}
      {...key("K")}
      onClick={props.toggleCamera}
    />
  );
  const show = canShow() && maySend("screen", role, room.policy) && (
    <Tool
      icon={own.screen ? MonitorX : MonitorUp}
      word={own.screen ? m.room_show_stop() : m.room_show()}
      pressed={own.screen}
      onClick={() => void (own.screen ? call.stopScreen() : call.startScreen())}
    />
  );
  const hand = (!leads(role) || place > 0 || props.phone) && (
    <Tool
      icon={Hand}
      word={place > 0 ? m.room_hand_up() : m.room_hand_raise()}
      className="hand-up"
      pressed={place > 0}
      {...(place > 0 ? { more: m.room_hand_place({ place }), count: place, sun: true } : {})}
      {...key("H")}
      onClick={props.toggleHand}
    />
  );
  const people = (
    <Tool
      icon={Users}
      word={m.room_people()}
      more={`${room.people.length}${waiting > 0 ? `. ${m.room_slip_lobby({ count: waiting })}` : ""}`}
      expanded={props.panel === "people"}
      count={waiting > 0 ? waiting : room.people.length}
      sun={waiting > 0}
      onClick={() => props.toggle("people")}
    />
  );
  const more = (
    <ActionMenu label={m.room_more()} actions={props.more}>
      <PressButton className="tool">
        <Icon of={Ellipsis} />
        <span>{m.room_more()}</span>
      </PressButton>
    </ActionMenu>
  );

  if (props.phone) {
    return (
      <nav className="bench phone" id="tools" tabIndex={-1} data-area aria-label={m.room_tools()}>
        {microphone}
        {camera}
        {hand}
        {people}
        {more}
      </nav>
    );
  }
  return (
    <nav className="bench" id="tools" tabIndex={-1} data-area aria-label={m.room_tools()}>
      <div className="group">
        {microphone}
        {camera}
        {show}
      </div>
      <div className="group">
        {hand}
        <Tool
          icon={MessageSquareText}
          word={m.room_chat()}
          expanded={props.panel === "chat"}
          count={props.unread}
          {...(props.unread > 0 ? { more: m.room_new_messages({ count: props.unread }) } : {})}
          {...key("C")}
          onClick={() => props.toggle("chat")}
        />
        {room.pad !== null && (
          <Tool
            icon={NotebookText}
            word={m.room_pad()}
            expanded={props.panel === "pad"}
            {...key("P")}
            onClick={() => props.toggle("pad")}
          />
        )}
        {people}
        {more}
      </div>
      <div className="group">
        <Button look="leave" icon={LogOut} className="end" onClick={() => call.leave()}>
          {m.room_leave()}
        </Button>
      </div>
    </nav>
  );
}
