// One function for each door of /api/v1 that the client uses; bodies as in crates/wire/src/api.rs.
import type * as wire from "../wire/types";
import { request } from "./client";

const id = encodeURIComponent;

export const setupFirstAdmin = (body: wire.FirstAdmin) =>
  request<wire.Session>("POST", "/setup/first-admin", body);

export const session = (signal?: AbortSignal) => request<wire.Session>("GET", "/session", undefined, signal);
export const signIn = (body: wire.SignIn) => request<wire.Session>("POST", "/session", body);
export const signOut = () => request<void>("DELETE", "/session");

/** Who runs this server, for strangers too (P-02). */
export const information = (signal?: AbortSignal) =>
  request<wire.Organisation>("GET", "/information", undefined, signal);
export const organisation = () => request<wire.Organisation>("GET", "/organisation");
export const changeOrganisation = (body: wire.Organisation) =>
  request<wire.Organisation>("PATCH", "/organisation", body);

export const accounts = () => request<wire.Account[]>("GET", "/accounts");
export const inviteAccount = (role: wire.AccountRole) =>
  request<wire.Link>("POST", "/accounts/invitations", { role });
export const acceptAccount = (body: wire.AcceptAccount) => request<wire.Session>("POST", "/accounts", body);
export const deleteAccount = (account: string) => request<void>("DELETE", `/accounts/${id(account)}`);

export const rooms = (signal?: AbortSignal) => request<wire.Room[]>("GET", "/rooms", undefined, signal);
export const room = (room: string, signal?: AbortSignal) =>
  request<wire.Room>("GET", `/rooms/${id(room)}`, undefined, signal);
export const createRoom = (name: string) => request<wire.Room>("POST", "/rooms", { name });
export const changeRoom = (room: string, version: number, settings: wire.RoomSettings) =>
  request<wire.Room>("PATCH", `/rooms/${id(room)}`, { version, settings });
export const deleteRoom = (room: string) => request<void>("DELETE", `/rooms/${id(room)}`);

export const invitations = (room: string) =>
  request<wire.Invitation[]>("GET", `/rooms/${id(room)}/invitations`);
export const createInvitation = (room: string, role: wire.Role, lifetime_s: number | null) =>
  request<wire.Invitation>("POST", `/rooms/${id(room)}/invitations`, { role, lifetime_s });
export const revokeInvitation = (room: string, invitation: string) =>
  request<void>("DELETE", `/rooms/${id(room)}/invitations/${id(invitation)}`);
/** The old link is dead, a new one stands in its place (S-08). */
export const renewInvitation = (room: string, invitation: string) =>
  request<wire.Invitation>("POST", `/rooms/${id(room)}/invitations/${id(invitation)}/renew`);

export const look = (secret: string, signal?: AbortSignal) =>
  request<wire.Entrance>("POST", "/join/look", { secret }, signal);
export const joinByLink = (secret: string, name: string) =>
  request<wire.Joined>("POST", "/join", { secret, name });
export const joinAsAccount = (room: string, name: string | null) =>
  request<wire.Joined>("POST", `/rooms/${id(room)}/join`, { name });
export const ticket = (room: string) => request<wire.Joined>("POST", `/rooms/${id(room)}/ticket`);
export const padToken = (pad: string, signal?: AbortSignal) =>
  request<wire.PadToken>("POST", `/pads/${id(pad)}/token`, undefined, signal);
