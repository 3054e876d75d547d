// People with accounts: who there is, inviting somebody by a one-time link, removing an account. For admins.
import { Copy, MoreHorizontal, Trash2, UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { formatDay } from "../../i18n/language";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { ConfirmDialog, Dialog } from "../../ui/dialog";
import { MenuButton } from "../../ui/menu";
import { Heading } from "../../ui/page";
import { toast } from "../../ui/toast";
import { useSubmit } from "../../ui/use_submit";
import { Avatar, Chip, Note } from "../../ui/words";
import type { Account, AccountRole, Link } from "../../wire/types";
import { AdminFrame } from "./frame";
import { useLoaded } from "./load";
import styles from "./people.module.css";

export default function PeoplePage() {
  return <AdminFrame>{(account) => <People me={account} />}</AdminFrame>;
}

function People({ me }: { me: Account }) {
  const { data: accounts, failure, reload } = useLoaded(api.accounts);
  const [inviting, setInviting] = useState(false);
  const [removing, setRemoving] = useState<Account | null>(null);
  return (
    <>
      <div className={styles.head}>
        <div className="grow">
          <Heading>{m.people_title()}</Heading>
          {accounts && <p className="s dim">{m.people_count_accounts({ count: accounts.length })}</p>}
        </div>
        <Button look="primary" icon={UserPlus} onClick={() => setInviting(true)}>
          {m.people_invite()}
        </Button>
      </div>
      {failure && (
        <Note tone="brick" alert action={<Button onClick={reload}>{m.try_again()}</Button>}>
          {sentence(failure)}
        </Note>
      )}
      {accounts && (
        <ul className={styles.list}>
          {accounts.map((account) => (
            <li key={account.id}>
              <Avatar name={account.name} id={account.id} large />
              <div className={styles.who}>
                <h2>
                  <bdi>{account.name}</bdi>
                  {account.id === me.id && <span className="s dim"> ({m.people_you()})</span>}
                </h2>
                <p className="s dim">{account.email}</p>
              </div>
              <Chip tone={account.role === "admin" ? "pine" : "plain"}>
                {account.role === "admin" ? m.role_admin() : m.role_trainer()}
              </Chip>
              {account.id === me.id ? (
                <span className={styles.none} />
              ) : (
                <MenuButton
                  icon={MoreHorizontal}
                  iconOnly
                  label={m.people_more({ name: account.name })}
                  entries={[
                    {
                      id: "remove",
                      label: m.people_remove(),
                      icon: Trash2,
                      danger: true,
                      onChoose: () => setRemoving(account),
                    },
                  ]}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      <Dialog open={inviting} onClose={() => setInviting(false)} title={m.people_invite_title()}>
        <InviteForm onClose={() => setInviting(false)} />
      </Dialog>
      {removing && (
        <RemoveDialog
          account={removing}
          onClose={() => setRemoving(null)}
          onRemoved={() => {
            setRemoving(null);
            toast(m.people_removed());
            reload();
          }}
        />
      )}
    </>
  );
}

function InviteForm({ onClose }: { onClose(): void }) {
  const [role, setRole] = useState<AccountRole>("trainer");
  const [link, setLink] = useState<Link | null>(null);
  const { busy, failure, run } = useSubmit();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => setLink(await api.inviteAccount(role)));
  };
  if (link) {
    return (
      <div className="stack-v">
        <Note tone="pine" alert>
          {m.people_invite_ready()}
        </Note>
        <div className="field">
          <label htmlFor="invite-link">{m.room_link_address()}</label>
          <input
            id="invite-link"
            className="input"
            dir="ltr"
            readOnly
            value={link.url}
            onFocus={(event) => event.target.select()}
          />
          {link.expires_at_ms !== null && (
            <p className="help">{m.room_link_until({ day: formatDay(link.expires_at_ms) })}</p>
          )}
        </div>
        <div className="verbs">
          <Button onClick={onClose}>{m.done()}</Button>
          <Button look="primary" icon={Copy} onClick={() => void copyText(link.url, m.copied())}>
            {m.copy()}
          </Button>
        </div>
      </div>
    );
  }
  return (
    <form className="stack-v" onSubmit={submit}>
      <p>{m.people_invite_text()}</p>
      <fieldset className={styles.roles}>
        <legend>{m.people_invite_role()}</legend>
        {(["trainer", "admin"] as const).map((value) => (
          <label key={value} className="check">
            <input type="radio" name="role" checked={role === value} onChange={() => setRole(value)} />
            <span>{value === "admin" ? m.people_role_admin_long() : m.people_role_trainer_long()}</span>
          </label>
        ))}
      </fieldset>
      {failure && (
        <Note tone="brick" alert>
          {sentence(failure)}
        </Note>
      )}
      <div className="verbs">
        <Button onClick={onClose}>{m.cancel()}</Button>
        <Button look="primary" type="submit" busy={busy && m.rooms_creating()}>
          {m.people_invite_verb()}
        </Button>
      </div>
    </form>
  );
}

function RemoveDialog(props: { account: Account; onClose(): void; onRemoved(): void }) {
  const { busy, failure, run } = useSubmit();
  return (
    <ConfirmDialog
      open
      onClose={props.onClose}
      title={m.people_remove_title({ name: props.account.name })}
      verb={m.people_remove()}
      danger
      busy={busy && m.rooms_deleting()}
      onConfirm={() =>
        void run(async () => {
          await api.deleteAccount(props.account.id);
          props.onRemoved();
        })
      }
    >
      <p>{m.people_remove_text()}</p>
      {failure && (
        <Note tone="brick" alert>
          {sentence(failure)}
        </Note>
      )}
    </ConfirmDialog>
  );
}
