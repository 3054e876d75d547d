// What the information page says about the organisation (P-02). For admins.
import { type FormEvent, useState } from "react";
import { codeOf, type Failure } from "../../api/client";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { Link } from "../../router";
import { Button } from "../../ui/button";
import { TextField } from "../../ui/field";
import { Heading } from "../../ui/page";
import { toast } from "../../ui/toast";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import type { Organisation } from "../../wire/types";
import { AdminFrame } from "./frame";
import { useLoaded } from "./load";

export default function OrganisationPage() {
  return <AdminFrame>{() => <Loaded />}</AdminFrame>;
}

/** A server without an organisation yet refuses; here that is an empty form. */
async function loadOrganisation(): Promise<Organisation> {
  try {
    return await api.organisation();
  } catch (error) {
    if (codeOf(error) === "organisation_incomplete") return { name: "", contact: "" };
    throw error;
  }
}

function Loaded() {
  const { data, failure, reload } = useLoaded(loadOrganisation);
  return (
    <>
      <Heading>{m.organisation_title()}</Heading>
      {failure && (
        <Note tone="brick" alert action={<Button onClick={reload}>{m.try_again()}</Button>}>
          {sentence(failure)}
        </Note>
      )}
      {data && (
        <OrganisationForm key={`${data.name}\n${data.contact}`} organisation={data} onSaved={reload} />
      )}
    </>
  );
}

function OrganisationForm({ organisation, onSaved }: { organisation: Organisation; onSaved(): void }) {
  const [name, setName] = useState(organisation.name);
  const [contact, setContact] = useState(organisation.contact);
  const { busy, failure, run, refuse, form } = useSubmit();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "" || contact.trim() === "") return refuse("text_empty");
    void run(async () => {
      await api.changeOrganisation({ name: name.trim(), contact: contact.trim() });
      toast(m.saved());
      onSaved();
    });
  };
  const text: readonly Failure[] = ["text_empty", "text_too_long", "text_forbidden"];
  const said = failure && text.includes(failure) ? sentence(failure) : undefined;
  const at = (value: string) =>
    said && (failure !== "text_empty" || value.trim() === "") ? said : undefined;
  return (
    <form ref={form} className="card stack-v settings-card" onSubmit={submit} noValidate>
      <p>{m.organisation_text()}</p>
      {failure && !said && (
        <Note tone="brick" alert>
          {sentence(failure)}
        </Note>
      )}
      <TextField
        label={m.field_organisation()}
        error={at(name)}
        maxLength={500}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label={m.field_contact()}
        help={m.field_contact_help()}
        error={at(contact)}
        maxLength={500}
        value={contact}
        onChange={(event) => setContact(event.target.value)}
      />
      <div className="row wrap">
        <Button look="primary" type="submit" busy={busy && m.saving()}>
          {m.save()}
        </Button>
        <Link href="/privacy">{m.organisation_preview()}</Link>
      </div>
    </form>
  );
}
