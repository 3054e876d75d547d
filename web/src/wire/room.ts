// The messages of the room websocket, as crates/wire defines them (docs/protocol.md describes each). The types are
// generated (`cargo xtask codegen`); this only gives the room's event a name that is not the browser's `Event`.
export type {
  ChatMessage,
  ClientMessage,
  Command,
  Event as RoomEvent,
  Lobby,
  MessageId,
  PadId,
  ParticipantId,
  Person,
  PersonConnection,
  PublishedSection,
  RoomId,
  ServerMessage,
  SlotContent,
  SlotSections,
  SlotWish,
  WaitingPerson,
  Welcome,
} from "./generated/wire";
export { PROTOCOL_VERSION } from "./generated/wire";
