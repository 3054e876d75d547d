// The fields that the first admin and invited people fill in alike, with each refusal shown at the field it is about.
import { useState } from "react";
import type { Failure } from "../../api/client";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { TextField } from "../../ui/field";

export interface AccountValues {
  name: string;
  email: string;
  password: string;
}

export const NO_VALUES: AccountValues = { name: "", email: "", password: "" };
/** `limits::PASSWORD_CHARS_MIN`; the server has the last word. */
const PASSWORD_CHARS_MIN = 12;

/** What can be said without asking the server. */
export function check(values: AccountValues): Failure | null {
  if (values.name.trim() === "") return "name_empty";
  if (!/^\S+@\S+$/.test(values.email.trim())) return "email_invalid";
  if ([...values.password].length < PASSWORD_CHARS_MIN) return "password_too_short";
  return null;
}

export const NAME_CODES: readonly Failure[] = ["name_empty", "name_too_long", "name_forbidden"];
export const EMAIL_CODES: readonly Failure[] = ["email_invalid", "email_taken"];

/** The sentence when the refusal is about this field. */
export function about(failure: Failure | null, codes: readonly Failure[]): string | undefined {
  return failure && codes.includes(failure) ? sentence(failure) : undefined;
}

export function AccountFields(props: {
  values: AccountValues;
  failure: Failure | null;
  onChange(values: AccountValues): void;
}) {
  const { values, failure, onChange } = props;
  return (
    <>
      <TextField
        label={m.field_name()}
        help={m.field_name_help()}
        error={about(failure, NAME_CODES)}
        name="name"
        autoComplete="name"
        maxLength={60}
        value={values.name}
        onChange={(event) => onChange({ ...values, name: event.target.value })}
      />
      <TextField
        label={m.field_email()}
        error={about(failure, EMAIL_CODES)}
        name="email"
        type="email"
        autoComplete="username"
        autoCapitalize="none"
        value={values.email}
        onChange={(event) => onChange({ ...values, email: event.target.value })}
      />
      <NewPassword
        value={values.password}
        error={about(failure, ["password_too_short"])}
        onChange={(password) => onChange({ ...values, password })}
      />
    </>
  );
}

function NewPassword(props: { value: string; error: string | undefined; onChange(value: string): void }) {
  const [shown, setShown] = useState(false);
  return (
    <div>
      <TextField
        label={m.field_password()}
        help={m.field_new_password_help()}
        error={props.error}
        name="password"
        type={shown ? "text" : "password"}
        autoComplete="new-password"
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      />
      <label className="check show-password">
        <input type="checkbox" checked={shown} onChange={(event) => setShown(event.target.checked)} />
        <span>{m.show_password()}</span>
      </label>
    </div>
  );
}
