// What a client is told whose messages or bytes are beyond a limit, and what the log says in addition. Neither names the key, which may be
// a secret.

import { type Failure, failure, wholeWaitMs } from '../../calls/failure.ts';
import { counted as countOf } from '../../config/counted.ts';
import { keyPartText } from '../../config/limits-config.ts';
import type { RateLimit } from '../../limits/rate-limits.ts';
import { waitText } from './wait-text.ts';

const PERIODS = { 1000: 'second', 60_000: 'minute', 3_600_000: 'hour' } as const;
const SIZES = [
  ['GiB', 1_073_741_824],
  ['MiB', 1_048_576],
  ['KiB', 1024],
] as const;
const FROM = {
  request: 'from the client',
  response: 'from the service',
  both: 'in both directions',
} as const;

/** @returns the limit as a part of a sentence */
export function flowLimitText({ index, route, limit }: RateLimit): string {
  return `${rateText(limit)}, counted by ${byText(limit)} (limits[${index}] of route ${route})`;
}

function byText({ by }: RateLimit['limit']): string {
  return by.map(keyPartText).join(', ');
}

function rateText({ count, direction, rate }: RateLimit['limit']): string {
  return `${amountText(rate.count, count)} each ${PERIODS[rate.periodMs]} ${FROM[direction]}`;
}

/** Sizes are written as in the configuration, where they are round: '1MiB', '500 bytes'. */
function amountText(amount: number, thing: RateLimit['limit']['count']): string {
  if (thing !== 'bytes') return countOf(amount, thing.slice(0, -1));
  for (const [unit, factor] of SIZES)
    if (amount >= factor && amount % factor === 0) return `${amount / factor}${unit}`;
  return countOf(amount, 'byte');
}

/**
 * @param exactMs how long until the tokens were there, Infinity if they are never
 * @param wanted how many were wanted
 */
export function flowLimitExceeded(counted: RateLimit, exactMs: number, wanted: number): Failure {
  const { limit, route } = counted;
  const token = limit.count === 'messages' ? 'message_limit' : 'byte_limit';
  const what = `beyond the limit of route ${route}: ${rateText(limit)}, ${amountText(limit.burst, limit.count)} at once`;
  // The sentence has the limit already, and a span shows 256 characters of both.
  const onlyForLog = ` The limit is counted by ${byText(limit)} (limits[${counted.index}]).`;
  if (!Number.isFinite(exactMs)) {
    const message = `A message of ${countOf(wanted, 'byte')} is ${what}; send smaller ones.`;
    return { ...failure(token, message), onlyForLog };
  }
  const waitMs = wholeWaitMs(exactMs);
  const message = `The ${limit.count} of this call are ${what}; call again in ${waitText(waitMs)}.`;
  return { ...failure(token, message), onlyForLog, retryAfterMs: waitMs };
}

export function messageTooLarge(sizeBytes: number, mostBytes: number, route: string): Failure {
  return failure(
    'message_too_large',
    `A message of ${sizeBytes} bytes; the limit of route ${route} is ${mostBytes} bytes (messageSize).`,
  );
}

/** @param sizeBytes of what has come, or of what is announced */
export function bodyTooLarge(sizeBytes: number, mostBytes: number, route: string): Failure {
  return failure(
    'message_too_large',
    `A body of ${sizeBytes} bytes or more; the limit of route ${route} is ${mostBytes} bytes (bodySize).`,
  );
}
