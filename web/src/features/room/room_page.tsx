// The room: header, stage, one panel, workbench. Holds what only this screen knows (which panel is open, who is pinned,
// which view), nothing that the server knows.
import {
  ChartNoAxesColumnIncreasing,
  Grid2x2,
  Hand,
  Keyboard,
  Languages,
  LayoutPanelTop,
  Leaf,
  Lock,
  LockOpen,
  LogOut,
  MicOff,
  MonitorUp,
  MonitorX,
  Pencil,
  Settings2,
  ShieldCheck,
  Sparkles,
  UserRound,
  X,
} from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { I18nProvider, Button as PressButton } from "react-aria-components";
import { canShow, isTrainer, leads, maySend } from "../../call/may";
import { me } from "../../call/room_store";
import { language, setLanguage } from "../../i18n/language";
import { m } from "../../i18n/m";
import { Logo } from "../../ui/brand";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { focusIsAdrift } from "../../ui/keep_focus";
import { Chip } from "../../ui/words";
import { useWatched } from "../prejoin/watched";
import type { PersonDeeds } from "./actions";
import { useAnnouncements } from "./announcements";
import { Bench, type Panel } from "./bench";
import { ChatPanel } from "./chat_panel";
import { ConnectionWord } from "./connection";
import { CallContext, type RoomCall, useRoomCall } from "./context";
import { Dialogs, type Open } from "./dialogs";
import { rememberShortcuts, shortcutsOn, useMedia, useShortcuts } from "./hooks";
import { Notices, Slips } from "./notices";
import { type Action, ChoiceMenu } from "./overlays";
import { PeoplePanel } from "./people_panel";
import styles from "./room.module.css";
import { Shown, ShownContext } from "./shown";
import { Splitter } from "./splitter";
import { ShareBanner, Stage, type View } from "./stage";
import "../../styles/room.css";

// The pad comes with the editor, the heaviest piece of the client: only for whoever opens it.
const Pad = lazy(() => import("../pad"));

const VIEWS = [
  { value: "auto", label: m.room_view_auto, icon: Sparkles },
  { value: "grid", label: m.room_view_grid, icon: Grid2x2 },
  { value: "speaker", label: m.room_view_speaker, icon: UserRound },
  { value: "content", label: m.room_view_content, icon: LayoutPanelTop },
] as const satisfies readonly { value: View; label: () => string; icon: unknown }[];

const PANEL_WORDS: Record<Panel, () => string> = {
  chat: m.room_chat,
  people: m.room_people,
  pad: m.room_pad,
};

export default function RoomPage({ call }: { call: RoomCall }) {
  const [shown] = useState(() => new Shown((visible) => call.show(visible)));
  useEffect(() => {
    shown.start();
    return () => shown.stop();
  }, [shown]);
  return (
    <CallContext value={call}>
      <ShownContext value={shown}>
        <I18nProvider locale={language()}>
          <Room />
        </I18nProvider>
      </ShownContext>
    </CallContext>
  );
}

function PanelContent({
  panel,
  pad,
  title,
  deeds,
}: {
  panel: Panel;
  pad: string | null;
  title: string;
  deeds: PersonDeeds;
}) {
  if (panel === "chat") return <ChatPanel />;
  if (panel === "people") return <PeoplePanel deeds={deeds} />;
  if (pad === null) return null;
  return (
    <Suspense
      fallback={
        <p className={`dim ${styles.padWait}`} role="status">
          {m.room_pad_loading()}
        </p>
      }
    >
      <Pad padId={pad} title={title} />
    </Suspense>
  );
}

