// Sets, opens or removes the link at the cursor.
import type { Editor } from "@tiptap/react";
import { ExternalLink } from "lucide-react";
import { type FormEvent, useState } from "react";
import { m } from "../../i18n/m";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { completeLink } from "./links";

export function LinkDialog({ editor, onClose }: { editor: Editor; onClose(): void }) {
  const now = String(editor.getAttributes("link").href ?? "");
  const [typed, setTyped] = useState(now);
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const href = completeLink(typed);
    if (!href) {
      setWrong(true);
      return;
    }
    const chain = editor.chain().focus().extendMarkRange("link");
    // Without a selection the address itself becomes the text.
    if (editor.state.selection.empty && now === "") {
      chain
        .insertContent({ type: "text", text: typed.trim(), marks: [{ type: "link", attrs: { href } }] })
        .run();
    } else chain.setLink({ href }).run();
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={m.pad_link_title()}>
      <form className="stack-v" onSubmit={submit} noValidate>
        <TextField
          label={m.pad_link_field()}
          help={m.pad_link_help()}
          error={wrong ? m.pad_link_wrong() : undefined}
          inputMode="url"
          dir="ltr"
          autoFocus
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setWrong(false);
          }}
        />
        {now !== "" && (
          <p>
            <a href={now} target="_blank" rel="noopener noreferrer nofollow" className="row">
              <Icon of={ExternalLink} />
              {m.pad_link_open()}
            </a>
          </p>
        )}
        <div className="verbs">
          <Button onClick={onClose}>{m.cancel()}</Button>
          {now !== "" && (
            <Button
              onClick={() => {
                editor.chain().focus().extendMarkRange("link").unsetLink().run();
                onClose();
              }}
            >
              {m.pad_link_remove()}
            </Button>
          )}
          <Button look="primary" type="submit">
            {m.pad_link_set()}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
