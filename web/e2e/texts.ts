// The pad in stories: its text, what stands in it, and writing at its end.
import type { Page } from "@playwright/test";
import { expect } from "./fixtures";

export const text = (page: Page) => page.getByRole("textbox", { name: /^Text des Pads/ });

/** The text without the names at the cursors of others. */
export const plain = (page: Page) =>
  text(page).evaluate((editor) => {
    const copy = editor.cloneNode(true) as Element;
    for (const caret of copy.querySelectorAll(".pad-caret")) caret.remove();
    return copy.textContent ?? "";
  });

/** Puts the cursor at the end; typing begins only when the editor has the focus. */
export async function write(page: Page, words: string): Promise<void> {
  await expect(text(page)).toBeEditable();
  await text(page).click();
  await expect(text(page)).toBeFocused();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(words);
}

/**
 * Puts the cursor at the end of the line that begins so, and waits until somebody else sees it there: a story clicks and
 * types faster than a person, and what it types next has to land where it clicked.
 */
export async function standAtEnd(page: Page, line: string, name: string, seenBy: Page): Promise<void> {
  const caret = text(seenBy).locator("p", { hasText: line }).locator(".pad-caret", { hasText: name });
  await expect(async () => {
    await text(page).getByText(line).click();
    await expect(text(page)).toBeFocused();
    await page.keyboard.press("End");
    await expect(caret).toHaveCount(1, { timeout: 2_000 });
  }).toPass();
}
