// Which pictures are on the screen and how high. Tiles report themselves; the call turns the list into wishes.
import { createContext, type RefObject, useContext, useEffect } from "react";
import type { Visible } from "../../call/slots";
import type { ParticipantId } from "../../wire/room";

interface Entry {
  participant: ParticipantId;
  source: "camera" | "screen";
  /** The lower, the more important. */
  rank: number;
  element: Element;
}

export class Shown {
  private readonly entries = new Map<Element, Entry>();
  private readonly report: (visible: readonly Visible[]) => void;
  private readonly observer: ResizeObserver;
  private queued = false;
  private readonly hidden = () => this.queue();

  constructor(report: (visible: readonly Visible[]) => void) {
    this.report = report;
    this.observer = new ResizeObserver(() => this.queue());
  }

  start(): void {
    document.addEventListener("visibilitychange", this.hidden);
    this.queue();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.hidden);
    this.observer.disconnect();
  }

  add(entry: Entry): () => void {
    this.entries.set(entry.element, entry);
    this.observer.observe(entry.element);
    this.queue();
    return () => {
      this.entries.delete(entry.element);
      this.observer.unobserve(entry.element);
      this.queue();
    };
  }

  /** One report for everything that changes in the same drawing. */
  private queue(): void {
    if (this.queued) return;
    this.queued = true;
    queueMicrotask(() => {
      this.queued = false;
      const scale = document.hidden ? 0 : window.devicePixelRatio;
      const all = [...this.entries.values()].sort((a, b) => a.rank - b.rank);
      this.report(
        all.map(({ participant, source, element }) => ({
          participant,
          source,
          height_px: Math.round(element.clientHeight * scale),
        })),
      );
    });
  }
}

export const ShownContext = createContext<Shown | null>(null);

/** Reports an element as somebody's picture while it is on the page; `null` as participant: nobody's. */
export function useShown(
  ref: RefObject<HTMLElement | null>,
  participant: ParticipantId | null,
  source: "camera" | "screen",
  rank: number,
): void {
  const shown = useContext(ShownContext);
  useEffect(() => {
    const element = ref.current;
    if (!element || !shown || participant === null) return;
    return shown.add({ participant, source, rank, element });
  }, [ref, shown, participant, source, rank]);
}
