// What a client is told that is beyond a limit, and what the log says in addition. Neither names the key, which may be a secret.

import { type Failure, failure, wholeWaitMs } from '../../calls/failure.ts';
import { rateLimitText } from '../../config/limits-config.ts';
import type { RateLimit } from '../../limits/rate-limits.ts';
import { waitText } from './wait-text.ts';

/**
 * @param exactMs how long until the next call may come
 * @param counted how many calls may come now; or the store that knows it, and is out of reach
 */
export function callLimit(
  { index, limit }: RateLimit,
  exactMs: number,
  counted: { readonly left: number } | { readonly closedBy: string },
): Failure {
  const waitMs = wholeWaitMs(exactMs);
  const { rate } = limit;
  const isCounted = 'left' in counted;
  const what = isCounted
    ? `Too many calls (${rateText(limit)} may be made)`
    : 'Calls cannot be counted now, so that no more may be made';
  const why = isCounted ? '' : outOfReach(counted.closedBy);
  const left = isCounted ? counted.left : 0;
  const name = `"calls-${index + 1}"`;
  return {
    ...failure('call_limit', `${what}; call again in ${waitText(waitMs)}.`),
    onlyForLog: `${why} The limit is ${rateLimitText(limit)}, limits[${index}] of the route.`,
    retryAfterMs: waitMs,
    // draft-ietf-httpapi-ratelimit-headers-11
    fields: [
      ['ratelimit-policy', `${name};q=${rate.count};w=${rate.periodMs / 1000}`],
      ['ratelimit', `${name};r=${left};t=${Math.ceil(waitMs / 1000)}`],
    ],
  };
}

/** For the log. @param store which counts, and does not answer */
export function outOfReach(store: string): string {
  return ` Store ${store} is out of reach, and its failure is closed.`;
}

function rateText({ rate: { count, periodMs } }: RateLimit['limit']): string {
  const period = { 1000: 'second', 60_000: 'minute', 3_600_000: 'hour' }[periodMs];
  return `${count} each ${period}`;
}