function Room() {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const own = useWatched(call.own);
  const saver = useWatched(call.saver);
  const phone = useMedia("(max-width: 60rem)");
  const [panel, setPanel] = useState<Panel | null>(null);
  const [view, setView] = useState<View>("auto");
  const [pinned, setPinned] = useState<string | null>(null);
  const [open, setOpen] = useState<Open>(null);
  const [shortcuts, setShortcuts] = useState(shortcutsOn);
  const [seen, setSeen] = useState(room.chatCount);
  const [share, setShare] = useState(40);
  const opener = useRef<HTMLElement | null>(null);
  const side = useRef<HTMLElement>(null);
  const mine = me(room);
  const role = mine?.role ?? "read_only";

  useEffect(() => {
    document.title = `${room.name} · ${m.app_name()}`;
  }, [room.name]);
  useEffect(() => {
    if (panel === "chat") setSeen(room.chatCount);
  }, [panel, room.chatCount]);
  useAnnouncements(call, panel === "chat");
  useEffect(() => {
    // From the lobby the way in needs no hand: whoever works by keyboard must not stand nowhere.
    if (focusIsAdrift()) document.getElementById("stage")?.focus();
  }, []);

  // A pad that was switched off, or somebody pinned who went: nothing must be left open.
  const shownPanel = panel === "pad" && room.pad === null ? null : panel;

  const toggle = (next: Panel) => {
    if (shownPanel === next) {
      setPanel(null);
      // Back to where it was opened from (design 4), if that is still there.
      const back = opener.current?.isConnected ? opener.current : document.getElementById("tools");
      back?.focus();
      return;
    }
    const { activeElement: active, body } = document;
    // One panel takes the other's place: the way back is that of the first.
    if (active instanceof HTMLElement && !side.current?.contains(active))
      opener.current = active === body ? null : active;
    setPanel(next);
  };
  const opened = useRef<Panel | null>(null);
  useEffect(() => {
    if (shownPanel !== null && opened.current !== shownPanel) side.current?.focus();
    opened.current = shownPanel;
  }, [shownPanel]);

  const toggleMicrophone = () => {
    if (maySend("microphone", role, room.policy)) void call.setMicrophone(!own.microphone);
  };
  const toggleCamera = () => {
    if (maySend("camera", role, room.policy)) void call.setCamera(!own.camera);
  };
  const toggleHand = () => void call.do({ name: "hand", raised: !room.hands.includes(room.you) });

  const deeds: PersonDeeds = {
    pinned,
    pin: setPinned,
    askRemove: (person) => setOpen({ name: "remove", person }),
    openDevices: () => setOpen({ name: "devices" }),
    openRename: () => setOpen({ name: "rename" }),
  };

  const openConnection = () => setOpen({ name: "connection" });

  const keys = useRef({});
  keys.current = {
    m: toggleMicrophone,
    k: toggleCamera,
    h: toggleHand,
    c: () => toggle("chat"),
    p: () => room.pad !== null && toggle("pad"),
  };
  const stableKeys = useMemo(() => {
    const press = (key: "m" | "k" | "h" | "c" | "p") => () =>
      (keys.current as Record<string, () => void>)[key]?.();
    return { m: press("m"), k: press("k"), h: press("h"), c: press("c"), p: press("p") };
  }, []);
  useShortcuts(shortcuts && open === null, stableKeys);

  const more: Action[] = [
    { id: "devices", label: m.room_devices(), icon: Settings2, run: deeds.openDevices },
    { id: "rename", label: m.room_rename(), icon: Pencil, run: deeds.openRename },
    { id: "connection", label: m.room_connection(), icon: ChartNoAxesColumnIncreasing, run: openConnection },
    {
      id: "saver",
      label: saver ? m.saver_off() : m.saver_on(),
      icon: Leaf,
      run: () => call.setSaver(!saver),
    },
    ...(phone
      ? [
          // There is no place for it below, and a large window at 400 % zoom looks like a phone.
          ...(canShow() && maySend("screen", role, room.policy)
            ? [
                {
                  id: "show",
                  label: own.screen ? m.room_screen_stop_long() : m.room_screen_show_long(),
                  icon: own.screen ? MonitorX : MonitorUp,
                  run: () => void (own.screen ? call.stopScreen() : call.startScreen()),
                },
              ]
            : []),
          {
            id: "view",
            label: view === "grid" ? m.room_view_speaker() : m.room_view_grid(),
            icon: Grid2x2,
            run: () => setView(view === "grid" ? "auto" : "grid"),
          },
        ]
      : []),
    ...(!phone || window.matchMedia("(any-pointer: fine)").matches
      ? [
          {
            id: "keys",
            label: m.room_shortcuts(),
            icon: Keyboard,
            run: () => setOpen({ name: "shortcuts" }),
          },
        ]
      : []),
    {
      id: "language",
      label: m.room_language(),
      icon: Languages,
      run: () => setLanguage(language() === "de" ? "en" : "de"),
    },
    ...(leads(role)
      ? [
          {
            id: "mute",
            label: m.room_mute_all(),
            icon: MicOff,
            apart: true,
            run: () => void call.do({ name: "silence", participant: null, source: "microphone" }),
          },
          {
            id: "hands",
            label: m.room_lower_all(),
            icon: Hand,
            run: () => void call.do({ name: "lower_hand", participant: null }),
          },
          {
            id: "lock",
            label: room.locked ? m.room_unlock() : m.room_lock(),
            icon: room.locked ? LockOpen : Lock,
            run: () => void call.do({ name: "lock", locked: !room.locked }),
          },
          { id: "policy", label: m.room_policy(), icon: ShieldCheck, run: () => setOpen({ name: "policy" }) },
        ]
      : []),
    ...(isTrainer(role)
      ? [
          {
            id: "end",
            label: m.room_end(),
            icon: LogOut,
            serious: true,
            apart: true,
            run: () => setOpen({ name: "end" }),
          },
        ]
      : []),
  ];

  const unread = shownPanel === "chat" ? 0 : Math.max(0, room.chatCount - seen);
  const stage = (
    <section className={styles.stage} id="stage" tabIndex={-1} data-area aria-label={m.room_stage()}>
      <Notices />
      <Slips onLook={() => panel !== "people" && toggle("people")} />
      <ShareBanner />
      <Stage view={view} phone={phone} padOpen={shownPanel === "pad"} deeds={deeds} />
    </section>
  );
  const content = shownPanel && (
    <PanelContent panel={shownPanel} pad={room.pad} title={room.name} deeds={deeds} />
  );
  const skips = (
    <>
      <a className="skip" href="#tools">
        {m.room_skip_tools()}
      </a>
      <a className="skip" href="#stage">
        {m.room_skip_stage()}
      </a>
    </>
  );
  const bench = (
    <Bench
      phone={phone}
      panel={shownPanel}
      unread={unread}
      shortcuts={shortcuts}
      more={more}
      toggle={toggle}
      toggleMicrophone={toggleMicrophone}
      toggleCamera={toggleCamera}
      toggleHand={toggleHand}
    />
  );
  const dialogs = (
    <Dialogs
      open={open}
      onClose={() => setOpen(null)}
      shortcuts={shortcuts}
      setShortcuts={(on) => {
        setShortcuts(on);
        rememberShortcuts(on);
      }}
    />
  );

  if (phone) {
    const tabs: { id: Panel | null; word: string }[] = [
      { id: null, word: m.room_tab_video() },
      ...(room.pad === null ? [] : [{ id: "pad" as const, word: m.room_pad() }]),
      { id: "chat", word: m.room_chat() },
    ];
    return (
      <div className={`${styles.room} ${styles.phone}`}>
        {skips}
        <header className={styles.top} data-area tabIndex={-1}>
          <div className="grow">
            <h1 dir="auto">{room.name}</h1>
            <ConnectionWord onOpen={openConnection} />
          </div>
          {room.locked && <Chip icon={Lock}>{m.room_locked()}</Chip>}
          <Button look="leave" size="small" icon={LogOut} onClick={() => call.leave()}>
            {m.room_leave_short()}
          </Button>
        </header>
        <nav className={styles.tabs} aria-label={m.room_tabs()}>
          {tabs.map(({ id, word }) => (
            <button
              key={word}
              type="button"
              aria-current={shownPanel === id ? "page" : undefined}
              onClick={() => setPanel(id)}
            >
              {word}
              {id === "chat" && unread > 0 && (
                <>
                  <span className={styles.unread} aria-hidden="true">
                    {unread}
                  </span>
                  <span className="sr">, {m.room_new_messages({ count: unread })}</span>
                </>
              )}
            </button>
          ))}
        </nav>
        <main className={styles.work}>
          {shownPanel === null ? (
            stage
          ) : (
            <>
              <Notices />
              <section
                ref={side}
                className={styles.side}
                id="stage"
                data-area
                data-panel={shownPanel}
                tabIndex={-1}
                aria-label={PANEL_WORDS[shownPanel]()}
              >
                <h2 className="sr">{PANEL_WORDS[shownPanel]()}</h2>
                {content}
              </section>
            </>
          )}
        </main>
        {bench}
        {dialogs}
      </div>
    );
  }

  return (
    <div className={styles.room}>
      {skips}
      <header className={styles.top} data-area tabIndex={-1}>
        <span className={styles.logo}>
          <Logo />
        </span>
        <h1 dir="auto">{room.name}</h1>
        {room.locked && <Chip icon={Lock}>{m.room_locked()}</Chip>}
        <span className="grow" />
        <ConnectionWord onOpen={openConnection} />
        <ChoiceMenu<View>
          label={m.room_view()}
          value={view}
          choices={VIEWS.map(({ value, label, icon }) => ({ value, label: label(), icon }))}
          onChange={setView}
        >
          <PressButton className="btn ghost">
            <Icon of={Grid2x2} />
            {m.room_view()}
          </PressButton>
        </ChoiceMenu>
      </header>
      <main
        className={shownPanel === null ? styles.work : `${styles.work} ${styles.split}`}
        style={
          shownPanel === "pad"
            ? { gridTemplateColumns: `minmax(0, 1fr) auto minmax(20rem, ${share}%)` }
            : undefined
        }
      >
        {stage}
        {shownPanel !== null && (
          <>
            {shownPanel === "pad" ? <Splitter value={share} onChange={setShare} /> : <span />}
            <aside
              ref={side}
              className={styles.side}
              data-area
              data-panel={shownPanel}
              tabIndex={-1}
              aria-label={PANEL_WORDS[shownPanel]()}
            >
              <header className={styles.sideHead}>
                <h2>{PANEL_WORDS[shownPanel]()}</h2>
                <IconButton
                  icon={X}
                  label={m.room_close({ panel: PANEL_WORDS[shownPanel]() })}
                  onClick={() => toggle(shownPanel)}
                />
              </header>
              {content}
            </aside>
          </>
        )}
      </main>
      {bench}
      {dialogs}
    </div>
  );
}
