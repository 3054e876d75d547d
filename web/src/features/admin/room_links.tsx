// The invitation links of one room: one for each role, copied, renewed (the old one dies, S-08) or revoked here.
import { Ban, Copy, MoreHorizontal, Plus, RefreshCw } from "lucide-react";
import { type FormEvent, useCallback, useState } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { formatDay } from "../../i18n/language";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { SelectField } from "../../ui/field";
import { MenuButton } from "../../ui/menu";
import { toast } from "../../ui/toast";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import type { Invitation, Role } from "../../wire/types";
import { useLoaded } from "./load";
import styles from "./room.module.css";

const ROLES = ["participant", "co_trainer", "trainer", "read_only"] as const satisfies readonly Role[];
type LinkRole = (typeof ROLES)[number];
const DAY_S = 86_400;

export function roleName(role: Role): string {
  return {
    admin: m.role_admin,
    trainer: m.role_trainer,
    co_trainer: m.role_co_trainer,
    participant: m.role_participant,
    read_only: m.role_read_only,
  }[role]();
}

export function RoomLinks({ room }: { room: string }) {
  const load = useCallback(() => api.invitations(room), [room]);
  const { data: links, failure, reload } = useLoaded(load);
  const [adding, setAdding] = useState(false);
  /** One was made here: the form is gone, and the next tab stop is the button that brings it back. */
  const [made, setMade] = useState(false);
  const action = useSubmit();

  const renew = (link: Invitation) =>
    void action.run(async () => {
      await api.renewInvitation(room, link.id);
      toast(m.room_link_renewed());
      reload();
    });
  const revoke = (link: Invitation) =>
    void action.run(async () => {
      await api.revokeInvitation(room, link.id);
      toast(m.room_link_revoked());
      reload();
    });

  const problem = failure ?? action.failure;
  return (
    <>
      {problem && (
        <Note tone="brick" alert>
          {sentence(problem)}
        </Note>
      )}
      {links && (
        <p className={styles.answer}>
          {links.length === 0 ? m.room_links_none() : m.room_links_count({ count: links.length })}
        </p>
      )}
      {links && links.length > 0 && (
        <ul className={styles.links}>
          {links.map((link) => (
            <LinkRow key={link.id} link={link} onRenew={() => renew(link)} onRevoke={() => revoke(link)} />
          ))}
        </ul>
      )}
      {adding || links?.length === 0 ? (
        <NewLink
          room={room}
          asked={adding}
          onMade={() => {
            setAdding(false);
            setMade(true);
            reload();
          }}
        />
      ) : (
        <p>
          <Button size="small" icon={Plus} autoFocus={made} onClick={() => setAdding(true)}>
            {m.room_link_new()}
          </Button>
        </p>
      )}
    </>
  );
}

function LinkRow({ link, onRenew, onRevoke }: { link: Invitation; onRenew(): void; onRevoke(): void }) {
  const name = m.room_link_for({ role: roleName(link.role) });
  return (
    <li>
      <div className={styles.linkHead}>
        <h3>{roleName(link.role)}</h3>
        <p className="s dim">
          {link.expires_at_ms === null
            ? m.room_link_unlimited()
            : m.room_link_until({ day: formatDay(link.expires_at_ms) })}
        </p>
      </div>
      <div className={styles.linkRow}>
        <input
          className="input"
          dir="ltr"
          readOnly
          value={link.url}
          aria-label={`${m.room_link_address()}, ${name}`}
          onFocus={(event) => event.target.select()}
        />
        <Button
          icon={Copy}
          onClick={() => void copyText(link.url, m.copied())}
          aria-label={`${m.copy()}: ${name}`}
        >
          {m.copy()}
        </Button>
        <MenuButton
          icon={MoreHorizontal}
          iconOnly
          label={m.rooms_more({ room: name })}
          entries={[
            { id: "renew", label: m.room_link_renew_long(), icon: RefreshCw, onChoose: onRenew },
            { id: "revoke", label: m.room_link_revoke(), icon: Ban, danger: true, onChoose: onRevoke },
          ]}
        />
      </div>
    </li>
  );
}

function NewLink({ room, asked, onMade }: { room: string; asked: boolean; onMade(): void }) {
  const [role, setRole] = useState<LinkRole>("participant");
  const [lifetime, setLifetime] = useState<"forever" | "week" | "day">("forever");
  const { busy, failure, run } = useSubmit();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const seconds = lifetime === "forever" ? null : lifetime === "week" ? 7 * DAY_S : DAY_S;
      await api.createInvitation(room, role, seconds);
      toast(m.room_link_made());
      onMade();
    });
  };
  return (
    <form className={styles.newLink} onSubmit={submit}>
      <SelectField
        label={m.room_link_role()}
        value={role}
        options={ROLES.map((value) => ({ value, label: roleName(value) }))}
        autoFocus={asked}
        onChange={setRole}
      />
      <SelectField
        label={m.room_link_lifetime()}
        value={lifetime}
        options={[
          { value: "forever", label: m.room_link_forever() },
          { value: "week", label: m.room_link_week() },
          { value: "day", label: m.room_link_day() },
        ]}
        onChange={setLifetime}
      />
      <Button type="submit" busy={busy && m.rooms_creating()}>
        {m.people_invite_verb()}
      </Button>
      {failure && (
        <Note tone="brick" alert>
          {sentence(failure)}
        </Note>
      )}
    </form>
  );
}
