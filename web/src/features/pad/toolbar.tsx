// The pad's tools: one tab stop, arrow keys inside (React Aria's toolbar), words beside the signs that need them. What
// does not fit goes into "Mehr"; nothing is only reachable by mouse.
import { type Editor, useEditorState } from "@tiptap/react";
import {
  Bold,
  ChevronDown,
  Code,
  Heading as HeadingIcon,
  IndentDecrease,
  IndentIncrease,
  Italic,
  Link2,
  List,
  ListChecks,
  ListOrdered,
  type LucideIcon,
  Minus,
  MoreHorizontal,
  Newspaper,
  Quote,
  Redo2,
  SquareCode,
  Strikethrough,
  Table,
  Underline,
  Undo2,
} from "lucide-react";
import { useLayoutEffect, useRef, useState } from "react";
import { Toolbar as AriaToolbar } from "react-aria-components";
import { m } from "../../i18n/m";
import { Icon } from "../../ui/icon";
import { MenuButton, type MenuEntry } from "../../ui/menu";
import styles from "./pad.module.css";

/** Narrower than this the lists and the table fold into "Mehr". */
const NARROW_PX = 560;

export interface ToolbarProps {
  editor: Editor;
  onLink(): void;
  onNews(): void;
}

export function PadToolbar({ editor, onLink, onNews }: ToolbarProps) {
  const bar = useRef<HTMLDivElement>(null);
  const [narrow, setNarrow] = useState(false);
  useLayoutEffect(() => {
    const element = bar.current;
    if (!element) return;
    const watch = new ResizeObserver(([entry]) => entry && setNarrow(entry.contentRect.width < NARROW_PX));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const is = useEditorState({
    editor,
    selector: ({ editor: now }) => ({
      bold: now.isActive("bold"),
      italic: now.isActive("italic"),
      underline: now.isActive("underline"),
      strike: now.isActive("strike"),
      code: now.isActive("code"),
      bullets: now.isActive("bulletList"),
      numbers: now.isActive("orderedList"),
      tasks: now.isActive("taskList"),
      table: now.isActive("table"),
      link: now.isActive("link"),
      quote: now.isActive("blockquote"),
      heading: [1, 2, 3].find((level) => now.isActive("heading", { level })) ?? 0,
      undo: now.can().undo(),
    }),
  });
  const chain = () => editor.chain().focus();
  const style =
    [m.pad_style_text(), m.pad_style_1(), m.pad_style_2(), m.pad_style_3()][is.heading] ?? m.pad_style();

  const lists: Tool[] = [
    {
      icon: List,
      label: m.pad_list(),
      word: true,
      on: is.bullets,
      run: () => chain().toggleBulletList().run(),
    },
    {
      icon: ListChecks,
      label: m.pad_check(),
      word: true,
      on: is.tasks,
      run: () => chain().toggleTaskList().run(),
    },
  ];
  const folded: Tool[] = [
    ...(narrow ? lists : []),
    {
      icon: ListOrdered,
      label: m.pad_numbered(),
      on: is.numbers,
      run: () => chain().toggleOrderedList().run(),
    },
    { icon: IndentIncrease, label: m.pad_indent(), on: false, run: () => indent(editor, true) },
    { icon: IndentDecrease, label: m.pad_outdent(), on: false, run: () => indent(editor, false) },
    {
      icon: Underline,
      label: m.pad_underline(),
      on: is.underline,
      run: () => chain().toggleUnderline().run(),
    },
    { icon: Strikethrough, label: m.pad_strike(), on: is.strike, run: () => chain().toggleStrike().run() },
    { icon: Quote, label: m.pad_quote(), on: is.quote, run: () => chain().toggleBlockquote().run() },
    { icon: Code, label: m.pad_code(), on: is.code, run: () => chain().toggleCode().run() },
    { icon: SquareCode, label: m.pad_code_block(), on: false, run: () => chain().toggleCodeBlock().run() },
    { icon: Minus, label: m.pad_line(), on: false, run: () => chain().setHorizontalRule().run() },
    { icon: Redo2, label: m.pad_redo(), on: false, run: () => chain().redo().run() },
    { icon: Newspaper, label: m.pad_news(), on: false, run: onNews },
  ];
  const more: MenuEntry[] = [
    ...folded.map((tool) => ({ id: tool.label, label: tool.label, icon: tool.icon, onChoose: tool.run })),
    ...(narrow ? tableEntries(editor, is.table) : []),
  ];

  return (
    <AriaToolbar
      ref={bar}
      className={narrow ? `${styles.toolbar} ${styles.narrow}` : (styles.toolbar ?? "")}
      aria-label={m.pad_toolbar()}
    >
      <ToolButton icon={Undo2} label={m.pad_undo()} disabled={!is.undo} run={() => chain().undo().run()} />
      <span className={styles.sep} />
      <MenuButton
        className={`${styles.tool} ${styles.style}`}
        label={`${m.pad_style()}: ${style}`}
        entries={[0, 1, 2, 3].map((level) => ({
          id: String(level),
          label: [m.pad_style_text(), m.pad_style_1(), m.pad_style_2(), m.pad_style_3()][level] ?? "",
          icon: HeadingIcon,
          onChoose: () =>
            level === 0
              ? chain().setParagraph().run()
              : chain()
                  .setHeading({ level: level as 1 | 2 | 3 })
                  .run(),
        }))}
      >
        <span className="sr">{m.pad_style()}: </span>
        <span className={styles.styleName}>{style}</span>
        <span className={styles.chevron}>
          <Icon of={ChevronDown} />
        </span>
      </MenuButton>
      <ToolButton icon={Bold} label={m.pad_bold()} on={is.bold} run={() => chain().toggleBold().run()} />
      <ToolButton
        icon={Italic}
        label={m.pad_italic()}
        on={is.italic}
        run={() => chain().toggleItalic().run()}
      />
      <span className={styles.sep} />
      {!narrow && lists.map((tool) => <ToolButton key={tool.label} {...tool} />)}
      {!narrow && (
        <MenuButton
          className={is.table ? `${styles.tool} ${styles.on}` : styles.tool}
          label={m.pad_table()}
          icon={Table}
          entries={tableEntries(editor, is.table)}
        />
      )}
      <ToolButton icon={Link2} label={m.pad_link()} on={is.link} run={onLink} />
      <MenuButton
        className={styles.tool}
        label={m.pad_more()}
        icon={MoreHorizontal}
        iconOnly={narrow}
        entries={more}
      />
    </AriaToolbar>
  );
}

interface Tool {
  icon: LucideIcon;
  label: string;
  /** Whether the word stands beside the sign. */
  word?: boolean;
  on?: boolean;
  disabled?: boolean;
  run(): void;
}

function ToolButton({ icon, label, word, on, disabled, run }: Tool) {
  return (
    <button
      type="button"
      className={styles.tool}
      aria-label={word ? undefined : label}
      title={word ? undefined : label}
      aria-pressed={on}
      aria-disabled={disabled || undefined}
      onClick={() => !disabled && run()}
      // The selection in the text must survive the click.
      onMouseDown={(event) => event.preventDefault()}
    >
      <Icon of={icon} />
      {word && label}
    </button>
  );
}

function indent(editor: Editor, deeper: boolean): void {
  for (const item of ["listItem", "taskItem"]) {
    const chain = editor.chain().focus();
    if ((deeper ? chain.sinkListItem(item) : chain.liftListItem(item)).run()) return;
  }
}

function tableEntries(editor: Editor, inside: boolean): MenuEntry[] {
  const chain = () => editor.chain().focus();
  if (!inside) {
    return [
      {
        id: "insert",
        label: m.pad_table_insert(),
        icon: Table,
        onChoose: () =>
          chain()
            .insertTable({ rows: 3, cols: 3, withHeaderRow: true })
            .command(({ tr, state }) => {
              // A table at the very end would leave no place to go on writing.
              const paragraph = state.schema.nodes.paragraph;
              if (paragraph && !tr.doc.lastChild?.isTextblock)
                tr.insert(tr.doc.content.size, paragraph.create());
              return true;
            })
            .run(),
      },
    ];
  }
  return [
    { id: "row-after", label: m.pad_row_after(), onChoose: () => chain().addRowAfter().run() },
    { id: "row-before", label: m.pad_row_before(), onChoose: () => chain().addRowBefore().run() },
    { id: "column-after", label: m.pad_column_after(), onChoose: () => chain().addColumnAfter().run() },
    { id: "column-before", label: m.pad_column_before(), onChoose: () => chain().addColumnBefore().run() },
    { id: "row-delete", label: m.pad_row_delete(), danger: true, onChoose: () => chain().deleteRow().run() },
    {
      id: "column-delete",
      label: m.pad_column_delete(),
      danger: true,
      onChoose: () => chain().deleteColumn().run(),
    },
    {
      id: "table-delete",
      label: m.pad_table_delete(),
      danger: true,
      onChoose: () => chain().deleteTable().run(),
    },
  ];
}
