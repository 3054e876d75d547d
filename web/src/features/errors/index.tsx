// Pages for what went wrong: an address without a page, a refusal that stops one, a fault while drawing. Each says
// what is and offers one thing to do.
import { RotateCw } from "lucide-react";
import { Component, type ReactNode } from "react";
import type { Failure } from "../../api/client";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { Button, LinkButton } from "../../ui/button";
import { EntrancePage, Heading } from "../../ui/page";
import styles from "./errors.module.css";

export function NotFoundPage() {
  return (
    <EntrancePage>
      <div className={styles.box}>
        <Heading>{m.not_found_title()}</Heading>
        <p>{sentence("not_found")}</p>
        <LinkButton href="/">{m.to_start()}</LinkButton>
      </div>
    </EntrancePage>
  );
}

/** A refusal that ends the way here; `again` offers another try where one can help. */
export function RefusedPage({ title, code, again }: { title: string; code: Failure; again?: () => void }) {
  return (
    <EntrancePage>
      <div className={styles.box}>
        <Heading>{title}</Heading>
        <p>{sentence(code)}</p>
        {again ? (
          <Button look="primary" icon={RotateCw} onClick={again}>
            {m.try_again()}
          </Button>
        ) : (
          <LinkButton href="/">{m.to_start()}</LinkButton>
        )}
      </div>
    </EntrancePage>
  );
}

/** Catches faults while drawing, and pieces of the client that could not be loaded (an update, a broken line). */
export class CrashGuard extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <EntrancePage>
        <div className={styles.box}>
          <Heading>{m.crash_title()}</Heading>
          <p>{m.crash_text()}</p>
          <Button look="primary" icon={RotateCw} onClick={() => location.reload()}>
            {m.reload()}
          </Button>
        </div>
      </EntrancePage>
    );
  }
}
