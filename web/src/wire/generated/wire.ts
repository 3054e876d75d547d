// Made by `cargo xtask codegen` from crates/wire; do not edit. Meaning of everything: docs/protocol.md.

export const PROTOCOL_VERSION = 1;

export const CODES = [
  "malformed",
  "too_large",
  "too_many",
  "not_found",
  "forbidden",
  "sign_in_required",
  "wrong_credentials",
  "foreign_origin",
  "unknown_host",
  "conflict",
  "invitation_unknown",
  "invitation_expired",
  "one_time_link_used",
  "name_empty",
  "name_too_long",
  "name_forbidden",
  "text_empty",
  "text_too_long",
  "text_forbidden",
  "email_invalid",
  "email_taken",
  "password_too_short",
  "organisation_incomplete",
  "room_full",
  "room_locked",
  "lobby_full",
  "denied",
  "removed",
  "ended",
  "room_deleted",
  "replaced",
  "ticket_invalid",
  "hello_expected",
  "protocol_version",
  "stale",
  "sdp_invalid",
  "media_limit",
  "video_full",
  "pad_unknown",
  "pad_full",
  "pad_read_only",
  "slow_reader",
  "shutting_down",
  "overloaded",
  "internal"
] as const;

export type AcceptAccount = { 
/**
 * From the link's fragment.
 */
secret: string, 
/**
 * Name.
 */
name: PersonName, 
/**
 * Address.
 */
email: string, 
/**
 * Password.
 */
password: string, };

export type Account = { 
/**
 * Who.
 */
id: AccountId, 
/**
 * Name.
 */
name: PersonName, 
/**
 * Address.
 */
email: string, 
/**
 * Admin or trainer.
 */
role: AccountRole, 
/**
 * Whose.
 */
organisation: OrganisationId, };

export type AccountId = string;

export type AccountRole = "admin" | "trainer";

export type Audience = "everyone" | "trainers";

export type ChangeRoom = { 
/**
 * The version that was edited; another one is refused with `conflict`.
 */
version: number, 
/**
 * The new settings, whole.
 */
settings: RoomSettings, };

export type ChatMessage = { 
/**
 * Which.
 */
id: MessageId, 
/**
 * Who wrote it.
 */
from: ParticipantId, 
/**
 * Their name when they wrote it.
 */
name: PersonName, 
/**
 * What.
 */
text: ChatText, 
/**
 * When, in milliseconds since 1970 (UTC).
 */
at_ms: number, };

export type ChatText = string;

export type ClientMessage = { "type": "hello", 
/**
 * The one-time ticket from `POST /api/v1/join` or `…/ticket`.
 */
ticket: string, 
/**
 * [`crate::PROTOCOL_VERSION`].
 */
protocol: number, } | { "type": "command", 
/**
 * Chosen by the client, unique on this connection.
 */
id: number, 
/**
 * What.
 */
command: Command, } | { "type": "offer", 
/**
 * Chosen by the client, unique on this connection.
 */
id: number, 
/**
 * The offer (RFC 8829), at most `limits::SDP_BYTES_MAX` bytes.
 */
sdp: string, 
/**
 * What each sending section carries.
 */
publish: Array<PublishedSection>, 
/**
 * Which receiving sections form which slot.
 */
slots: Array<SlotSections>, } | { "type": "subscribe", 
/**
 * The wishes.
 */
slots: Array<SlotWish>, } | { "type": "ping", };

export type Code = "malformed" | "too_large" | "too_many" | "not_found" | "forbidden" | "sign_in_required" | "wrong_credentials" | "foreign_origin" | "unknown_host" | "conflict" | "invitation_unknown" | "invitation_expired" | "one_time_link_used" | "name_empty" | "name_too_long" | "name_forbidden" | "text_empty" | "text_too_long" | "text_forbidden" | "email_invalid" | "email_taken" | "password_too_short" | "organisation_incomplete" | "room_full" | "room_locked" | "lobby_full" | "denied" | "removed" | "ended" | "room_deleted" | "replaced" | "ticket_invalid" | "hello_expected" | "protocol_version" | "stale" | "sdp_invalid" | "media_limit" | "video_full" | "pad_unknown" | "pad_full" | "pad_read_only" | "slow_reader" | "shutting_down" | "overloaded" | "internal";

