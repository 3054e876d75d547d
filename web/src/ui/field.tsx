// One field: label, native input, help, and an error as sign and sentence. Native because the join page must stay
// small and because every keyboard, reader and password manager knows it.
import { TriangleAlert } from "lucide-react";
import { type ComponentPropsWithRef, useId } from "react";
import { Icon } from "./icon";

export interface TextFieldProps extends Omit<ComponentPropsWithRef<"input">, "className"> {
  label: string;
  help?: string;
  error?: string | undefined;
}

export function TextField({ label, help, error, id, ...rest }: TextFieldProps) {
  const made = useId();
  const field = id ?? made;
  const described = [help && !error ? `${field}-help` : "", error ? `${field}-error` : ""]
    .filter(Boolean)
    .join(" ");
  return (
    <div className="field">
      <label htmlFor={field}>{label}</label>
      <input
        {...rest}
        id={field}
        className="input"
        aria-invalid={error ? true : rest["aria-invalid"]}
        aria-describedby={described || undefined}
      />
      {help && !error && (
        <p className="help" id={`${field}-help`}>
          {help}
        </p>
      )}
      {error && <FieldError id={`${field}-error`} text={error} />}
    </div>
  );
}

export function FieldError({ id, text }: { id: string; text: string }) {
  return (
    <p className="error" id={id}>
      <Icon of={TriangleAlert} />
      <span>{text}</span>
    </p>
  );
}

export interface SelectFieldProps<T extends string>
  extends Omit<ComponentPropsWithRef<"select">, "className" | "onChange" | "value"> {
  label: string;
  help?: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange(value: NoInfer<T>): void;
}

export function SelectField<T extends string>({
  label,
  help,
  id,
  options,
  onChange,
  ...rest
}: SelectFieldProps<T>) {
  const made = useId();
  const field = id ?? made;
  return (
    <div className="field">
      <label htmlFor={field}>{label}</label>
      <select
        {...rest}
        id={field}
        className="input"
        aria-describedby={help ? `${field}-help` : undefined}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {help && (
        <p className="help" id={`${field}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}
