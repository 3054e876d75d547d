/**
 * What is known of the room: a plain state, folded from `waiting`, `welcome` and `event` messages.
 *
 * `call.ts` feeds it, the interface reads it through `useSyncExternalStore`. Pure: it sends nothing and reads no clock.
 */
import type {
  ChatMessage,
  Lobby,
  MessageId,
  ParticipantId,
  Person,
  RoomEvent,
  ServerMessage,
  SlotContent,
} from "../wire/room";
import type { Code, Quality, RoomPolicy, Source } from "../wire/types";

/** Something that one person has to be told. It stays until it is put away. */
export type Notice =
  | { kind: "silenced"; source: Source; by: string }
  | { kind: "role"; role: Person["role"] }
  | { kind: "locked"; locked: boolean; by: string }
  | { kind: "policy" }
  | { kind: "back" }
  | { kind: "refused"; code: Code | "lost" };

export interface NumberedNotice {
  id: number;
  notice: Notice;
}

/** What happened in the room, for live regions and the lines between chat messages. */
export type Happening =
  | { kind: "came"; id: number; name: string; after: MessageId | null; participant: ParticipantId }
  | {
      kind: "left";
      id: number;
      name: string;
      removed: boolean;
      /** The newest chat message at that moment. */
      after: MessageId | null;
      participant: ParticipantId;
    }
  | { kind: "hand"; id: number; name: string; place: number; participant: ParticipantId }
  | { kind: "knocks"; id: number; name: string; participant: ParticipantId }
  | { kind: "chat"; id: number; name: string; text: string; participant: ParticipantId }
  | { kind: "shares"; id: number; name: string; participant: ParticipantId };

export interface RoomState {
  phase: "connecting" | "waiting" | "in" | "ended";
  ended: Code | "left" | null;
  connection: "ok" | "lost";
  lobbyMessage: string | null;
  room: string;
  name: string;
  you: ParticipantId;
  policy: RoomPolicy;
  locked: boolean;
  pad: string | null;
  people: readonly Person[];
  hands: readonly ParticipantId[];
  chat: readonly ChatMessage[];
  lobby: Lobby | null;
  slotsMax: number;
  speaking: readonly ParticipantId[];
  slots: ReadonlyMap<number, SlotContent>;
  /** Whose connection is not good: mine, and for those who lead everybody's. */
  connections: ReadonlyMap<ParticipantId, Quality>;
  /** Pictures are missing because the server carries as many as it can. */
  videoFull: boolean;
  notices: readonly NumberedNotice[];
  /** The newest of what happened, oldest first, at most [`HAPPENINGS_MAX`]. */
  happenings: readonly Happening[];
  /** How many chat messages of others have come since the room was entered. */
  chatCount: number;
}

const HAPPENINGS_MAX = 60;
const CHAT_KEPT_MAX = 2_000;

export const EMPTY: RoomState = {
  phase: "connecting",
  ended: null,
  connection: "ok",
  lobbyMessage: null,
  room: "",
  name: "",
  you: "",
  policy: { speak: "everyone", show: "everyone", share: "trainers", chat: "everyone", write: "everyone" },
  locked: false,
  pad: null,
  people: [],
  hands: [],
  chat: [],
  lobby: null,
  slotsMax: 0,
  speaking: [],
  slots: new Map(),
  connections: new Map(),
  videoFull: false,
  notices: [],
  happenings: [],
  chatCount: 0,
};

export const personOf = (state: RoomState, id: ParticipantId): Person | undefined =>
  state.people.find((person) => person.id === id);

export const me = (state: RoomState): Person | undefined => personOf(state, state.you);

type Told<T> = T extends { id: number } ? Omit<T, "id"> : never;

const newest = (state: RoomState): MessageId | null => state.chat.at(-1)?.id ?? null;

function tell(state: RoomState, ...news: Told<Happening>[]): RoomState {
  if (news.length === 0) return state;
  let id = (state.happenings.at(-1)?.id ?? 0) + 1;
  const added = news.map((one) => ({ ...one, id: id++ }) as Happening);
  return { ...state, happenings: [...state.happenings, ...added].slice(-HAPPENINGS_MAX) };
}

export function withNotice(state: RoomState, notice: Notice): RoomState {
  const id = (state.notices.at(-1)?.id ?? 0) + 1;
  // A second notice of the same kind replaces the first: five of them would bury what matters.
  const others = state.notices.filter((old) => old.notice.kind !== notice.kind);
  return { ...state, notices: [...others, { id, notice }] };
}

export function withoutNotice(state: RoomState, id: number): RoomState {
  return { ...state, notices: state.notices.filter((notice) => notice.id !== id) };
}

