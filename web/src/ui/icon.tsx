// Icons: lucide, drawn in the text's colour, always hidden from screen readers because a word stands beside them
// (or in `aria-label` of the button).
import type { LucideIcon } from "lucide-react";

export function Icon({ of: Drawing }: { of: LucideIcon }) {
  return <Drawing className="i" aria-hidden="true" strokeWidth={1.9} size={undefined} />;
}
