// What each refusal means for the person at the screen: what is, then what to do (DESIGN 7). `Record` makes the
// compiler refuse a code without a sentence; codes.test.ts makes the same sure against the Rust list.
import type { Failure } from "../api/client";
import { m } from "./m";

const SENTENCES: Readonly<Record<Failure, () => string>> = {
  unreachable: m.code_unreachable,
  malformed: m.code_malformed,
  too_large: m.code_too_large,
  too_many: m.code_too_many,
  not_found: m.code_not_found,
  forbidden: m.code_forbidden,
  sign_in_required: m.code_sign_in_required,
  wrong_credentials: m.code_wrong_credentials,
  foreign_origin: m.code_foreign_origin,
  unknown_host: m.code_unknown_host,
  conflict: m.code_conflict,
  invitation_unknown: m.code_invitation_unknown,
  invitation_expired: m.code_invitation_expired,
  one_time_link_used: m.code_one_time_link_used,
  name_empty: m.code_name_empty,
  name_too_long: m.code_name_too_long,
  name_forbidden: m.code_name_forbidden,
  text_empty: m.code_text_empty,
  text_too_long: m.code_text_too_long,
  text_forbidden: m.code_text_forbidden,
  email_invalid: m.code_email_invalid,
  email_taken: m.code_email_taken,
  password_too_short: m.code_password_too_short,
  organisation_incomplete: m.code_organisation_incomplete,
  room_full: m.code_room_full,
  room_locked: m.code_room_locked,
  lobby_full: m.code_lobby_full,
  denied: m.code_denied,
  removed: m.code_removed,
  ended: m.code_ended,
  room_deleted: m.code_room_deleted,
  replaced: m.code_replaced,
  ticket_invalid: m.code_ticket_invalid,
  hello_expected: m.code_hello_expected,
  protocol_version: m.code_protocol_version,
  stale: m.code_stale,
  sdp_invalid: m.code_sdp_invalid,
  media_limit: m.code_media_limit,
  video_full: m.code_video_full,
  pad_unknown: m.code_pad_unknown,
  pad_full: m.code_pad_full,
  pad_read_only: m.code_pad_read_only,
  slow_reader: m.code_slow_reader,
  shutting_down: m.code_shutting_down,
  overloaded: m.code_overloaded,
  internal: m.code_internal,
};

export function sentence(code: Failure): string {
  return SENTENCES[code]();
}
