// Nobody who works by keyboard loses their place: when the thing that has the focus is taken away (a waiting person who
// is let in, a note that is closed), the nearest thing around it that can have the focus gets it. Started once by
// `main.tsx`; pages and dialogs that know a better place are faster and win.

/** Where the links "to the content" of a page and of the room lead. */
const CONTENT = "#content, #stage";

/** Whether the focus stands where it falls when nobody has chosen a better place. */
export function focusIsAdrift(): boolean {
  const { activeElement: active, body } = document;
  return active === null || active === body || active.matches(CONTENT);
}

export function keepFocus(): void {
  let last: Element | null = null;
  let around: HTMLElement[] = [];
  let checking = false;

  const isLost = () =>
    last !== null && !last.isConnected && (document.activeElement ?? document.body) === document.body;

  const handOn = () => {
    checking = false;
    if (!isLost()) return;
    const place =
      around.find((element) => element.isConnected) ?? document.querySelector<HTMLElement>(CONTENT);
    place?.focus();
  };

  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof Element)) return;
    last = target;
    around = [];
    for (let at = target.parentElement; at; at = at.parentElement)
      if (at.hasAttribute("tabindex")) around.push(at);
  });
  // A click beside everything puts the focus away on purpose.
  document.addEventListener("pointerdown", () => {
    last = null;
  });
  new MutationObserver(() => {
    if (checking || !isLost()) return;
    checking = true;
    // One frame for the page's own heading, one for dialogs and menus that give the focus back.
    requestAnimationFrame(() => requestAnimationFrame(handOn));
  }).observe(document.body, { childList: true, subtree: true });
}
