// Times and sizes as nginx writes them (`60`, `1m30s`, `500ms`, `8k`, `1m`), and durations as Framegate does.

const millisecondsPerUnit: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/** @returns milliseconds, or undefined if the text is no time */
export function parseTime(text: string): number | undefined {
  // Only the last number may lack its unit: with more freedom the time to reject a long row of digits would double with each.
  if (!/^(?:\d{1,12}(?:ms|[smhdwMy])\s*){0,8}(?:\d{1,12}\s*)?$/.test(text) || text === '') return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwMy])?/g)) {
    total += Number(amount) * millisecondsPerUnit[unit ?? 's'];
  }
  return total;
}

/** @returns bytes, or undefined if the text is no size */
export function parseBytes(text: string): number | undefined {
  const found = /^(\d{1,12})([kmg]?)$/i.exec(text);
  if (found === null) return undefined;
  const factor = { '': 1, k: 1024, m: 1_048_576, g: 1_073_741_824 }[found[2].toLowerCase()] ?? 1;
  return Number(found[1]) * factor;
}

export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** In the largest unit that gives a whole number. */
export function formatDuration(milliseconds: number): string {
  for (const [unit, factor] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (milliseconds >= factor && milliseconds % factor === 0) return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** A file may have more directives than a function takes arguments. @returns the greatest number, at least 0 */
export function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** @returns the number itself if it is within the range, else the nearer end */
export function clamp(value: number, lowest: number, highest: number): number {
  return Math.min(Math.max(value, lowest), highest);
}
