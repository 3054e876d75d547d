// Where the text is, in a word with a sign, and in a sentence when there is something to do. Urgent news (not saved)
// is said at once; the rest waits its turn.
import { Clock, CloudCheck, CloudOff, TriangleAlert, WifiOff } from "lucide-react";
import { useEffect, useRef } from "react";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import type { PadStatus } from "../../pad/provider";
import { announce, announceNow } from "../../ui/announcer";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { Chip, Note } from "../../ui/words";

/** What the word says; also the whole state for whoever only needs one value. */
export type PadWord = "loading" | "saved" | "saving" | "device" | "unsaved" | "offline" | "reading";

export function padWord(status: PadStatus): PadWord {
  if (status.saved === "unsaved") return "unsaved";
  if (status.saved === "device") return status.synced ? "device" : "offline";
  if (status.connection === "offline" || status.connection === "stopped") return "offline";
  if (!status.synced) return "loading";
  if (status.right !== "write") return "reading";
  return status.saved;
}

export function SavedWord({ status }: { status: PadStatus }) {
  switch (padWord(status)) {
    case "loading":
      return <span className="saved dim">{m.pad_loading()}</span>;
    case "saved":
      return (
        <span className="saved">
          <Icon of={CloudCheck} />
          {m.pad_saved()}
        </span>
      );
    case "saving":
      return (
        <span className="saved dim">
          <Icon of={Clock} />
          {m.pad_saving()}
        </span>
      );
    case "device":
      return (
        <Chip tone="sun" icon={CloudOff}>
          {m.pad_device()}
        </Chip>
      );
    case "unsaved":
      return (
        <Chip tone="brick" icon={TriangleAlert}>
          {status.unsaved_s > 0 ? m.pad_unsaved_for({ seconds: status.unsaved_s }) : m.pad_unsaved()}
        </Chip>
      );
    case "offline":
      return (
        <Chip tone="sun" icon={WifiOff}>
          {m.pad_offline()}
        </Chip>
      );
    case "reading":
      return <Chip>{m.pad_reading()}</Chip>;
  }
}

/** The sentence under the toolbar, where there is one, with the one thing to do. */
export function PadNotes({
  status,
  onCopy,
  onRetry,
}: {
  status: PadStatus;
  onCopy(): void;
  onRetry(): void;
}) {
  const word = padWord(status);
  useSpoken(word);
  const copy = (
    <Button size="small" onClick={onCopy}>
      {m.pad_copy_text()}
    </Button>
  );
  return (
    <>
      {status.connection === "stopped" && status.reason && (
        <Note
          tone="brick"
          action={
            <Button size="small" onClick={onRetry}>
              {m.try_again()}
            </Button>
          }
        >
          {sentence(status.reason)}
        </Note>
      )}
      {word === "unsaved" && status.copy && (
        <Note tone="brick" action={copy}>
          {m.pad_unsaved_long()}
        </Note>
      )}
      {word === "device" && (
        <Note tone="sun" icon={CloudOff} {...(status.unsaved_s >= 30 ? { action: copy } : {})}>
          {m.pad_device_long()}
        </Note>
      )}
      {status.room === "little" && <Note tone="sun">{m.pad_nearly_full()}</Note>}
      {status.room === "full" && <Note tone="brick">{sentence("pad_full")}</Note>}
    </>
  );
}

function useSpoken(word: PadWord): void {
  const before = useRef<PadWord>(word);
  useEffect(() => {
    if (before.current === word) return;
    const was = before.current;
    before.current = word;
    if (word === "unsaved") announceNow(m.pad_unsaved_long());
    else if (word === "device") announce(m.pad_device_long());
    else if (word === "offline") announce(m.pad_offline_long());
    else if (word === "saved" && (was === "unsaved" || was === "device" || was === "offline"))
      announce(m.pad_back());
  }, [word]);
}