export type Command = { "name": "leave", } | { "name": "rename", 
/**
 * The new name.
 */
to: PersonName, } | { "name": "knock", 
/**
 * What.
 */
text: KnockText, } | { "name": "hand", 
/**
 * Up or down.
 */
raised: boolean, } | { "name": "lower_hand", 
/**
 * Whose.
 */
participant: ParticipantId | null, } | { "name": "chat", 
/**
 * What.
 */
text: ChatText, } | { "name": "delete_chat", 
/**
 * Which.
 */
message: MessageId, } | { "name": "source", 
/**
 * Which.
 */
source: Source, 
/**
 * On or off.
 */
on: boolean, } | { "name": "silence", 
/**
 * Whose.
 */
participant: ParticipantId | null, 
/**
 * Which.
 */
source: Source, } | { "name": "admit", 
/**
 * Whom.
 */
participant: ParticipantId | null, } | { "name": "deny", 
/**
 * Whom.
 */
participant: ParticipantId, } | { "name": "lobby_message", 
/**
 * The text.
 */
text: LobbyText | null, } | { "name": "remove", 
/**
 * Whom.
 */
participant: ParticipantId, } | { "name": "change_role", 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * Which.
 */
role: Role, } | { "name": "lock", 
/**
 * Locked or not.
 */
locked: boolean, } | { "name": "policy", 
/**
 * The whole new policy.
 */
policy: RoomPolicy, } | { "name": "end_for_all", };

export type CreateInvitation = { 
/**
 * What people become who follow it: trainer, co-trainer, participant or read-only.
 */
role: Role, 
/**
 * How long it is valid, in seconds from now; `None`: until revoked.
 */
lifetime_s: number | null, };

export type CreateRoom = { 
/**
 * The title; everything else starts with its default.
 */
name: RoomName, };

export type Entrance = { 
/**
 * The room.
 */
room: RoomId, 
/**
 * Its title.
 */
name: RoomName, 
/**
 * As what the link lets in.
 */
role: Role, 
/**
 * Whether people wait first.
 */
lobby: boolean, 
/**
 * How many people are there.
 */
people: number, 
/**
 * Who runs it and how to reach them (P-02).
 */
organisation: Organisation, 
/**
 * The name this browser used in this room before.
 */
known_as: PersonName | null, };

export type ErrorBody = { 
/**
 * Stable; translate this.
 */
code: Code, 
/**
 * Which field or value is meant, for programmers.
 */
detail: string | null, };

export type Event = { "name": "person", 
/**
 * As they are now.
 */
person: Person, } | { "name": "left", 
/**
 * Who.
 */
participant: ParticipantId, 
/**
 * Whether they were removed.
 */
removed: boolean, } | { "name": "hands", 
/**
 * All of them.
 */
hands: Array<ParticipantId>, } | { "name": "chat", 
/**
 * What.
 */
message: ChatMessage, } | { "name": "chat_deleted", 
/**
 * Which.
 */
message: MessageId, 
/**
 * By whom.
 */
by: ParticipantId, } | { "name": "silenced", 
/**
 * Which.
 */
source: Source, 
/**
 * Who did it.
 */
by: ParticipantId, } | { "name": "lobby", 
/**
 * As it is now.
 */
lobby: Lobby, } | { "name": "locked", 
/**
 * Which.
 */
locked: boolean, 
/**
 * By whom.
 */
by: ParticipantId, } | { "name": "room", 
/**
 * The title.
 */
room_name: RoomName, 
/**
 * Who may do what.
 */
policy: RoomPolicy, 
/**
 * The pad.
 */
pad: PadId | null, } | { "name": "speaking", 
/**
 * All of them.
 */
participants: Array<ParticipantId>, } | { "name": "ice_servers", 
/**
 * All servers, as in `welcome`.
 */
ice_servers: Array<IceServer>, } | { "name": "wanted", 
/**
 * Camera or screen.
 */
source: Source, 
/**
 * The simulcast layers that are wanted, by their rids; empty where there is only one.
 */
rids: Array<string>, 
/**
 * The greatest height at which it is drawn, in device pixels; 0: nobody looks.
 */
height_px: number, } | { "name": "connections", 
/**
 * In no order; who is missing has a good connection.
 */
people: Array<PersonConnection>, } | { "name": "video_full", 
/**
 * Whether some are missing now.
 */
full: boolean, } | { "name": "slots", 
/**
 * The changed ones.
 */
slots: Array<SlotContent>, };

