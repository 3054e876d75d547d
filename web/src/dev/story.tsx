// Draws every screen of the meeting with made-up people, for looking at it without a server: `npm run dev`, then
// /dev/story.html?screen=grid&theme=dark&lang=en. Not part of the built client (vite builds index.html only).
import "../trusted_types";
import "../styles/index.css";
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { Devices, type DevicesState } from "../call/devices";
import { Watched } from "../call/emitter";
import { EMPTY, type RoomState } from "../call/room_store";
import { Sound } from "../call/sound";
import { FULL_BUDGET } from "../call/thrift";
import { Leave } from "../features/leave";
import { Lobby } from "../features/lobby";
import { Prejoin } from "../features/prejoin";
import type { RoomCall } from "../features/room/context";
import RoomPage from "../features/room/room_page";
import { setLanguage, startLanguage } from "../i18n/language";
import { LiveRegions } from "../ui/announcer";
import type { Person } from "../wire/room";
import type { Quality } from "../wire/types";

const query = new URLSearchParams(location.search);
const screen = query.get("screen") ?? "grid";
const trainer = query.has("trainer");
const count = Number(query.get("people") ?? 9);

const NAMES = [
  "Miriam Hollstein",
  "Olena Kovalenko",
  "Fatma Yıldız",
  "Jörg Petersen",
  "Kwame Mensah",
  "Hanne Brodersen",
  "Thi Lan Nguyen",
  "Tobias Reuter",
  "Samir Haddad",
  "Leyla Aydın",
  "Annegret Vogt",
  "Birgit Lindner",
];
const CAMERA_OFF = new Set(["p5"]);
const WALLS = [
  "#c9d8cd",
  "#ecdcc9",
  "#dcd0d3",
  "#ccd8df",
  "#cfdad2",
  "#d5d8c3",
  "#e6d2cc",
  "#d3dadd",
  "#d5d8c3",
];
const CLOTHES = [
  "#2f6a5c",
  "#b0603b",
  "#5c3550",
  "#34536b",
  "#d19a3a",
  "#586500",
  "#a33b3b",
  "#4a5560",
  "#47503a",
];
const SKIN = [
  "#e3b592",
  "#edc9ab",
  "#dcac86",
  "#e6bd9f",
  "#7a4e36",
  "#e3b592",
  "#e8c49c",
  "#e0ae8b",
  "#c08c63",
];

/** A drawn person as a video stream. */
function portrait(place: number): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const draw = canvas.getContext("2d");
  const paint = () => {
    if (!draw) return;
    draw.fillStyle = WALLS[place % WALLS.length] ?? "#ccc";
    draw.fillRect(0, 0, 640, 360);
    draw.fillStyle = CLOTHES[place % CLOTHES.length] ?? "#555";
    draw.beginPath();
    draw.ellipse(320, 380, 190, 130, 0, 0, Math.PI * 2);
    draw.fill();
    draw.fillStyle = SKIN[place % SKIN.length] ?? "#caa";
    draw.fillRect(296, 205, 48, 60);
    draw.beginPath();
    draw.ellipse(320, 165, 58, 70, 0, 0, Math.PI * 2);
    draw.fill();
    draw.fillStyle = "#2a1a12";
    for (const x of [300, 342]) {
      draw.beginPath();
      draw.ellipse(x, 170, 4, 5, 0, 0, Math.PI * 2);
      draw.fill();
    }
    requestAnimationFrame(paint);
  };
  paint();
  return canvas.captureStream(5);
}

function slide(): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 720;
  const draw = canvas.getContext("2d");
  const paint = () => {
    if (!draw) return;
    draw.fillStyle = "#fff";
    draw.fillRect(0, 0, 1280, 720);
    draw.fillStyle = "#16231e";
    draw.font = "650 54px 'Atkinson Hyperlegible Next Variable'";
    draw.fillText("Was hilft, damit alle dabei sind?", 90, 130);
    draw.font = "600 34px 'Atkinson Hyperlegible Next Variable'";
    for (const [n, word] of ["Ein Gerät", "Ein Mensch", "Einfache Worte"].entries()) {
      draw.fillStyle = "#f3f3ec";
      draw.fillRect(90 + n * 375, 200, 345, 380);
      draw.fillStyle = "#16231e";
      draw.fillText(word, 120 + n * 375, 400);
    }
    requestAnimationFrame(paint);
  };
  paint();
  return canvas.captureStream(5);
}

function people(): Person[] {
  return NAMES.slice(0, count).map((name, place) => ({
    id: `p${place}`,
    name,
    role: place === 0 ? "trainer" : "participant",
    sources: [
      ...(place < 2 ? (["microphone"] as const) : []),
      ...(CAMERA_OFF.has(`p${place}`) ? [] : (["camera"] as const)),
      ...(screen === "share" && place === 7 ? (["screen", "microphone"] as const) : []),
    ],
    connected: !(query.has("offline") && place === 3),
  }));
}

const chat = [
  ["p3", "Welche Schulform besucht Ben zurzeit?"],
  ["p1", "Gesamtschule, 8. Klasse. Er fehlt dort montags fast immer."],
  ["p8", "Danke! Ich frage nachher noch nach dem Vater."],
  ["p0", "Der Leitfaden liegt hier: https://beispiel.example/rueckfragen.pdf"],
].map(([from = "", text = ""], n) => ({
  id: `m${n}`,
  from,
  name: NAMES[Number(from.slice(1))] ?? "",
  text,
  at_ms: Date.UTC(2026, 4, 4, 12, 1 + n),
}));

