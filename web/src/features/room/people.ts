// Names, orders and pages of the people in the room: pure, used by stage and panels.

import { m } from "../../i18n/m";
import type { ParticipantId, Person } from "../../wire/room";
import type { Role } from "../../wire/types";

export const ROLE_WORDS: Record<Role, () => string> = {
  read_only: m.room_role_read_only,
  participant: m.room_role_participant,
  co_trainer: m.room_role_co_trainer,
  trainer: m.room_role_trainer,
  admin: m.room_role_admin,
};

/** The word beside a name; most people have none. */
export function roleWord(role: Role): string | null {
  switch (role) {
    case "trainer":
    case "admin":
      return m.room_leads();
    case "co_trainer":
      return m.room_helps();
    case "read_only":
      return m.room_reads();
    default:
      return null;
  }
}

/** The first name, where only little fits. */
export const shortName = (name: string): string => name.trim().split(/\s+/u)[0] ?? name;

export interface Page {
  people: readonly Person[];
  page: number;
  pages: number;
}

/** One page of tiles. I am always on it, at its end, so that my own picture never wanders. */
export function pageOf(people: readonly Person[], you: ParticipantId, size: number, wanted: number): Page {
  const others = people.filter((person) => person.id !== you);
  const mine = people.filter((person) => person.id === you);
  const room = Math.max(1, size - mine.length);
  const pages = Math.max(1, Math.ceil(others.length / room));
  const page = Math.min(Math.max(0, wanted), pages - 1);
  return { people: [...others.slice(page * room, (page + 1) * room), ...mine], page, pages };
}

/** Puts somebody who speaks onto the first page, in the place of whoever there has been silent longest. */
export function promote(
  order: readonly ParticipantId[],
  speaker: ParticipantId | null,
  first: number,
  spoke: ReadonlyMap<ParticipantId, number>,
): readonly ParticipantId[] {
  const at = speaker === null ? -1 : order.indexOf(speaker);
  if (speaker === null || at < first) return order;
  let silent = 0;
  for (let place = 1; place < Math.min(first, order.length); place++) {
    const quieter = (spoke.get(order[place] ?? "") ?? 0) < (spoke.get(order[silent] ?? "") ?? 0);
    if (quieter) silent = place;
  }
  const next = [...order];
  const out = next[silent];
  if (out === undefined) return order;
  next[silent] = speaker;
  next[at] = out;
  return next;
}

/** Columns and rows for `count` tiles in a box, so that pictures of this shape (wide, by default) lose least. */
export function gridFor(
  count: number,
  width: number,
  height: number,
  shape = 16 / 9,
): { columns: number; rows: number } {
  let best = { columns: 1, rows: Math.max(1, count), size: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const tile = Math.min(width / columns, (height / rows) * shape);
    if (tile > best.size) best = { columns, rows, size: tile };
  }
  return { columns: best.columns, rows: best.rows };
}