export type FirstAdmin = { 
/**
 * From the link's fragment.
 */
secret: string, 
/**
 * The admin's name.
 */
name: PersonName, 
/**
 * The admin's e-mail address, used to sign in.
 */
email: string, 
/**
 * At least `limits::PASSWORD_CHARS_MIN` characters.
 */
password: string, 
/**
 * The organisation's name.
 */
organisation: OrganisationText, 
/**
 * How to reach it about data protection (address, phone or mail).
 */
contact: OrganisationText, };

export type IceServer = { 
/**
 * Where (RFC 7065).
 */
urls: Array<string>, 
/**
 * The username.
 */
username: string, 
/**
 * The password.
 */
credential: string, };

export type Invitation = { 
/**
 * Which.
 */
id: InvitationId, 
/**
 * What people become.
 */
role: Role, 
/**
 * The whole address (kept sealed, shown to those who may manage links).
 */
url: string, 
/**
 * When it ends, in milliseconds since 1970.
 */
expires_at_ms: number | null, };

export type InvitationId = string;

export type InviteAccount = { 
/**
 * What they become.
 */
role: AccountRole, };

export type Join = { 
/**
 * From the link's fragment.
 */
secret: string, 
/**
 * How they want to be called.
 */
name: PersonName, };

export type JoinAsAccount = { 
/**
 * Another name than the account's.
 */
name: PersonName | null, };

export type Joined = { 
/**
 * The room.
 */
room: RoomId, 
/**
 * Who one is in it; stays the same over reconnects.
 */
participant: ParticipantId, 
/**
 * Good once, for `limits::TICKET_LIFETIME_S`.
 */
ticket: string, };

export type KnockText = string;

export type Link = { 
/**
 * The whole address with the secret in its fragment.
 */
url: string, 
/**
 * When it ends, in milliseconds since 1970.
 */
expires_at_ms: number | null, };

export type Lobby = { 
/**
 * What the waiting read.
 */
message: LobbyText | null, 
/**
 * Who waits, in the order of coming.
 */
waiting: Array<WaitingPerson>, };

export type LobbyText = string;

export type Look = { 
/**
 * From the link's fragment.
 */
secret: string, };

export type MessageId = string;

export type Organisation = { 
/**
 * The name.
 */
name: OrganisationText, 
/**
 * How to reach it about data protection.
 */
contact: OrganisationText, };

export type OrganisationId = string;

export type OrganisationText = string;

export type PadId = string;

export type PadRight = "read" | "comment" | "write";

export type PadToken = { 
/**
 * Goes into `?token=`.
 */
token: string, 
/**
 * Whether it lets one write.
 */
right: PadRight, 
/**
 * When it ends, in milliseconds since 1970.
 */
expires_at_ms: number, 
/**
 * The pad's title.
 */
title: string, };

export type ParticipantId = string;

export type Person = { 
/**
 * Who.
 */
id: ParticipantId, 
/**
 * How they are called.
 */
name: PersonName, 
/**
 * As what.
 */
role: Role, 
/**
 * Which of their publications are on.
 */
sources: Array<Source>, 
/**
 * Whether their connection is up; somebody who lost it stays for a while.
 */
connected: boolean, };

export type PersonConnection = { 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * In a word.
 */
quality: Quality, };

export type PersonName = string;

export type PublishedSection = { 
/**
 * Its `a=mid`.
 */
mid: string, 
/**
 * What it carries.
 */
source: Source, };

export type Quality = "good" | "fair" | "poor" | "bad";

export type Role = "read_only" | "participant" | "co_trainer" | "trainer" | "admin";

export type Room = { 
/**
 * Which.
 */
id: RoomId, 
/**
 * Its settings.
 */
settings: RoomSettings, 
/**
 * Rises with every change; sent back with the next one.
 */
version: number, 
/**
 * Its pad.
 */
pad: PadId | null, 
/**
 * Who made it.
 */
owner: AccountId, 
/**
 * People in it now, lobby not counted.
 */
people: number, 
/**
 * People in its lobby now.
 */
waiting: number, };

