// Small things that say something: chips (a state in a word), notes (a sentence with an icon), avatars, empty states.
import { CircleAlert, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "./icon";

export type Tone = "plain" | "pine" | "sun" | "sky" | "brick";

export function Chip({
  tone = "plain",
  icon,
  children,
}: {
  tone?: Tone;
  icon?: LucideIcon;
  children: ReactNode;
}) {
  return (
    <span className={tone === "plain" ? "chip" : `chip ${tone}`}>
      {icon && <Icon of={icon} />}
      {children}
    </span>
  );
}

const NOTE_ICONS = { sky: Info, pine: Info, sun: CircleAlert, brick: TriangleAlert } as const;

/** `alert` has it read out at once; only for what stops somebody. */
export function Note(props: {
  tone?: Exclude<Tone, "plain">;
  icon?: LucideIcon;
  alert?: boolean;
  children: ReactNode;
  action?: ReactNode;
}) {
  const tone = props.tone ?? "sky";
  return (
    <div className={`note ${tone}`} role={props.alert ? "alert" : undefined}>
      <Icon of={props.icon ?? NOTE_ICONS[tone]} />
      <div className="grow">{props.children}</div>
      {props.action}
    </div>
  );
}

/** Up to two first letters of a name, whatever the script. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/[\s.-]+/u)
    .filter(Boolean);
  const first = [...(words[0] ?? "")][0] ?? "";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

/** One of the eight author colours, always the same for the same id. */
export function colourOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return (sum % 8) + 1;
}

/** Decoration beside a name that is also written out. */
export function Avatar({ name, id, large }: { name: string; id: string; large?: boolean }) {
  return (
    <span className={`ava c${colourOf(id)}${large ? " l" : ""}`} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
