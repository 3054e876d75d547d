// The line between video and pad: dragged with the pointer, moved with the arrow keys.
import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import { m } from "../../i18n/m";
import styles from "./room.module.css";

export const SHARE_MIN = 25;
export const SHARE_MAX = 65;
const STEP = 2;

const within = (share: number): number => Math.round(Math.min(SHARE_MAX, Math.max(SHARE_MIN, share)));

/** `value` is the panel's share of the width in percent. */
export function Splitter({ value, onChange }: { value: number; onChange(share: number): void }) {
  const dragging = useRef(false);
  const rtl = () => document.documentElement.dir === "rtl";
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.parentElement?.getBoundingClientRect();
    if (!dragging.current || !box) return;
    const fromEnd = rtl() ? event.clientX - box.left : box.right - event.clientX;
    onChange(within((fromEnd / box.width) * 100));
  };
  const key = (event: KeyboardEvent) => {
    const wider = rtl() ? "ArrowRight" : "ArrowLeft";
    const narrower = rtl() ? "ArrowLeft" : "ArrowRight";
    const next = { [wider]: value + STEP, [narrower]: value - STEP, Home: SHARE_MIN, End: SHARE_MAX }[
      event.key
    ];
    if (next === undefined) return;
    event.preventDefault();
    onChange(within(next));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: an <hr> cannot be a control that is moved
    <div
      className={styles.splitter}
      role="separator"
      aria-orientation="vertical"
      aria-label={m.room_splitter()}
      aria-valuenow={value}
      aria-valuemin={SHARE_MIN}
      aria-valuemax={SHARE_MAX}
      tabIndex={0}
      onKeyDown={key}
      onPointerDown={(event) => {
        dragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={drag}
      onPointerUp={() => {
        dragging.current = false;
      }}
    />
  );
}
