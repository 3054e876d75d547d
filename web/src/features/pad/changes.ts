// What has changed in a text between two looks at it, block by block. Pure, for "what is new?".
import type { Node } from "@tiptap/pm/model";

/** The text of each block that holds text, in order. */
export function blocksOf(doc: Node): string[] {
  const blocks: string[] = [];
  doc.descendants((node) => {
    if (!node.isTextblock) return true;
    const text = node.textContent.trim();
    if (text !== "") blocks.push(text);
    return false;
  });
  return blocks;
}

/** What stands in `now` and did not stand in `before`; a text that is there twice counts twice. */
export function newBlocks(before: readonly string[], now: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const text of before) left.set(text, (left.get(text) ?? 0) + 1);
  return now.filter((text) => {
    const count = left.get(text) ?? 0;
    if (count > 0) left.set(text, count - 1);
    return count === 0;
  });
}