function state(): RoomState {
  const all = people();
  return {
    ...EMPTY,
    phase: screen === "lobby" ? "waiting" : "in",
    lobbyMessage: "Wir starten um 13:35 Uhr. Holen Sie sich gern noch einen Tee.",
    connection: query.has("lost") ? "lost" : "ok",
    name: screen === "share" ? "Digitale Teilhabe: Vortragsreihe 4" : "Kollegiale Fallberatung",
    you: trainer ? "p0" : "p8",
    pad: query.has("nopad") ? null : "pad",
    people: all.length > 1 ? all : all.map((person) => ({ ...person, id: trainer ? "p0" : "p8" })),
    hands: count > 4 ? ["p2", "p4"] : [],
    chat,
    locked: query.has("locked"),
    lobby: trainer
      ? {
          message: null,
          waiting: [
            { id: "w1", name: "Leyla Aydın", knock: "Ich bin die Kollegin von Jörg" },
            { id: "w2", name: "Annegret Vogt", knock: null },
          ],
        }
      : null,
    slotsMax: 9,
    connections: new Map(query.has("weak") ? [["p1", "poor"]] : []),
    videoFull: query.has("full"),
    slots: new Map(
      all.map((person, slot) => [
        slot,
        { slot, participant: person.id, source: "camera" as const, picture: !CAMERA_OFF.has(person.id) },
      ]),
    ),
    notices: query.has("notice")
      ? [{ id: 1, notice: { kind: "silenced", source: "microphone", by: "Miriam" } }]
      : [],
    happenings: [{ kind: "came", id: 1, name: "Thi Lan Nguyen", after: "m0", participant: "p6" }],
    chatCount: 3,
  };
}

async function makeCall(): Promise<RoomCall> {
  const devices = new Devices();
  const portraits = new Map(
    Array.from({ length: Math.min(count, 12) }, (_, place) => [place, portrait(place)]),
  );
  portraits.set(50, slide());
  const [mine] = portrait(8).getVideoTracks();
  devices.state.update((now: DevicesState) => ({
    ...now,
    camera: { ...now.camera, track: mine ?? null, label: "Eingebaute Kamera" },
  }));
  const room = new Watched(state());
  const done = () => Promise.resolve(true);
  const noop = () => Promise.resolve();
  return {
    room,
    devices,
    own: new Watched({
      microphone: trainer,
      camera: true,
      screen: query.has("sharing"),
      screenTrack: portraits.get(50)?.getVideoTracks()[0] ?? null,
    }),
    speaking: new Watched<ReadonlySet<string>>(
      new Set(query.has("silent") ? [] : [screen === "share" ? "p7" : "p1"]),
    ),
    stage: new Watched<string | null>(screen === "share" ? "p7" : "p1"),
    quality: new Watched<Quality>(query.has("weak") ? "poor" : "good"),
    figures: new Watched({
      loss_in: query.has("weak") ? 0.083 : 0,
      loss_out: 0.004,
      round_trip_ms: query.has("weak") ? 320 : 24,
      in_kbps: 1_240,
      out_kbps: 660,
      dropped: 0,
      heights: [720, 180, 180, 180],
      own: { height: 720, fps: 25, limited: query.has("weak") ? ("bandwidth" as const) : ("none" as const) },
      path: "udp" as const,
    }),
    budget: new Watched(
      query.has("few") ? { ...FULL_BUDGET, tiles: 4, why: "device" as const } : FULL_BUDGET,
    ),
    saver: new Watched(query.has("saver")),
    setSaver: () => {},
    mediaState: new Watched("connected" as const),
    pictures: new Watched<ReadonlyMap<number, MediaStream>>(portraits),
    sound: new Sound(),
    do: done,
    setMicrophone: noop,
    setCamera: noop,
    startScreen: noop,
    stopScreen: noop,
    show: () => {},
    slotOf: (participant, source) =>
      source === "screen"
        ? { slot: 50, participant, source, picture: true }
        : ([...room.get().slots.values()].find((slot) => slot.participant === participant) ?? null),
    notify: () => {},
    dismiss: () => {},
    leave: () => {},
  } as RoomCall;
}

function PrejoinStory() {
  const [devices] = useState(() => {
    const made = new Devices();
    made.attach();
    return made;
  });
  return (
    <Prejoin
      devices={devices}
      onEntered={() => {}}
      meeting={{
        account: false,
        onHome: () => {},
        join: () => new Promise(() => {}),
        entrance: {
          room: "r",
          name: "Kollegiale Fallberatung, Modul 3",
          role: "participant",
          lobby: true,
          people: 9,
          organisation: { name: "Kreisverband Nord e. V.", contact: "" },
          known_as: "Samir Haddad",
        },
      }}
    />
  );
}

async function start(): Promise<void> {
  startLanguage();
  const lang = query.get("lang");
  if (lang === "de" || lang === "en") setLanguage(lang);
  const theme = query.get("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  const call = await makeCall();
  const root = document.getElementById("root");
  if (!root) return;
  const page =
    screen === "prejoin" ? (
      <PrejoinStory />
    ) : screen === "lobby" ? (
      <Lobby call={call} title="Kollegiale Fallberatung, Modul 3" name="Samir Haddad" />
    ) : screen === "leave" ? (
      <Leave
        reason={(query.get("reason") ?? "left") as "left"}
        room="Kollegiale Fallberatung"
        onHome={trainer ? () => {} : null}
        onAgain={() => {}}
      />
    ) : (
      <RoomPage call={call} />
    );
  createRoot(root).render(
    <>
      {page}
      <LiveRegions />
    </>,
  );
}

void start();
