// Signing in with address and password, for those who host or manage rooms.
import { type FormEvent, useState } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { navigate } from "../../router";
import { safeTarget, setAccount } from "../../session";
import { Button } from "../../ui/button";
import { TextField } from "../../ui/field";
import { EntrancePage, Heading } from "../../ui/page";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import styles from "./entry.module.css";

export default function SignInPage() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failure, run, refuse, form } = useSubmit();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (email.trim() === "" || password === "") return refuse("wrong_credentials");
    void run(async () => {
      const { account } = await api.signIn({ email: email.trim(), password });
      setAccount(account);
      navigate(safeTarget(location.search), { replace: true });
    });
  };
  const wrong = failure === "wrong_credentials";

  return (
    <EntrancePage>
      <form ref={form} className={`card ${styles.card}`} onSubmit={submit} noValidate>
        <Heading>{m.sign_in_title()}</Heading>
        {failure && (
          <Note tone="brick" alert>
            {sentence(failure)}
          </Note>
        )}
        <TextField
          label={m.field_email()}
          name="email"
          type="email"
          autoComplete="username"
          autoCapitalize="none"
          value={email}
          aria-invalid={wrong || undefined}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label={m.field_password()}
          name="password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Button look="primary" size="big" type="submit" busy={busy && m.sign_in_busy()}>
          {m.sign_in_verb()}
        </Button>
        <p className="s dim">{m.sign_in_hint()}</p>
      </form>
    </EntrancePage>
  );
}
