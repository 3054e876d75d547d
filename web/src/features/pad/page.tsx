// The pad at a link of its own: title, saved word and people on top, contents and names at the sides. Whoever may read
// the pad (an account, or a guest who has joined its room with this browser) may open it; the server decides.
import type { Editor } from "@tiptap/react";
import { useEffect, useState } from "react";
import { m } from "../../i18n/m";
import type { PadProvider } from "../../pad/provider";
import { useSession } from "../../session";
import { Brand } from "../../ui/brand";
import { Heading } from "../../ui/page";
import { Avatar } from "../../ui/words";
import { RefusedPage } from "../errors";
import { PadSheet } from ".";
import styles from "./pad.module.css";
import { SavedWord } from "./saved_word";
import { usePadProvider, usePadStatus, usePresent } from "./use_pad";

export default function PadPage({ id }: { id: string }) {
  const provider = usePadProvider(id);
  const session = useSession();
  const name = session.kind === "known" ? session.account?.name : undefined;
  if (!provider || session.kind === "asking")
    return (
      <p className="loading" role="status">
        {m.pad_loading()}
      </p>
    );
  return <PadDesk key={id} provider={provider} name={name} />;
}

function PadDesk({ provider, name }: { provider: PadProvider; name: string | undefined }) {
  const status = usePadStatus(provider);
  const present = usePresent(provider);
  const [editor, setEditor] = useState<Editor | null>(null);

  if (status.connection === "stopped" && status.reason && !status.synced) {
    return (
      <RefusedPage title={m.pad_refused_title()} code={status.reason} again={() => provider.reconnect()} />
    );
  }
  const title = status.title || m.pad_text();
  return (
    <div className={styles.page}>
      <a className="skip" href="#text">
        {m.pad_to_text()}
      </a>
      <header className={styles.top}>
        <Brand />
        <Heading title={title}>
          <bdi>{title}</bdi>
        </Heading>
        <SavedWord status={status} />
        <span className="grow" />
        <span className={styles.stack} aria-hidden="true">
          {present.slice(0, 6).map((person) => (
            <Avatar key={person.client} name={person.name} id={person.name} />
          ))}
        </span>
      </header>
      <main id="text" tabIndex={-1} className={styles.main}>
        <nav className={styles.side} aria-label={m.pad_outline()}>
          {editor && <Outline editor={editor} />}
        </nav>
        <PadSheet provider={provider} status={status} title={title} name={name} onEditor={setEditor} />
        <aside className={styles.side} aria-label={m.pad_here()}>
          <h2>{m.pad_here()}</h2>
          <ul>
            {present.map((person) => (
              <li key={person.client}>
                <Avatar name={person.name} id={person.name} />
                <bdi>{person.name}</bdi>
                {person.me && <span className="dim">({m.people_you()})</span>}
              </li>
            ))}
          </ul>
        </aside>
      </main>
    </div>
  );
}

interface Entry {
  text: string;
  at: number;
}

function headings(editor: Editor): Entry[] {
  const found: Entry[] = [];
  editor.state.doc.forEach((node, at) => {
    if (node.type.name === "heading" && node.textContent.trim() !== "")
      found.push({ text: node.textContent, at });
  });
  return found;
}

/** The headings; choosing one brings it to the top and puts the cursor there. */
function Outline({ editor }: { editor: Editor }) {
  const [entries, setEntries] = useState(() => headings(editor));
  useEffect(() => {
    const read = () => setEntries(headings(editor));
    read();
    editor.on("update", read);
    return () => {
      editor.off("update", read);
    };
  }, [editor]);
  if (entries.length === 0) return null;
  return (
    <div className={styles.toc}>
      <h2>{m.pad_outline()}</h2>
      <ul>
        {entries.map((entry) => (
          <li key={`${entry.at} ${entry.text}`}>
            <button
              type="button"
              onClick={() => {
                editor
                  .chain()
                  .focus()
                  .setTextSelection(entry.at + 1)
                  .run();
                const node = editor.view.nodeDOM(entry.at);
                if (node instanceof HTMLElement) node.scrollIntoView({ block: "start" });
              }}
            >
              {entry.text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
