// What can be done to a person in the room, as menu entries: for tiles and the list of people alike.
import {
  Hand,
  MicOff,
  MonitorOff,
  Pencil,
  Pin,
  PinOff,
  Settings2,
  UserCog,
  UserMinus,
  VideoOff,
} from "lucide-react";
import { leads, mayModerate, rolesToGive } from "../../call/may";
import type { RoomState } from "../../call/room_store";
import { m } from "../../i18n/m";
import type { Person } from "../../wire/room";
import type { RoomCall } from "./context";
import type { Action } from "./overlays";
import { ROLE_WORDS } from "./people";

export interface PersonDeeds {
  pinned: string | null;
  pin(participant: string | null): void;
  askRemove(person: Person): void;
  openDevices(): void;
  openRename(): void;
}

export function actionsFor(call: RoomCall, state: RoomState, person: Person, deeds: PersonDeeds): Action[] {
  const mine = state.people.find((one) => one.id === state.you)?.role ?? "read_only";
  const pin: Action =
    deeds.pinned === person.id
      ? { id: "pin", label: m.room_unpin(), icon: PinOff, run: () => deeds.pin(null) }
      : { id: "pin", label: m.room_pin(), icon: Pin, run: () => deeds.pin(person.id) };
  if (person.id === state.you) {
    return [
      { id: "devices", label: m.room_devices(), icon: Settings2, run: deeds.openDevices },
      { id: "rename", label: m.room_rename(), icon: Pencil, run: deeds.openRename },
    ];
  }
  const actions: Action[] = [pin];
  const silence = (source: "microphone" | "camera" | "screen") => () =>
    void call.do({ name: "silence", participant: person.id, source });
  if (mayModerate(mine, person.role)) {
    if (person.sources.includes("microphone")) {
      actions.push({ id: "mute", label: m.people_mute(), icon: MicOff, run: silence("microphone") });
    }
    if (person.sources.includes("camera")) {
      actions.push({ id: "camera", label: m.people_camera_off(), icon: VideoOff, run: silence("camera") });
    }
    if (person.sources.includes("screen")) {
      actions.push({ id: "screen", label: m.people_screen_off(), icon: MonitorOff, run: silence("screen") });
    }
  }
  if (leads(mine) && state.hands.includes(person.id)) {
    actions.push({
      id: "hand",
      label: m.people_lower_hand(),
      icon: Hand,
      run: () => void call.do({ name: "lower_hand", participant: person.id }),
    });
  }
  for (const [place, role] of rolesToGive(mine, person.role).entries()) {
    actions.push({
      id: `role-${role}`,
      label: m.people_make({ role: ROLE_WORDS[role]() }),
      icon: UserCog,
      apart: place === 0,
      run: () => void call.do({ name: "change_role", participant: person.id, role }),
    });
  }
  if (mayModerate(mine, person.role)) {
    actions.push({
      id: "remove",
      label: m.room_remove(),
      icon: UserMinus,
      serious: true,
      apart: true,
      run: () => deeds.askRemove(person),
    });
  }
  return actions;
}
