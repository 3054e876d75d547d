// The pad as a sheet that fills its container: toolbar, saved word, text, who is here. Used in the panel beside the
// video and, with more around it, by the page of its own. Its owner draws title and close.
import { type Editor, EditorContent, useEditor } from "@tiptap/react";
import { useEffect, useRef, useState } from "react";
import { useLanguage } from "../../i18n/language";
import { m } from "../../i18n/m";
import type { PadProvider, PadStatus } from "../../pad/provider";
import { copyText } from "../../ui/copy";
import { useOutside } from "../../ui/outside";
import { Avatar } from "../../ui/words";
import { blocksOf, newBlocks } from "./changes";
import { freshClients, padExtensions } from "./extensions";
import { LinkDialog } from "./link_dialog";
import { NewsDialog } from "./news";
import styles from "./pad.module.css";
import "./text.css";
import { PadNotes, SavedWord } from "./saved_word";
import { PadToolbar } from "./toolbar";
import { type Present, usePadProvider, usePadStatus, usePresent } from "./use_pad";

export interface PadProps {
  padId: string;
  /** For the text's accessible name. */
  title?: string;
  /** How others see one's cursor until the server has put the session's name in its place. */
  name?: string;
}

/** The whole pad for a panel. */
export default function Pad({ padId, title, name }: PadProps) {
  const provider = usePadProvider(padId);
  if (!provider)
    return (
      <p className="loading" role="status">
        {m.pad_loading()}
      </p>
    );
  return <PadPanel key={padId} provider={provider} title={title} name={name} />;
}

function PadPanel({
  provider,
  title,
  name,
}: {
  provider: PadProvider;
  title?: string | undefined;
  name?: string | undefined;
}) {
  const status = usePadStatus(provider);
  const present = usePresent(provider);
  return (
    <div className={styles.panel}>
      <PadSheet provider={provider} status={status} title={title ?? status.title} name={name} word />
      <WhoIsHere present={present} />
    </div>
  );
}

export interface PadSheetProps {
  provider: PadProvider;
  status: PadStatus;
  title: string;
  name?: string | undefined;
  /** Whether the saved word stands in the sheet (otherwise its owner shows it). */
  word?: boolean;
  onEditor?(editor: Editor): void;
}

export function PadSheet({ provider, status, title, name, word, onEditor }: PadSheetProps) {
  const language = useLanguage();
  const [linking, setLinking] = useState(false);
  const outside = useOutside();
  const [news, setNews] = useState<string[] | null>(null);
  const known = useRef<string[] | null>(null);
  const writable =
    status.synced && status.right === "write" && status.room !== "full" && status.connection !== "stopped";

  const editor = useEditor(
    {
      injectCSS: false, // the content policy allows no styles from scripts; text.css has them
      editable: false,
      extensions: padExtensions(provider, name ?? m.pad_someone()),
      editorProps: {
        attributes: {
          role: "textbox",
          "aria-multiline": "true",
          class: "pad-text",
          tabindex: "0",
        },
      },
    },
    [provider, language],
  );
  // Set from here, because a new editor for a new title would take the cursor away from who writes already.
  const label = title ? `${m.pad_text()}: ${title}` : m.pad_text();
  useEffect(() => editor.view.dom.setAttribute("aria-label", label), [editor, label]);

  useEffect(() => {
    editor.setEditable(writable, false);
    editor.view.dom.setAttribute("aria-readonly", String(!writable));
  }, [editor, writable]);

  // What was there when the text had arrived is not news.
  useEffect(() => {
    if (status.synced && known.current === null) known.current = blocksOf(editor.state.doc);
  }, [editor, status.synced]);

  useFreshCarets(provider);
  useOwnCursor(provider, editor);
  useEffect(() => onEditor?.(editor), [editor, onEditor]);

  const showNews = () => {
    const now = blocksOf(editor.state.doc);
    setNews(newBlocks(known.current ?? [], now));
    known.current = now;
  };

  return (
    <section className={styles.sheet} aria-label={title || m.pad_text()}>
      {(writable || word) && (
        <div className={styles.bar}>
          {writable && <PadToolbar editor={editor} onLink={() => setLinking(true)} onNews={showNews} />}
          {word && (
            <span className={styles.word}>
              <SavedWord status={status} />
            </span>
          )}
        </div>
      )}
      <div className={styles.notes}>
        <PadNotes
          status={status}
          onCopy={() => void copyText(editor.getText({ blockSeparator: "\n" }), m.pad_text_copied())}
          onRetry={() => provider.reconnect()}
        />
      </div>
      <EditorContent
        editor={editor}
        className={styles.text}
        onClickCapture={outside.ask}
        onAuxClickCapture={outside.ask}
      />
      {outside.notice}
      {linking && <LinkDialog editor={editor} onClose={() => setLinking(false)} />}
      {news && <NewsDialog blocks={news} onClose={() => setNews(null)} />}
    </section>
  );
}

/**
 * A browser tells later that the cursor was moved, and the editor puts it back to where it last knew it whenever
 * somebody else's words or cursor come in between: one would go on writing in the wrong line. So it is told before.
 */
function useOwnCursor(provider: PadProvider, editor: Editor): void {
  useEffect(
    () =>
      provider.beforeOthers(() => {
        if (editor.view.hasFocus()) document.dispatchEvent(new Event("selectionchange"));
      }),
    [provider, editor],
  );
}

const FRESH_MS = 3_000;

/** A cursor shows its name while its owner writes and three seconds after; then only on hover. */
function useFreshCarets(provider: PadProvider): void {
  useEffect(() => {
    const timers = new Map<number, ReturnType<typeof setTimeout>>();
    const tired = (client: number) => {
      timers.delete(client);
      freshClients.delete(client);
      for (const caret of document.querySelectorAll(`.pad-caret[data-client="${client}"]`)) {
        caret.classList.remove("fresh");
      }
    };
    const moved = ({ added, updated }: { added: number[]; updated: number[] }) => {
      for (const client of [...added, ...updated]) {
        if (client === provider.awareness.clientID) continue;
        // The editor draws the cursor anew after this event and asks for the set.
        freshClients.add(client);
        clearTimeout(timers.get(client));
        timers.set(
          client,
          setTimeout(() => tired(client), FRESH_MS),
        );
      }
    };
    provider.awareness.on("change", moved);
    return () => {
      provider.awareness.off("change", moved);
      for (const [client, timer] of timers) {
        clearTimeout(timer);
        freshClients.delete(client);
      }
    };
  }, [provider]);
}

/** Names shown in a line under the text, at most this many. */
const NAMES_MAX = 4;

export function WhoIsHere({ present }: { present: readonly Present[] }) {
  const others = present.filter((person) => !person.me);
  return (
    <div className={styles.here}>
      <span className="dim">{m.pad_here()}:</span>
      {others.length === 0 ? (
        <span>{m.pad_only_you()}</span>
      ) : (
        <ul>
          {others.slice(0, NAMES_MAX).map((person) => (
            <li key={person.client}>
              <Avatar name={person.name} id={person.name} />
              <bdi>{person.name}</bdi>
            </li>
          ))}
          {others.length > NAMES_MAX && <li>{m.pad_more_people({ count: others.length - NAMES_MAX })}</li>}
        </ul>
      )}
    </div>
  );
}
