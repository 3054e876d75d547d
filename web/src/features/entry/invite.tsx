// Accepting an account invitation: by its one-time link a trainer or admin makes their account.
import { type FormEvent, useState } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { navigate } from "../../router";
import { setAccount } from "../../session";
import { Button } from "../../ui/button";
import { EntrancePage, Heading } from "../../ui/page";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import { AccountFields, check, EMAIL_CODES, NAME_CODES, NO_VALUES } from "./account_fields";
import styles from "./entry.module.css";

export default function InvitePage() {
  const [secret] = useState(() => location.hash.slice(1));
  const [values, setValues] = useState(NO_VALUES);
  const { busy, failure, run, refuse, form } = useSubmit();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wrong = check(values);
    if (wrong) return refuse(wrong);
    void run(async () => {
      const { account } = await api.acceptAccount({
        secret,
        name: values.name.trim(),
        email: values.email.trim(),
        password: values.password,
      });
      setAccount(account);
      navigate("/admin/rooms", { replace: true });
    });
  };
  const atField = [...NAME_CODES, ...EMAIL_CODES, "password_too_short"];

  return (
    <EntrancePage>
      <form ref={form} className={`card ${styles.card}`} onSubmit={submit} noValidate>
        <Heading>{m.invite_title()}</Heading>
        <p>{m.invite_text()}</p>
        {failure && !atField.includes(failure) && (
          <Note tone="brick" alert>
            {/* The same code as for a room's link, but here there is no room. */}
            {sentence(failure === "invitation_unknown" ? "one_time_link_used" : failure)}
          </Note>
        )}
        <AccountFields values={values} failure={failure} onChange={setValues} />
        <Button look="primary" size="big" type="submit" busy={busy && m.invite_busy()}>
          {m.invite_verb()}
        </Button>
      </form>
    </EntrancePage>
  );
}
