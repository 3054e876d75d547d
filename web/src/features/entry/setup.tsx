// The first page of a new server: by the one-time link from the terminal somebody becomes the first admin and says
// which organisation this is and how to reach it (P-02).
import { type FormEvent, useState } from "react";
import type { Failure } from "../../api/client";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { navigate } from "../../router";
import { setAccount } from "../../session";
import { Button } from "../../ui/button";
import { TextField } from "../../ui/field";
import { EntrancePage, Heading } from "../../ui/page";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import { AccountFields, check, EMAIL_CODES, NAME_CODES, NO_VALUES } from "./account_fields";
import styles from "./entry.module.css";

const TEXT_CODES: readonly Failure[] = ["text_empty", "text_too_long", "text_forbidden"];

export default function SetupPage() {
  const [secret] = useState(() => location.hash.slice(1));
  const [values, setValues] = useState(NO_VALUES);
  const [organisation, setOrganisation] = useState("");
  const [contact, setContact] = useState("");
  const { busy, failure, run, refuse, form } = useSubmit();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wrong =
      check(values) ?? (organisation.trim() === "" || contact.trim() === "" ? "text_empty" : null);
    if (wrong) return refuse(wrong);
    void run(async () => {
      const { account } = await api.setupFirstAdmin({
        secret,
        name: values.name.trim(),
        email: values.email.trim(),
        password: values.password,
        organisation: organisation.trim(),
        contact: contact.trim(),
      });
      setAccount(account);
      navigate("/admin/rooms", { replace: true });
    });
  };

  const text = failure && TEXT_CODES.includes(failure) ? sentence(failure) : undefined;
  const missing = (value: string) =>
    text && (failure !== "text_empty" || value.trim() === "") ? text : undefined;
  const atField = [...NAME_CODES, ...EMAIL_CODES, ...TEXT_CODES, "password_too_short"];

  return (
    <EntrancePage>
      <form ref={form} className={`card ${styles.card}`} onSubmit={submit} noValidate>
        <Heading>{m.setup_title()}</Heading>
        <p>{m.setup_text()}</p>
        {secret === "" && (
          <Note tone="sun" alert>
            {m.setup_link_missing()}
          </Note>
        )}
        {failure && !atField.includes(failure) && (
          <Note tone="brick" alert>
            {/* The same code as for a room's link, but here there is no room. */}
            {sentence(failure === "invitation_unknown" ? "one_time_link_used" : failure)}
          </Note>
        )}
        <fieldset className={styles.group}>
          <legend>{m.setup_you()}</legend>
          <AccountFields values={values} failure={failure} onChange={setValues} />
        </fieldset>
        <fieldset className={styles.group}>
          <legend>{m.setup_house()}</legend>
          <TextField
            label={m.field_organisation()}
            help={m.field_organisation_help()}
            error={missing(organisation)}
            name="organisation"
            autoComplete="organization"
            maxLength={500}
            value={organisation}
            onChange={(event) => setOrganisation(event.target.value)}
          />
          <TextField
            label={m.field_contact()}
            help={m.field_contact_help()}
            error={missing(contact)}
            name="contact"
            maxLength={500}
            value={contact}
            onChange={(event) => setContact(event.target.value)}
          />
        </fieldset>
        <Button look="primary" size="big" type="submit" busy={busy && m.setup_busy()}>
          {m.setup_verb()}
        </Button>
      </form>
    </EntrancePage>
  );
}
