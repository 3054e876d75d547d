// Photographs a screen in every size and look, and fails when one of them breaks a rule: axe in both themes, no
// sideways scrolling down to 320 px (400 % zoom), nothing cut off or covered, no message key, no fault in the console.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";
import { KEYS, type Language } from "../words";

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };
/** 1280x1024 at 400 %. */
export const ZOOM = { width: 320, height: 256 };

type Size = "desktop" | "phone" | "zoom";
type Style = "light" | "dark" | "rtl";
const SIZES = { desktop: DESKTOP, phone: PHONE, zoom: ZOOM } as const;
const VARIANTS: Record<Language, readonly (readonly [Size, readonly Style[]])[]> = {
  de: [
    ["desktop", ["light", "dark", "rtl"]],
    ["phone", ["light", "dark"]],
    ["zoom", ["light"]],
  ],
  en: [["desktop", ["light"]]],
};
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export interface Shot {
  /** Brings the screen up; called once for each size, because another size may draw other controls. */
  show?: () => Promise<unknown>;
  /** Puts away what `show` opened. */
  hide?: () => Promise<unknown>;
  /** Only these sizes: for what the others do not have. */
  sizes?: readonly Size[];
  /** What the browser is expected to complain about. */
  allow?: RegExp;
}

export class Album {
  readonly #language: Language;
  readonly #folder: string;
  readonly #troubles = new WeakMap<Page, string[]>();
  readonly #wrong: string[] = [];
  readonly #only = process.env.SCREENS ? new RegExp(process.env.SCREENS) : null;

