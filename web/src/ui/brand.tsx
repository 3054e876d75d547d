// The signature: a window and the light that it throws (logo, entrance, empty states). Decoration only, hidden from
// screen readers and in forced colours.
import { m } from "../i18n/m";
import { Link } from "../router";

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#1a5d4f" />
      <path d="M8.200 7h6.200l3 18h-6.200Z" fill="#f3b33a" />
      <path d="M17 7h6.200l3 18H20Z" fill="#f3b33a" opacity=".72" />
    </svg>
  );
}

/** The name of the house, leading home. */
export function Brand({ href = "/" }: { href?: string }) {
  return (
    <Link className="brand" href={href}>
      <Logo />
      <span>{m.app_name()}</span>
    </Link>
  );
}

/** Two slanted beams of daylight behind a page's content. */
export function Beams() {
  return (
    <svg className="beams" viewBox="0 0 1280 800" preserveAspectRatio="xMidYMin slice" aria-hidden="true">
      <defs>
        <linearGradient id="beam" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" className="beam-near" />
          <stop offset="1" className="beam-far" />
        </linearGradient>
      </defs>
      <path d="M520-20h180l140 620H660Z" fill="url(#beam)" />
      <path d="M722-20h170l140 620H862Z" fill="url(#beam)" />
    </svg>
  );
}

/** A small window with its light on the floor, for lists that are still empty. */
export function EmptyWindow() {
  return (
    <svg className="empty-window" viewBox="0 0 96 80" aria-hidden="true">
      <path d="M22 6h22v20H22ZM48 6h22v20H48ZM22 30h22v20H22ZM48 30h22v20H48Z" fill="var(--bench)" />
      <path d="M46 58h18l12 16H58ZM66 58h18l12 16H78Z" fill="var(--sun)" />
    </svg>
  );
}
