// "What is new?": the paragraphs that are new or changed since somebody last asked, on demand. Remote edits are never
// read out by themselves; this is how a screen reader user catches up.
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import styles from "./pad.module.css";

export function NewsDialog({ blocks, onClose }: { blocks: readonly string[]; onClose(): void }) {
  return (
    <Dialog open onClose={onClose} title={m.pad_news_title()}>
      {blocks.length === 0 ? (
        <p>{m.pad_news_none()}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list has to be reachable by keyboard
        <ul className={styles.news} tabIndex={0}>
          {blocks.map((text, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a list that never changes
            <li key={index} dir="auto">
              {text}
            </li>
          ))}
        </ul>
      )}
      <div className="verbs">
        <Button look="primary" onClick={onClose}>
          {m.done()}
        </Button>
      </div>
    </Dialog>
  );
}
