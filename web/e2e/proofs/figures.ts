// What a proof prints: `name=value` lines, which `cargo xtask prove` puts into the result file.

/** The value below which so many of a hundred lie (nearest rank). */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function print(name: string, value: number | string): void {
  // biome-ignore lint/suspicious/noConsole: figures are for whoever runs the proof
  console.log(`${name}=${value}`);
}

/** For whoever watches; not kept. */
export function note(text: string): void {
  // biome-ignore lint/suspicious/noConsole: see above
  console.log(`# ${text}`);
}

/** Count, middle, p95 and worst. */
export function summary(name: string, values: readonly number[]): void {
  print(`${name}_count`, values.length);
  print(`${name}_p50_ms`, percentile(values, 50));
  print(`${name}_p95_ms`, percentile(values, 95));
  print(`${name}_max_ms`, Math.max(...values));
}
