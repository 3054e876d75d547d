//! Every limit on what comes from outside, units last in the name (S-19). Checked before parsing; nowhere else are
//! such numbers written down. `GET /api/v1/limits` and docs/protocol.md tell them to clients.

/// A websocket frame before the connection has proved who it is.
pub const FRAME_UNAUTHENTICATED_BYTES_MAX: usize = 4 * 1024;
/// A websocket frame of the room channel.
pub const FRAME_ROOM_BYTES_MAX: usize = 64 * 1024;
/// Depth of nested JSON values.
pub const JSON_DEPTH_MAX: usize = 16;
/// An HTTP body with JSON.
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;

/// The head of an HTTP request: line and headers, or an HTTP/2 header list.
pub const HTTP_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header fields of an HTTP request.
pub const HTTP_HEADERS_MAX: usize = 64;
/// Requests at once on one HTTP/2 connection.
pub const HTTP_STREAMS_MAX: u32 = 100;
/// From accept to the end of the first request's head.
pub const HTTP_HANDSHAKE_S_MAX: u64 = 10;
/// How long a request's body may take to arrive.
pub const HTTP_BODY_S_MAX: u64 = 30;
/// Connections that have not proved who they are, from one IPv4 address or IPv6 /64. An office of 250 people behind
/// one address opens two each for a moment.
pub const CONNECTIONS_UNPROVEN_PER_PREFIX_MAX: usize = 640;
/// Connections that have not proved who they are, in all (R-18: 10,000 half-open ones do no harm).
pub const CONNECTIONS_UNPROVEN_MAX: usize = 12_000;

/// A session description.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// Media sections in a session description.
pub const SDP_SECTIONS_MAX: usize = 64;
/// Candidates in a session description.
pub const SDP_CANDIDATES_MAX: usize = 200;

/// A person's chosen name, in characters after NFC.
pub const PERSON_NAME_CHARS_MAX: usize = 60;
/// A room's name, in characters after NFC.
pub const ROOM_NAME_CHARS_MAX: usize = 120;
/// An organisation's name or contact line, in characters.
pub const ORGANISATION_TEXT_CHARS_MAX: usize = 500;
/// A chat message, in characters.
pub const CHAT_CHARS_MAX: usize = 4_000;
/// What a waiting person may say when knocking (S-06).
pub const KNOCK_CHARS_MAX: usize = 200;
/// The trainer's message to the waiting (S-06).
pub const LOBBY_MESSAGE_CHARS_MAX: usize = 500;
/// A password: argon2 hashes what comes, so it is bounded.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// An e-mail address (RFC 5321, 4.5.3.1.3: a path is at most 256 octets with its brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// Chat messages of one person in [`CHAT_WINDOW_MS`].
pub const CHAT_MESSAGES_PER_WINDOW_MAX: u32 = 20;
/// The window of [`CHAT_MESSAGES_PER_WINDOW_MAX`].
pub const CHAT_WINDOW_MS: u64 = 10_000;
/// Hands raised or lowered, mute states and the like of one person in a second.
pub const HANDS_PER_SECOND_MAX: u32 = 5;
/// Chat messages that a room keeps.
pub const CHAT_KEPT_MAX: usize = 2_000;

/// People in a room unless the room says otherwise.
pub const ROOM_PEOPLE_DEFAULT: u16 = 100;
/// People in a room at most.
pub const ROOM_PEOPLE_MAX: u16 = 500;
/// People in one lobby.
pub const LOBBY_PEOPLE_MAX: usize = 200;
/// Messages that wait for one slow room websocket; beyond it the connection is closed and resyncs.
pub const ROOM_OUTBOX_MESSAGES_MAX: usize = 1_024;

/// Bytes that wait for one slow room websocket.
pub const ROOM_OUTBOX_BYTES_MAX: usize = 1024 * 1024;
/// Frames of one room websocket in a second; so many may also come at once.
pub const ROOM_FRAMES_PER_SECOND_MAX: u32 = 60;
/// Session descriptions of one room websocket in [`CHAT_WINDOW_MS`].
pub const OFFERS_PER_WINDOW_MAX: u32 = 10;
/// The first message of a websocket has to come within this time.
pub const HELLO_TIMEOUT_MS: u64 = 10_000;
/// The server pings a room websocket so often.
pub const PING_EVERY_MS: u64 = 10_000;
/// A room websocket that says nothing for so long, not even pong, is gone.
pub const SILENCE_MAX_MS: u64 = 30_000;
/// A frame that a client does not take within this time makes it a slow reader.
pub const SEND_TIMEOUT_MS: u64 = 5_000;
/// Characters of a media section's `a=mid`.
pub const MID_CHARS_MAX: usize = 32;

