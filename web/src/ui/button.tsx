// Buttons and links that look like them: one primary per screen, the rest outlined or text (DESIGN 1).
import { Clock, type LucideIcon } from "lucide-react";
import type { ComponentPropsWithRef, MouseEvent, ReactNode } from "react";
import { Link } from "../router";
import { Icon } from "./icon";

export type Look = "plain" | "primary" | "ghost" | "leave";

interface Common {
  look?: Look;
  size?: "small" | "big";
  icon?: LucideIcon;
  children?: ReactNode;
}

function classes(look: Look | undefined, size: Common["size"], more?: string): string {
  return ["btn", look && look !== "plain" ? look : "", size ?? "", more ?? ""].filter(Boolean).join(" ");
}

export interface ButtonProps extends Common, Omit<ComponentPropsWithRef<"button">, "className"> {
  /** What is going on, said instead of the label while it lasts; the button keeps focus and does nothing. */
  busy?: string | false;
  className?: string;
}

export function Button({ look, size, icon, busy, children, className, onClick, type, ...rest }: ButtonProps) {
  const click = (event: MouseEvent<HTMLButtonElement>) => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button
      type={type ?? "button"}
      {...rest}
      className={classes(look, size, busy ? `busy ${className ?? ""}` : className)}
      aria-busy={busy ? true : undefined}
      onClick={click}
    >
      {busy ? <Icon of={Clock} /> : icon && <Icon of={icon} />}
      {busy || children}
    </button>
  );
}

export function LinkButton({
  look,
  size,
  icon,
  children,
  href,
  ...rest
}: Common & Omit<ComponentPropsWithRef<"a">, "className"> & { href: string }) {
  return (
    <Link {...rest} href={href} className={classes(look, size)}>
      {icon && <Icon of={icon} />}
      {children}
    </Link>
  );
}

/** A button that is only an icon: close, more, text format. `label` is what it does. */
export function IconButton({
  icon,
  label,
  className,
  disabled,
  onClick,
  ...rest
}: { icon: LucideIcon; label: string } & Omit<ComponentPropsWithRef<"button">, "aria-label">) {
  return (
    <button
      type="button"
      title={label}
      {...rest}
      // Not `disabled`: at the last page or the largest size the button would take the focus away with it.
      aria-disabled={disabled || undefined}
      onClick={(event) => !disabled && onClick?.(event)}
      aria-label={label}
      className={`icon-btn ${className ?? ""}`}
    >
      <Icon of={icon} />
    </button>
  );
}