  constructor(language: Language) {
    this.#language = language;
    this.#folder = resolve("test-results/screens", language);
    mkdirSync(this.#folder, { recursive: true });
  }

  /** To be called before the first `goto`. */
  watch(page: Page): Page {
    const troubles: string[] = [];
    this.#troubles.set(page, troubles);
    page.on("pageerror", (error) => troubles.push(`thrown: ${error.message}`));
    page.on("console", (message) => {
      // A refused request is reported by the browser itself; whether the page says so is seen in the picture.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        troubles.push(message.text());
    });
    return page;
  }

  async take(page: Page, name: string, shot: Shot = {}): Promise<void> {
    if (this.#only && !this.#only.test(name)) return;
    for (const [size, styles] of VARIANTS[this.#language]) {
      if (shot.sizes && !shot.sizes.includes(size)) continue;
      await page.setViewportSize(SIZES[size]);
      await shot.show?.();
      for (const style of styles) {
        await dress(page, style);
        await this.#look(page, name, size, style, shot);
      }
      await dress(page, "light");
      await shot.hide?.();
    }
    await page.setViewportSize(DESKTOP);
  }

  async #look(page: Page, name: string, size: Size, style: Style, shot: Shot): Promise<void> {
    const variant = [name, size, ...(style === "light" ? [] : [style])].join(".");
    const wrong = await page.evaluate(faults);
    const shown = await page.evaluate(words);
    // What lies over the page is as large as the window.
    const overlay = (await page.locator("[role=dialog], [role=alertdialog], [role=menu]").count()) > 0;
    for (const word of shown.match(/[a-z]+(?:_[a-z0-9]+)+/g) ?? [])
      if (KEYS.has(word)) wrong.push(`message key: ${word}`);
    for (const word of shown.match(/\bundefined\b|\bNaN\b|\[object /g) ?? []) wrong.push(`word: ${word}`);
    if (this.#language === "de" && size !== "zoom" && style !== "rtl") {
      const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
      for (const { id, nodes } of violations)
        wrong.push(`axe ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
    }
    for (const trouble of this.#troubles.get(page)?.splice(0) ?? [])
      if (!shot.allow?.test(trouble)) wrong.push(trouble);
    await page.screenshot({ path: resolve(this.#folder, `${variant}.png`), fullPage: !overlay });
    this.#wrong.push(...wrong.map((what) => `${variant}: ${what}`));
  }

  /** Call in the end: everything that is wrong, all screens together. */
  judge(): void {
    expect.soft(this.#wrong, `pictures: ${this.#folder}`).toEqual([]);
  }
}

async function dress(page: Page, style: Style): Promise<void> {
  await page.emulateMedia({ colorScheme: style === "dark" ? "dark" : "light", reducedMotion: "reduce" });
  await page.evaluate(
    (dir) => {
      document.documentElement.dir = dir;
    },
    style === "rtl" ? "rtl" : "ltr",
  );
  // Two drawings later everything that measures itself has answered.
  await page.evaluate(
    () => new Promise<void>((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn()))),
  );
}

/** Runs in the page: everything that is said, seen or not. */
function words(): string {
  const said = [document.title];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) said.push(texts.currentNode.textContent ?? "");
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
    for (const name of ["aria-label", "title", "placeholder", "alt"])
      said.push(element.getAttribute(name) ?? "");
  return said.join("\n");
}

/** Runs in the page: sideways scrolling, and controls that are cut off or lie under something. */
function faults(): string[] {
  const found: string[] = [];
  const page = document.documentElement;
  if (page.scrollWidth > innerWidth) found.push(`scrolls sideways: ${page.scrollWidth} > ${innerWidth}`);
  // A room fills the window; only a very low one may be longer (400 % zoom).
  if (document.querySelector("[data-area]") && innerHeight > 544 && page.scrollHeight > innerHeight + 1)
    found.push(`longer than the window: ${page.scrollHeight} > ${innerHeight}`);
  const name = (element: Element) =>
    (element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 40) || element.tagName;
  const modal = document.querySelector("[role=dialog], [role=alertdialog], [role=menu]");
  const controls = (modal ?? document.body).querySelectorAll(
    "a[href], button, input, select, textarea, [role=menuitem], [role=textbox]",
  );
  for (const control of controls) {
    const box = control.getBoundingClientRect();
    const style = getComputedStyle(control);
    const hidden = style.visibility === "hidden" || style.opacity === "0" || style.clipPath !== "none";
    const unseen = box.width < 2 || box.height < 2 || (control.parentElement?.offsetWidth ?? 9) < 2;
    if (hidden || unseen || control.closest(".sr, .skip")) continue;
    if (box.left < -1 || box.right > innerWidth + 1) found.push(`beside the page: ${name(control)}`);
    if (box.width < 24 || box.height < 24) {
      // WCAG 2.5.8 excepts links in sentences and what has a label around it.
      const label = control.closest("label")?.getBoundingClientRect();
      if (!control.matches("a") && (label?.height ?? 0) < 24) found.push(`small: ${name(control)}`);
    }
    for (
      let around = control.parentElement;
      around && around !== document.body;
      around = around.parentElement
    ) {
      const clip = getComputedStyle(around);
      if (/auto|scroll/.test(`${clip.overflowX} ${clip.overflowY}`)) break;
      if (clip.overflowX !== "hidden" && clip.overflowX !== "clip") continue;
      const frame = around.getBoundingClientRect();
      const wide = box.left < frame.left - 2 || box.right > frame.right + 2;
      const high = box.bottom > frame.bottom + 2 && clip.overflowY === "hidden";
      if (wide || high) found.push(`cut off: ${name(control)}`);
    }
    const x = box.left + box.width / 2;
    const y = box.top + box.height / 2;
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue;
    const top = document.elementFromPoint(x, y);
    if (
      top &&
      !control.contains(top) &&
      !top.contains(control) &&
      top.closest("label") !== control.closest("label")
    )
      found.push(`covered: ${name(control)} by ${top.className || top.tagName}`);
  }
  // Words that run out of the page, or out of a box that hides what is too much and shows no "…" for it.
  const texts = document.createTreeWalker(modal ?? document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const owner = text.parentElement;
    if (!owner || !text.textContent?.trim() || owner.closest(".sr, .skip, option, [aria-hidden=true]"))
      continue;
    if (!owner.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (box.width < 2) continue;
    const said = text.textContent.trim().slice(0, 40);
    let scrolls = false;
    for (
      let around: Element | null = owner;
      around && around !== document.body;
      around = around.parentElement
    ) {
      const style = getComputedStyle(around);
      if (style.textOverflow === "ellipsis" || style.overflowX === "auto" || style.overflowX === "scroll") {
        scrolls = true;
        break;
      }
      const frame = around.getBoundingClientRect();
      // What is there for screen readers alone is one pixel large.
      if (frame.width < 2) scrolls = true;
      if (style.overflowX !== "hidden" || scrolls) continue;
      if (box.left < frame.left - 2 || box.right > frame.right + 2) found.push(`words cut off: ${said}`);
    }
    if (!scrolls && (box.left < -1 || box.right > innerWidth + 1))
      found.push(`words beside the page: ${said}`);
  }
  return found;
}
