// The last page: why it is over, and the one way on. The same page for leaving, the end for all, being removed, not
// being let in, and a second window.
import { DoorOpen, RotateCw } from "lucide-react";
import { useEffect } from "react";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { announceNow } from "../../ui/announcer";
import { Button } from "../../ui/button";
import { EntrancePage, Heading } from "../../ui/page";
import type { Code } from "../../wire/types";
import styles from "./leave.module.css";

interface Words {
  title: string;
  text: string;
  /** What the way back is called; `null` where there is none. */
  again: string | null;
}

export function wordsFor(reason: Code | "left", room: string): Words {
  switch (reason) {
    case "left":
      return { title: m.leave_title(), text: m.leave_text({ room }), again: m.leave_again() };
    case "ended":
      return { title: m.leave_ended_title(), text: m.leave_ended_text({ room }), again: null };
    case "removed":
      return { title: m.leave_removed_title(), text: m.leave_removed_text(), again: null };
    case "denied":
      return { title: m.leave_denied_title(), text: m.leave_denied_text(), again: null };
    case "replaced":
      return { title: m.leave_replaced_title(), text: m.leave_replaced_text(), again: m.leave_here() };
    case "room_deleted":
    case "forbidden":
    case "not_found":
      return { title: m.leave_other_title(), text: sentence(reason), again: null };
    default:
      return { title: m.leave_other_title(), text: sentence(reason), again: m.leave_retry() };
  }
}

export function Leave(props: {
  reason: Code | "left";
  room: string;
  onHome: (() => void) | null;
  onAgain(): void;
}) {
  const { title, text, again } = wordsFor(props.reason, props.room);
  const urgent = props.reason === "removed";
  useEffect(() => {
    if (urgent) announceNow(m.leave_removed_text());
  }, [urgent]);
  return (
    <EntrancePage>
      <div className={styles.leave}>
        <Heading className={styles.title}>{title}</Heading>
        <p dir="auto">{text}</p>
        <div className={styles.acts}>
          {again !== null && (
            <Button
              look="primary"
              icon={props.reason === "left" ? DoorOpen : RotateCw}
              onClick={props.reason === "protocol_version" ? () => location.reload() : props.onAgain}
            >
              {again}
            </Button>
          )}
          {props.onHome !== null && <Button onClick={props.onHome}>{m.leave_rooms()}</Button>}
        </div>
        {props.onHome === null && <p className="s dim">{m.leave_close()}</p>}
      </div>
    </EntrancePage>
  );
}
