// Parses durations, sizes and shares as people write them in the configuration: 250ms, 5s, 64KiB, 1MB, 512, 20%.

import type { Fault } from './problem.ts';

const millisecondsPerUnit: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const bytesPerUnit: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1_000],
  ['KB', 1_000],
  ['KiB', 1_024],
  ['MB', 1_000_000],
  ['MiB', 1_048_576],
  ['GB', 1_000_000_000],
  ['GiB', 1_073_741_824],
]);

export const durationPattern = /^([0-9]{1,15})(ms|s|m|h)$/;
export const sizePattern = /^([0-9]{1,15})(|B|kB|KB|KiB|MB|MiB|GB|GiB)$/;

/** @returns milliseconds, or undefined if the text is not a whole number followed by ms, s, m or h */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationPattern, millisecondsPerUnit);
}

/** @returns bytes, or undefined if the text is not a whole number, optionally followed by B, kB, KB, KiB, MB, MiB, GB or GiB */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizePattern, bytesPerUnit);
}

const SIZES = [
  ['GiB', 1_073_741_824],
  ['MiB', 1_048_576],
  ['KiB', 1024],
] as const;

/** @returns the size as people write it, in the largest unit that gives a whole number: '32KiB', '1000' */
export function sizeText(bytes: number): string {
  const [unit, size] = SIZES.find(([, each]) => bytes > 0 && bytes % each === 0) ?? ['', 1];
  return `${bytes / size}${unit}`;
}

/** Parses a duration in milliseconds; `lowest` and `highest` are durations too. */
export function parseDurationBetween(text: string, lowest: string, highest: string): number | Fault {
  return between(parseDuration, text, lowest, highest, 'a duration such as 250ms, 5s, 10m or 1h');
}

/** Parses a size in bytes; `lowest` and `highest` are sizes too. @param expected what the text should be, for the message */
export function parseSizeBetween(
  text: string,
  lowest: string,
  highest: string,
  expected = 'a size such as 512, 64KiB or 1MiB',
): number | Fault {
  return between(parseSize, text, lowest, highest, expected);
}

export const percentagePattern = /^([0-9]{1,3}(?:\.[0-9]{1,2})?)%$/;

/** Parses a percentage into a share: 20% is 0.2. */
export function parsePercentageBetween(text: string, lowest: number, highest: number): number | Fault {
  const found = percentagePattern.exec(text);
  if (found === null) return { message: `'${text}' is not a percentage such as 20%` };
  const percent = Number(found[1]);
  if (percent >= lowest && percent <= highest) return percent / 100;
  return { message: `'${text}' is out of range`, hint: `${lowest}% to ${highest}%` };
}

/**
 * Translates other spellings of durations (`30`, `1d`, `1m30s`, `5 sec`) into the configuration's own.
 * @returns undefined if the meaning is unclear
 */
export function respellDuration(text: string): string | undefined {
  const factors: Readonly<Record<string, number>> = {
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
    w: 604_800_000,
  };
  const plain = text.toLowerCase().replaceAll(/[ _]/g, '').replace(/^pt/, '');
  if (!/^([0-9]+(\.[0-9]+)?[a-z]*)+$/.test(plain) || plain.length > 30) return undefined;
  let milliseconds = 0;
  for (const [, amount, unit = ''] of plain.matchAll(/([0-9]+(?:\.[0-9]+)?)([a-z]*)/g)) {
    const short = /^(msecs?|millis(econds)?|milliseconds?)$/.test(unit)
      ? 'ms'
      : unit === 'ms'
        ? 'ms'
        : unit.slice(0, 1) || 's';
    milliseconds += Number(amount) * (factors[short] ?? Number.NaN);
  }
  if (!Number.isSafeInteger(milliseconds) || milliseconds === 0) return undefined;
  const unit =
    (['h', 'm', 's', 'ms'] as const).find((each) => milliseconds % (factors[each] ?? 1) === 0) ?? 'ms';
  return `${milliseconds / (factors[unit] ?? 1)}${unit}`;
}

/**
 * Translates other spellings of sizes (`1G`, `64k`, `1.5 MiB`) into the configuration's own. Letters mean powers of 1024, as
 * they do in nginx.
 * @returns undefined if the meaning is unclear
 */
export function respellSize(text: string): string | undefined {
  const found = /^([0-9]+(?:\.[0-9]+)?)([kmgt])i?(?:b|bytes?)?$/.exec(
    text.toLowerCase().replaceAll(/[ _]/g, ''),
  );
  if (found === null) return undefined;
  const [, amount, letter = ''] = found;
  if (letter === 't') return `${Number(amount) * 1024}GiB`;
  if (!Number.isInteger(Number(amount)))
    return letter === 'k'
      ? undefined
      : `${Math.round(Number(amount) * 1024)}${letter === 'g' ? 'MiB' : 'KiB'}`;
  return `${amount}${letter === 'k' ? 'K' : letter.toUpperCase()}iB`;
}

function between(
  parse: (text: string) => number | undefined,
  text: string,
  lowest: string,
  highest: string,
  expected: string,
): number | Fault {
  const quantity = parse(text);
  if (quantity === undefined) return { message: `'${text}' is not ${expected}` };
  if (quantity >= (parse(lowest) ?? 0) && quantity <= (parse(highest) ?? 0)) return quantity;
  return { message: `'${text}' is out of range`, hint: `${lowest} to ${highest}` };
}

function parseQuantity(
  text: string,
  pattern: RegExp,
  factors: ReadonlyMap<string, number>,
): number | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const quantity = Number(found[1]) * (factors.get(found[2] ?? '') ?? Number.NaN);
  return Number.isSafeInteger(quantity) ? quantity : undefined;
}

/** Parses a whole percentage. @returns a number from 0 to 1 */
export function parsePercentage(text: string): number | Fault {
  const [, digits] = /^([0-9]{1,3})%$/.exec(text) ?? [];
  if (digits === undefined) return { message: `'${text}' is not a percentage such as 50%`, hint: undefined };
  const percent = Number(digits);
  return percent <= 100 ? percent / 100 : { message: 'must be from 0% to 100%', hint: undefined };
}
