// Links out of the house that somebody wrote: where one leads is said before it opens, and it opens without telling the
// other side where one comes from (S-12). Only for lazily loaded screens.
import { ExternalLink } from "lucide-react";
import { type MouseEvent, type ReactNode, useState } from "react";
import { m } from "../i18n/m";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { outsideAddress } from "./outside_address";

/** `ask` belongs into `onClickCapture` and `onAuxClickCapture` of what holds the links, `notice` anywhere beside it. */
export function useOutside(): { ask(event: MouseEvent): void; notice: ReactNode } {
  const [address, setAddress] = useState<URL | null>(null);
  const ask = (event: MouseEvent) => {
    if (event.button > 1 || !(event.target instanceof Element)) return;
    const found = outsideAddress(event.target.closest("a")?.href, location.origin);
    // Whoever has just marked a piece of text wants to copy it.
    if (!found || window.getSelection()?.isCollapsed === false) return;
    event.preventDefault();
    setAddress(found);
  };
  return { ask, notice: address && <Notice address={address} onClose={() => setAddress(null)} /> };
}

function Notice({ address, onClose }: { address: URL; onClose(): void }) {
  return (
    <Dialog open onClose={onClose} title={m.outside_title()}>
      <p>{m.outside_text()}</p>
      <p className="outside-address" dir="ltr">
        <span className="b">{address.host}</span>
        <span className="s dim">{address.href}</span>
      </p>
      <div className="verbs">
        <Button onClick={onClose}>{m.cancel()}</Button>
        <a
          className="btn primary"
          href={address.href}
          target="_blank"
          rel="noopener noreferrer"
          onClick={onClose}
        >
          <Icon of={ExternalLink} />
          {m.outside_open()}
        </a>
      </div>
    </Dialog>
  );
}
