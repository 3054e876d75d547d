// The call, for every component of the room. `RoomCall` is what the interface may use of it, so that drawings can be
// looked at with a made-up one.
import { createContext, useContext } from "react";
import type { Call } from "../../call/call";

export type RoomCall = Pick<
  Call,
  | "room"
  | "own"
  | "speaking"
  | "stage"
  | "quality"
  | "figures"
  | "budget"
  | "saver"
  | "setSaver"
  | "mediaState"
  | "pictures"
  | "sound"
  | "devices"
  | "do"
  | "setMicrophone"
  | "setCamera"
  | "startScreen"
  | "stopScreen"
  | "show"
  | "slotOf"
  | "notify"
  | "dismiss"
  | "leave"
>;

export const CallContext = createContext<RoomCall | null>(null);

export function useRoomCall(): RoomCall {
  const call = useContext(CallContext);
  if (!call) throw new Error("outside of a room");
  return call;
}
