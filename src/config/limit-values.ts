// Parses the texts in the `limits` of routes: rates such as 100/s, and what a count is kept for.

import type { LimitKeyPart, Rate } from './limits-config.ts';
import { parseHeaderName } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import { parseSize } from './units.ts';

export const ratePattern = /^([0-9]{1,15}(?:|B|kB|KB|KiB|MB|MiB|GB|GiB))\/(s|m|h)$/;

const PERIODS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
/** The largest count, whose sums are still exact. */
const MOST_COUNTED = 1_099_511_627_776;

/** @returns the rate; `isOfBytes` if its count has a unit of size */
export function parseRate(text: string): (Rate & { readonly isOfBytes: boolean }) | Fault {
  const [, amount = '', unit = ''] = ratePattern.exec(text) ?? [];
  if (unit !== 's' && unit !== 'm' && unit !== 'h') {
    return { message: `'${text}' is not a rate`, hint: respellRate(text) };
  }
  const count = parseSize(amount) ?? 0;
  if (count < 1 || count > MOST_COUNTED) {
    const isZero = Number(/^[0-9]+/.exec(amount)?.[0]) === 0;
    const hint = isZero
      ? 'a rate of 0 lets nothing pass: access with deny does that'
      : 'at most 1000000000 of calls and messages, and 1024GiB of bytes';
    return { message: `'${text}' is out of range`, hint };
  }
  return { count, periodMs: PERIODS[unit], isOfBytes: !/^[0-9]+$/.test(amount) };
}

/** @returns what to write in place of a text that is no rate */
function respellRate(text: string): string {
  const [, amount, unit] = /^([0-9]{1,9}\.[0-9]{1,9})\/([sm])$/.exec(text) ?? [];
  const perMinute = Number(amount) * (unit === 'm' ? 1 : 60);
  if (unit !== undefined && Number.isInteger(perMinute) && perMinute > 0) return `write ${perMinute}/m`;
  if (unit !== undefined && perMinute > 0) return `write ${Math.max(1, Math.round(perMinute * 60))}/h`;
  const [, bits, factor = ''] = /^([0-9]{1,9})([kKMG])bit/.exec(text) ?? [];
  if (bits !== undefined)
    return `rates are in bytes: write ${Number(bits) * 125}${{ k: 'B', K: 'B', M: 'kB', G: 'MB' }[factor] ?? 'B'}/s for ${bits} ${factor}bit/s`;
  const [, size] = /^([0-9]{1,15}(?:B|kB|KB|KiB|MB|MiB|GB|GiB))$/.exec(text) ?? [];
  if (size !== undefined) return `write ${size}/s: a rate has a period (s, m or h)`;
  const [, perDay] = /^([0-9]{1,9})\/(?:d|days?)$/.exec(text) ?? [];
  if (perDay !== undefined) return describePerDay(Number(perDay));
  const number = Number(/^[0-9]{1,15}(?=$|[^0-9.])/.exec(text)?.[0] ?? 0);
  return `write the count and the period (s, m or h), such as ${number > 0 ? number : 100}/s`;
}

const HOURS_OF_DAY = 24;

/** An hour is the longest period, since counts are kept in memory and begin anew with the process. */
function describePerDay(count: number): string {
  const perHour = Math.max(1, Math.round(count / HOURS_OF_DAY));
  const burst = count > perHour ? `, with burst: ${count} for all of a day at once` : '';
  return `there are no rates by the day: write ${perHour}/h${burst}`;
}

const FIXED_PARTS = ['client', 'identity', 'route', 'stream'] as const;
const HEADER = 'header:';

export function parseKeyPart(text: string): LimitKeyPart | Fault {
  const fixed = FIXED_PARTS.find((one) => one === text);
  if (fixed !== undefined) return { kind: fixed };
  if (!text.startsWith(HEADER)) {
    return {
      message: `'${text}' is nothing that calls can be counted by`,
      hint: 'client, identity, route, stream, or header:NAME',
    };
  }
  const name = parseHeaderName(text.slice(HEADER.length));
  return isFault(name) ? name : { kind: 'header', name };
}
