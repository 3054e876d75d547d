// What a pad can hold: one fixed schema for all clients, because the editor deletes what it does not know. No images
// and no embedded pages: nothing here may load something from elsewhere (S-13). A new node or mark means a new
// version of the client for everybody in the pad.
import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { TaskItem, TaskList } from "@tiptap/extension-list";
import { TableKit } from "@tiptap/extension-table";
import { Placeholder } from "@tiptap/extensions";
import StarterKit from "@tiptap/starter-kit";
import { m } from "../../i18n/m";
import type { PadProvider } from "../../pad/provider";
import { colourOf } from "../../ui/words";
import { isLinkAllowed } from "./links";

/** The name of the document's root, as other Yjs clients of the pad see it. */
export const PAD_FIELD = "default";

interface CaretUser {
  name?: unknown;
}

export function nameOf(user: CaretUser | undefined): string {
  return typeof user?.name === "string" && user.name.trim() !== "" ? user.name : m.pad_someone();
}

/** Clients who wrote a moment ago; a cursor that is drawn anew for them shows its name. */
export const freshClients = new Set<number>();

/** A coloured bar with the first name; hidden from readers, who find the names in the list. */
function drawCaret(user: CaretUser, client?: number): HTMLElement {
  const name = nameOf(user);
  const caret = document.createElement("span");
  const fresh = client !== undefined && freshClients.has(client);
  caret.className = `pad-caret c${colourOf(name)}${fresh ? " fresh" : ""}`;
  caret.setAttribute("aria-hidden", "true");
  if (client !== undefined) caret.dataset.client = String(client);
  const label = document.createElement("i");
  label.textContent = name.split(/\s/)[0] ?? name;
  caret.append(label);
  return caret;
}

export function padExtensions(provider: PadProvider, name: string) {
  return [
    StarterKit.configure({
      undoRedo: false, // Yjs keeps one's own steps apart from those of others
      trailingNode: false, // a reader's editor must never write
      heading: { levels: [1, 2, 3] },
      link: {
        openOnClick: false,
        autolink: true,
        defaultProtocol: "https",
        protocols: ["http", "https", "mailto"],
        isAllowedUri: (address) => isLinkAllowed(address),
        HTMLAttributes: { rel: "noopener noreferrer nofollow", target: "_blank" },
      },
    }),
    TaskList,
    TaskItem.configure({
      nested: true,
      a11y: {
        checkboxLabel: (node, checked) =>
          checked ? m.pad_task_done({ text: node.textContent }) : m.pad_task_open({ text: node.textContent }),
      },
    }),
    TableKit.configure({ table: { resizable: false } }),
    Placeholder.configure({ placeholder: () => m.pad_placeholder() }),
    Collaboration.configure({ document: provider.doc, field: PAD_FIELD }),
    CollaborationCaret.configure({
      provider,
      // Other Yjs clients want a colour in hex; ours draw it from the name, so that it fits light and dark.
      user: { name, color: "#1a5d4f" },
      render: drawCaret,
      selectionRender: (user) => ({ class: `pad-selection c${colourOf(nameOf(user))}` }),
    }),
  ];
}
