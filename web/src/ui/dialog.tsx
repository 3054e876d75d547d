// A dialog: title, a sentence, two verbs. React Aria keeps the focus inside and gives it back to the opener. Only for
// lazily loaded screens.
import "./aria";
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { m } from "../i18n/m";
import { Button } from "./button";

export interface DialogProps {
  open: boolean;
  onClose(): void;
  title: string;
  children: ReactNode;
}

/** The frame; the content brings its own verbs. */
export function Dialog({ open, onClose, title, children }: DialogProps) {
  return (
    <ModalOverlay className="overlay" isOpen={open} onOpenChange={(now) => !now && onClose()} isDismissable>
      <Modal className="modal">
        <AriaDialog className="dialog">
          <Heading slot="title">{title}</Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export interface ConfirmProps extends DialogProps {
  /** What happens, as a verb on the button. */
  verb: string;
  /** For what cannot be taken back. */
  danger?: boolean;
  busy?: string | false;
  onConfirm(): void;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ verb, danger, busy, onConfirm, children, ...rest }: ConfirmProps) {
  return (
    <Dialog {...rest}>
      {children}
      <div className="verbs">
        <Button onClick={rest.onClose}>{m.cancel()}</Button>
        <Button look={danger ? "leave" : "primary"} busy={busy ?? false} onClick={onConfirm}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}
