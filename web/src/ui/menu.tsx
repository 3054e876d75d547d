// A menu that opens from a button (arrow keys, first letters, Escape: React Aria). Only for lazily loaded screens.
import "./aria";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button as AriaButton,
  Menu as AriaMenu,
  MenuItem,
  MenuTrigger,
  Popover,
} from "react-aria-components";
import { Icon } from "./icon";

export interface MenuEntry {
  id: string;
  label: string;
  icon?: LucideIcon;
  danger?: boolean;
  disabled?: boolean;
  onChoose(): void;
}

export interface MenuButtonProps {
  /** What the button says; with `icon` alone it is only read out. */
  label: string;
  icon?: LucideIcon;
  iconOnly?: boolean;
  className?: string;
  children?: ReactNode;
  entries: readonly MenuEntry[];
}

export function MenuButton({ label, icon, iconOnly, className, children, entries }: MenuButtonProps) {
  return (
    <MenuTrigger>
      <AriaButton
        className={className ?? (iconOnly ? "icon-btn" : "btn small")}
        {...(iconOnly ? { "aria-label": label } : {})}
      >
        {icon && <Icon of={icon} />}
        {!iconOnly && (children ?? label)}
      </AriaButton>
      <Popover className="menu-popover" placement="bottom end">
        <AriaMenu
          className="menu"
          aria-label={label}
          disabledKeys={entries.filter((e) => e.disabled).map((e) => e.id)}
        >
          {entries.map((entry) => (
            <MenuItem
              key={entry.id}
              id={entry.id}
              className={entry.danger ? "brick" : ""}
              textValue={entry.label}
              onAction={entry.onChoose}
            >
              {entry.icon && <Icon of={entry.icon} />}
              {entry.label}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
