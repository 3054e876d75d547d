// Menus and dialogs of the room, on React Aria (focus, keys, screen readers). Only here, so that the join page stays
// small.

import type { LucideIcon } from "lucide-react";
import "../../ui/aria";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import {
  Dialog,
  DialogTrigger,
  Header,
  Heading,
  Menu,
  MenuItem,
  MenuSection,
  MenuTrigger,
  Modal,
  ModalOverlay,
  Popover,
  Separator,
} from "react-aria-components";
import { m } from "../../i18n/m";
import { IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import styles from "./overlays.module.css";

export interface Action {
  id: string;
  label: string;
  icon?: LucideIcon;
  /** Takes something away from somebody. */
  serious?: boolean;
  /** Draws a line above. */
  apart?: boolean;
  run(): void;
}

/** A menu of things to do; `children` is its button (a React Aria `Button`). */
export function ActionMenu({
  label,
  actions,
  children,
}: {
  label: string;
  actions: readonly Action[];
  children: ReactNode;
}) {
  return (
    <MenuTrigger>
      {children}
      <Popover className={styles.popover ?? ""} placement="top">
        <Menu
          className={styles.menu ?? ""}
          aria-label={label}
          onAction={(id) => actions.find((action) => action.id === id)?.run()}
        >
          {actions.flatMap((action) => [
            ...(action.apart ? [<Separator key={`${action.id}-line`} className={styles.line ?? ""} />] : []),
            <MenuItem
              key={action.id}
              id={action.id}
              textValue={action.label}
              className={action.serious ? `${styles.item} ${styles.serious}` : (styles.item ?? "")}
            >
              {action.icon && <Icon of={action.icon} />}
              {action.label}
            </MenuItem>,
          ])}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** A menu that chooses one of several. */
export function ChoiceMenu<T extends string>(props: {
  label: string;
  value: T;
  choices: readonly { value: T; label: string; icon: LucideIcon }[];
  onChange(value: T): void;
  children: ReactNode;
}) {
  return (
    <MenuTrigger>
      {props.children}
      <Popover className={styles.popover ?? ""} placement="bottom end">
        <Menu className={styles.menu ?? ""} aria-label={props.label}>
          <MenuSection
            selectionMode="single"
            disallowEmptySelection
            selectedKeys={[props.value]}
            onSelectionChange={(keys) => {
              const [value] = keys === "all" ? [] : keys;
              const chosen = props.choices.find((choice) => choice.value === value);
              if (chosen) props.onChange(chosen.value);
            }}
          >
            <Header className={styles.head ?? ""}>{props.label}</Header>
            {props.choices.map((choice) => (
              <MenuItem
                key={choice.value}
                id={choice.value}
                textValue={choice.label}
                className={styles.item ?? ""}
              >
                <Icon of={choice.icon} />
                {choice.label}
              </MenuItem>
            ))}
          </MenuSection>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** A dialog in the middle: title, content, close. Focus goes in, and back to where it came from. */
export function Card(props: {
  title: string;
  open: boolean;
  onClose(): void;
  serious?: boolean;
  children: ReactNode;
}) {
  return (
    <DialogTrigger isOpen={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <span hidden />
      <ModalOverlay className={styles.scrim ?? ""} isDismissable>
        <Modal className={styles.modal ?? ""}>
          <Dialog className={styles.dialog ?? ""} role={props.serious ? "alertdialog" : "dialog"}>
            <div className={styles.title}>
              <Heading slot="title">{props.title}</Heading>
              <IconButton icon={X} label={m.close()} onClick={props.onClose} />
            </div>
            {props.children}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