/** Folds one message of the server into the state. */
export function reduce(state: RoomState, message: ServerMessage): RoomState {
  switch (message.type) {
    case "waiting":
      return { ...state, phase: "waiting", connection: "ok", lobbyMessage: message.message };
    case "welcome": {
      // The credentials belong to the connection, not to what is drawn.
      const { type: _, slots_max, ice_servers: __, ...welcome } = message;
      const again = state.phase === "in" && state.connection === "lost";
      const next: RoomState = {
        ...state,
        ...welcome,
        phase: "in",
        connection: "ok",
        slotsMax: slots_max,
        speaking: [],
        slots: new Map(),
        connections: new Map(),
        videoFull: false,
      };
      return again ? withNotice(next, { kind: "back" }) : next;
    }
    case "event":
      return state.phase === "in" ? event(state, message.event) : state;
    default:
      return state;
  }
}

function event(state: RoomState, event: RoomEvent): RoomState {
  switch (event.name) {
    case "person":
      return person(state, event.person);
    case "left": {
      const gone = personOf(state, event.participant);
      const next = {
        ...state,
        people: state.people.filter((person) => person.id !== event.participant),
        hands: state.hands.filter((id) => id !== event.participant),
        speaking: state.speaking.filter((id) => id !== event.participant),
      };
      return gone
        ? tell(next, {
            kind: "left",
            name: gone.name,
            removed: event.removed,
            after: newest(state),
            participant: gone.id,
          })
        : next;
    }
    case "hands": {
      const raised = event.hands.flatMap((id, place) => {
        const raiser = state.hands.includes(id) || id === state.you ? undefined : personOf(state, id);
        return raiser
          ? [{ kind: "hand" as const, name: raiser.name, place: place + 1, participant: id }]
          : [];
      });
      return tell({ ...state, hands: event.hands }, ...raised);
    }
    case "chat": {
      const own = event.message.from === state.you;
      const next = {
        ...state,
        chat: [...state.chat, event.message].slice(-CHAT_KEPT_MAX),
        chatCount: state.chatCount + (own ? 0 : 1),
      };
      const { name, text, from } = event.message;
      return own ? next : tell(next, { kind: "chat", name, text, participant: from });
    }
    case "chat_deleted":
      return { ...state, chat: state.chat.filter((message) => message.id !== event.message) };
    case "silenced": {
      // My own id: nobody did it, the room's settings took the right away.
      const by = event.by === state.you ? "" : (personOf(state, event.by)?.name ?? "");
      return withNotice(state, { kind: "silenced", source: event.source, by });
    }
    case "lobby": {
      const known = new Set(state.lobby?.waiting.map((person) => person.id));
      const fresh = event.lobby.waiting.filter((person) => !known.has(person.id));
      const news = fresh.map(({ name, id }) => ({ kind: "knocks" as const, name, participant: id }));
      return tell({ ...state, lobby: event.lobby }, ...news);
    }
    case "locked": {
      const next = { ...state, locked: event.locked };
      if (event.by === state.you) return next;
      return withNotice(next, {
        kind: "locked",
        locked: event.locked,
        by: personOf(state, event.by)?.name ?? "",
      });
    }
    case "room": {
      const changed = JSON.stringify(event.policy) !== JSON.stringify(state.policy);
      const next = { ...state, name: event.room_name, policy: event.policy, pad: event.pad };
      return changed ? withNotice(next, { kind: "policy" }) : next;
    }
    case "speaking":
      return { ...state, speaking: event.participants };
    case "connections":
      return {
        ...state,
        connections: new Map(event.people.map(({ participant, quality }) => [participant, quality])),
      };
    case "video_full":
      return { ...state, videoFull: event.full };
    case "slots": {
      const slots = new Map(state.slots);
      for (const content of event.slots) slots.set(content.slot, content);
      return { ...state, slots };
    }
    default:
      // A newer server may tell more than this client knows.
      return state;
  }
}

function person(state: RoomState, now: Person): RoomState {
  const before = personOf(state, now.id);
  if (!before) {
    const next = { ...state, people: [...state.people, now] };
    return now.id === state.you
      ? next
      : tell(next, { kind: "came", name: now.name, after: newest(state), participant: now.id });
  }
  let next: RoomState = { ...state, people: state.people.map((old) => (old.id === now.id ? now : old)) };
  if (now.id === state.you) {
    if (before.role !== now.role) next = withNotice(next, { kind: "role", role: now.role });
    // Those who no longer lead must not go on seeing who waits (S-04); those who do now get it by a `lobby` event.
    if (now.role === "participant" || now.role === "read_only") next = { ...next, lobby: null };
  } else if (!before.sources.includes("screen") && now.sources.includes("screen")) {
    next = tell(next, { kind: "shares", name: now.name, participant: now.id });
  }
  return next;
}