export type RoomId = string;

export type RoomName = string;

export type RoomPolicy = { 
/**
 * Microphone.
 */
speak: Audience, 
/**
 * Camera.
 */
show: Audience, 
/**
 * Screen share.
 */
share: Audience, 
/**
 * Chat messages.
 */
chat: Audience, 
/**
 * Writing in the room's pad; the others read.
 */
write: Audience, };

export type RoomSettings = { 
/**
 * The title that everybody sees.
 */
name: RoomName, 
/**
 * Whether guests wait until they are let in.
 */
lobby: boolean, 
/**
 * Who may do what.
 */
policy: RoomPolicy, 
/**
 * Whether the room has a pad.
 */
pad: boolean, 
/**
 * People at once, lobby not counted; at most [`limits::ROOM_PEOPLE_MAX`].
 */
people_max: number, };

export type ServerMessage = { "type": "waiting", 
/**
 * What the trainer tells the waiting.
 */
message: LobbyText | null, } | { "type": "welcome" } & Welcome | { "type": "event", 
/**
 * What.
 */
event: Event, } | { "type": "done", 
/**
 * The command's id.
 */
id: number, } | { "type": "refused", 
/**
 * The id of command or offer.
 */
id: number, 
/**
 * Why.
 */
code: Code, } | { "type": "answer", 
/**
 * The offer's id.
 */
id: number, 
/**
 * The session description, with the server's candidates.
 */
sdp: string, } | { "type": "pong", } | { "type": "bye", 
/**
 * Why.
 */
code: Code, };

export type Session = { 
/**
 * `None` for guests and strangers.
 */
account: Account | null, };

export type SignIn = { 
/**
 * The address.
 */
email: string, 
/**
 * The password.
 */
password: string, };

export type SlotContent = { 
/**
 * Which slot.
 */
slot: number, 
/**
 * Whose sound and picture.
 */
participant: ParticipantId | null, 
/**
 * Camera or screen; microphone in a slot without picture.
 */
source: Source, 
/**
 * Whether pictures flow in it now.
 */
picture: boolean, };

export type SlotSections = { 
/**
 * The slot's number, unique in the connection, below `limits::MEDIA_SLOTS_MAX`.
 */
slot: number, 
/**
 * The `a=mid` of its sound.
 */
audio: string, 
/**
 * The `a=mid` of its picture; without one it is a slot for people who speak without being seen.
 */
video: string | null, };

export type SlotWish = { 
/**
 * Which slot (one with a picture).
 */
slot: number, 
/**
 * Whose picture; `None` empties the slot.
 */
participant: ParticipantId | null, 
/**
 * Their camera, or their screen (the slot's sound is then the microphone, or the screen's sound).
 */
source: Source, 
/**
 * How high the picture is drawn, in device pixels; chooses the layer. 0 pauses the picture, sound goes on.
 */
height_px: number, };

export type Source = "microphone" | "camera" | "screen" | "screen_sound";

export type WaitingPerson = { 
/**
 * Who.
 */
id: ParticipantId, 
/**
 * How they are called.
 */
name: PersonName, 
/**
 * What they said.
 */
knock: KnockText | null, };

export type Welcome = { 
/**
 * The room.
 */
room: RoomId, 
/**
 * Its title.
 */
name: RoomName, 
/**
 * Who you are in it.
 */
you: ParticipantId, 
/**
 * Who may do what.
 */
policy: RoomPolicy, 
/**
 * Whether nobody else is let in.
 */
locked: boolean, 
/**
 * The room's pad.
 */
pad: PadId | null, 
/**
 * Who is there, you included, in the order of coming.
 */
people: Array<Person>, 
/**
 * Raised hands in their order.
 */
hands: Array<ParticipantId>, 
/**
 * The newest chat messages, oldest first.
 */
chat: Array<ChatMessage>, 
/**
 * For those who lead: who waits.
 */
lobby: Lobby | null, 
/**
 * How many pictures this server sends to one person at most.
 */
slots_max: number, 
/**
 * Where UDP is blocked, media goes through these; for `RTCConfiguration.iceServers` as they stand.
 */
ice_servers: Array<IceServer>, };