/// A live pad update.
pub const PAD_UPDATE_BYTES_MAX: usize = 256 * 1024;
/// Structs in a live pad update.
pub const PAD_UPDATE_STRUCTS_MAX: u64 = 10_000;
/// Live pad updates of one connection in a second.
pub const PAD_UPDATES_PER_SECOND_MAX: u32 = 60;
/// Live pad update bytes of one connection in a second.
pub const PAD_UPDATE_BYTES_PER_SECOND_MAX: usize = 512 * 1024;
/// An answer to our state vector (offline edits).
pub const PAD_SYNC_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Structs in such an answer.
pub const PAD_SYNC_STRUCTS_MAX: u64 = 1_000_000;
/// Such answers decoded at once by the whole server.
pub const PAD_SYNCS_AT_ONCE_MAX: usize = 4;
/// Nesting of values (maps, arrays) in a pad.
pub const PAD_VALUE_DEPTH_MAX: usize = 32;
/// Nesting of elements in a pad.
pub const PAD_XML_DEPTH_MAX: usize = 64;
/// A state vector.
pub const PAD_STATE_VECTOR_BYTES_MAX: usize = 16 * 1024;
/// An awareness frame.
pub const PAD_AWARENESS_BYTES_MAX: usize = 2 * 1024;
/// Awareness frames of one connection in a second.
pub const PAD_AWARENESS_PER_SECOND_MAX: u32 = 10;
/// A pad's encoded state; from 80 % on there is a warning, at the limit it is read-only.
pub const PAD_DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Connections that may write in one pad; further ones read.
pub const PAD_WRITERS_MAX: usize = 1_000;
/// Messages that wait for one slow reader of a pad before it is resynced from its state vector.
pub const PAD_OUTBOX_MESSAGES_MAX: usize = 64;
/// Bytes that wait for one slow reader of a pad.
pub const PAD_OUTBOX_BYTES_MAX: usize = 1024 * 1024;
/// One piece of an initial sync.
pub const PAD_SYNC_PIECE_BYTES: usize = 64 * 1024;

/// Publications of one participant (camera, microphone, screen, its sound).
pub const MEDIA_PUBLICATIONS_MAX: usize = 4;
/// Simulcast layers of one publication.
pub const MEDIA_LAYERS_MAX: usize = 3;
/// Receiving slots of one participant (pairs of sound and picture).
pub const MEDIA_SLOTS_MAX: usize = 30;
/// The biggest datagram that we take.
pub const DATAGRAM_BYTES_MAX: usize = 1_500;

/// A TURN request; datagrams in indications and channels have their own limit.
pub const TURN_REQUEST_BYTES_MAX: usize = 1_024;
/// Requests of one TURN connection until it has an allocation.
pub const TURN_ATTEMPTS_MAX: u32 = 8;
/// TURN credentials are good for so long (S-33).
pub const TURN_CREDENTIALS_S: u64 = 300;
/// New ones are sent so often, so that a client that looks for another path always has good ones.
pub const TURN_CREDENTIALS_EVERY_S: u64 = 120;
/// TURN allocations of one participant at a time (S-33); browsers make one for each network that the device has.
pub const TURN_ALLOCATIONS_PER_PARTICIPANT_MAX: usize = 12;
/// TURN allocations of the whole server at a time.
pub const TURN_ALLOCATIONS_MAX: usize = 4_096;

/// Wrong secrets (links, passwords, tokens) a minute from one IP prefix (S-07).
pub const WRONG_SECRETS_PER_MINUTE_MAX: u32 = 10;
/// Wrong secrets an hour against one room (S-07).
pub const WRONG_SECRETS_PER_HOUR_AND_ROOM_MAX: u32 = 100;
/// Guests a minute from one IP prefix: a class of children behind one address joins at once.
pub const JOINS_PER_MINUTE_MAX: u32 = 120;
/// Bytes of an invitation secret (S-07: at least 128 bit).
pub const INVITATION_SECRET_BYTES: usize = 16;
/// Bytes of a session token.
pub const SESSION_TOKEN_BYTES: usize = 32;
/// A signed token lives at most so long (S-05).
pub const TOKEN_LIFETIME_S_MAX: u64 = 12 * 3600;
/// A one-time websocket ticket lives so long.
pub const TICKET_LIFETIME_S: u64 = 30;
