// Contrast of every pair of tokens that is used together, after WCAG 2.2. `npm run contrast` prints the table and
// fails on a weak pair; src/styles/tokens.test.ts calls the same functions.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TOKENS = new URL("../src/styles/tokens.css", import.meta.url);

/** The three blocks of the token sheet: name to `#rrggbb`. */
export function themes() {
  const css = readFileSync(TOKENS, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const block = (start) => {
    const from = css.indexOf("{", css.indexOf(start)) + 1;
    const declarations = css.slice(from, css.indexOf("}", from));
    return Object.fromEntries(
      [...declarations.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((m) => [m[1], m[2].trim()]),
    );
  };
  return {
    light: block(":root {"),
    dark: block(':root[data-theme="dark"]'),
    media: block(':root:not([data-theme="light"])'),
  };
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return r * 0.2126 + g * 0.7152 + b * 0.0722;
}

export function ratio(one, other) {
  const [bright, dim] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dim + 0.05);
}

/** Foreground, background, least contrast. */
export function pairs() {
  const all = [];
  const add = (least, fronts, backs) => {
    for (const front of fronts.split(" "))
      for (const back of backs.split(" ")) all.push([front, back, least]);
  };
  add(4.5, "ink ink-2", "wall paper bench pine-soft sun-soft brick-soft sky-soft");
  add(4.5, "pine brick sky", "wall paper bench");
  add(4.5, "on-pine", "pine pine-hover pine-press");
  add(4.5, "on-brick", "brick brick-hover");
  add(4.5, "on-sun", "sun");
  add(4.5, "pine-ink", "pine-soft");
  add(4.5, "sun-ink", "sun-soft paper");
  add(4.5, "brick-ink", "brick-soft paper wall");
  add(4.5, "sky-ink", "sky-soft paper");
  for (let n = 1; n <= 8; n++) {
    add(4.5, `a${n}`, `paper a${n}s`);
    add(4.5, "ink", `a${n}s`);
  }
  add(3, "edge", "wall paper bench");
  add(3, "focus", "wall paper bench pine-soft sun-soft brick-soft sky-soft focus-gap");
  return all;
}

/** Each pair with its figures in both themes. */
export function measured() {
  const { light, dark } = themes();
  return pairs().map(([front, back, least]) => ({
    front,
    back,
    least,
    light: ratio(light[front], light[back]),
    dark: ratio(dark[front], dark[back]),
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let weak = 0;
  for (const pair of measured()) {
    const bad = pair.light < pair.least || pair.dark < pair.least;
    if (bad) weak++;
    const figures = `${pair.light.toFixed(2).padStart(6)}  ${pair.dark.toFixed(2).padStart(6)}`;
    console.log(
      `${`${pair.front} on ${pair.back}`.padEnd(26)}${pair.least.toFixed(1)}  ${figures}${bad ? "  TOO WEAK" : ""}`,
    );
  }
  console.log(weak ? `${weak} pair(s) too weak` : "all pairs pass in both themes");
  process.exit(weak ? 1 : 0);
}
