// A person without a mouse: reaches a control by a bounded number of steps, sees where the focus is, and never loses it.
import type { Locator, Page } from "@playwright/test";
import { expect } from "./fixtures";

const STEPS_MAX = 40;

/** Runs in the page: how the element and what stands around it are drawn. */
function drawn(element: Element): string {
  const looks: string[] = [];
  for (let at: Element | null = element; at && looks.length < 4; at = at.parentElement) {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor } =
      getComputedStyle(at);
    looks.push(
      `${outlineStyle} ${outlineWidth} ${outlineColor} ${boxShadow} ${borderColor} ${backgroundColor}`,
    );
  }
  return looks.join("\n");
}

/** Runs in the page: what has the focus, in words for a failing story. */
function focused(): string {
  const { activeElement: active, body } = document;
  if (!active || active === body) return "nothing";
  const name = active.getAttribute("aria-label") ?? active.textContent ?? "";
  return `${active.tagName.toLowerCase()} ${active.getAttribute("role") ?? ""} "${name.slice(0, 60)}"`;
}

export class Keys {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Presses keys one after the other; the focus is somewhere afterwards, each time. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      await this.page.keyboard.press(key);
      await this.keptFocus(key);
    }
  }

  async type(words: string): Promise<void> {
    await this.page.keyboard.type(words);
    await this.keptFocus(words);
  }

  /** Steps with `key` until the control has the focus, which is drawn and on the screen. */
  async to(target: Locator, key = "Tab"): Promise<void> {
    await expect(target).toBeVisible();
    const has = () => target.evaluate((element) => element === document.activeElement);
    const before = await target.evaluate(drawn);
    const way: string[] = [];
    while (!(await has())) {
      if (way.length === STEPS_MAX) throw new Error(`${key} never came to ${target}:\n${way.join("\n")}`);
      await this.press(key);
      way.push(await this.page.evaluate(focused));
    }
    await expect(target).toBeInViewport();
    if (way.length > 0) {
      await expect.poll(() => target.evaluate(drawn), `the focus of ${target} is seen`).not.toBe(before);
    }
  }

  /** Goes to the control and presses it. */
  async use(target: Locator, key = "Tab", press: "Enter" | "Space" = "Enter"): Promise<void> {
    await this.to(target, key);
    await this.press(press);
  }

  /** Opens a menu from its button and chooses an entry with the arrow keys. */
  async choose(button: Locator, entry: string, key = "Tab"): Promise<void> {
    await this.use(button, key);
    await this.use(this.page.getByRole("menuitem", { name: entry, exact: true }), "ArrowDown");
  }

  /** From area to area until this one has the focus, or something in it. */
  async area(area: Locator): Promise<void> {
    const inside = () => area.evaluate((element) => element.contains(document.activeElement));
    for (let step = 0; step < 6 && !(await inside()); step++) await this.press("F6");
    expect(await inside()).toBe(true);
  }

  /** The focus is not lost (what vanishes hands it on before the next frames are drawn). */
  async keptFocus(after: string): Promise<void> {
    await expect.poll(() => this.page.evaluate(focused), `the focus after ${after}`).not.toBe("nothing");
  }
}
