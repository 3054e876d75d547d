/**
 * What a role may do in a room, for showing or hiding controls. The server decides (crates/model/src/permission.rs);
 * this mirror only keeps people from pressing a button that would be refused.
 */
import type { Audience, Role, RoomPolicy, Source } from "../wire/types";

const RANK: Record<Role, number> = { read_only: 0, participant: 1, co_trainer: 2, trainer: 3, admin: 4 };

export const leads = (role: Role): boolean => RANK[role] >= RANK.co_trainer;
export const isTrainer = (role: Role): boolean => RANK[role] >= RANK.trainer;

function includes(audience: Audience, role: Role): boolean {
  return audience === "everyone" ? RANK[role] >= RANK.participant : leads(role);
}

export function maySend(source: Source, role: Role, policy: RoomPolicy): boolean {
  switch (source) {
    case "microphone":
      return includes(policy.speak, role);
    case "camera":
      return includes(policy.show, role);
    default:
      return includes(policy.share, role);
  }
}

export const mayChat = (role: Role, policy: RoomPolicy): boolean => includes(policy.chat, role);
export const mayWrite = (role: Role, policy: RoomPolicy): boolean => includes(policy.write, role);

/** Switch off somebody's sources, or take them out: those who lead, for people of at most their rank. */
export const mayModerate = (mine: Role, theirs: Role): boolean => leads(mine) && RANK[theirs] <= RANK[mine];

/** Roles that can be given to somebody. */
export function rolesToGive(mine: Role, theirs: Role): Role[] {
  if (!isTrainer(mine) || theirs === "admin") return [];
  return (["read_only", "participant", "co_trainer", "trainer"] as const).filter((role) => role !== theirs);
}

/** Whether this browser can show its screen at all; phones cannot. */
export const canShow = (): boolean => "getDisplayMedia" in (navigator.mediaDevices ?? {});
