// The HTTP bodies and error codes of `crates/wire` that the client uses, under one roof; made by `cargo xtask codegen`.
// wire.test.ts holds the code list against the Rust sources, so that forgotten generation is noticed.
export type {
  AcceptAccount,
  Account,
  AccountRole,
  Audience,
  Code,
  Entrance,
  ErrorBody,
  FirstAdmin,
  Invitation,
  Joined,
  Link,
  Organisation,
  PadRight,
  PadToken,
  Quality,
  Role,
  Room,
  RoomPolicy,
  RoomSettings,
  Session,
  SignIn,
  Source,
} from "./generated/wire";
export { CODES } from "./generated/wire";
