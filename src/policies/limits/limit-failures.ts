// What a client is told that is beyond a limit, and what the log says in addition. Neither names the key, which may be a secret.

import { type Failure, failure, wholeWaitMs } from '../../calls/failure.ts';
import { rateLimitText } from '../../config/limits-config.ts';
import type { RateLimit } from '../../limits/rate-limits.ts';
import { waitText } from './wait-text.ts';

/**
 * @param exactMs how long until the next call may come
 * @param left how many calls may come now
 */
export function callLimit({ index, limit }: RateLimit, exactMs: number, left: number): Failure {
  const waitMs = wholeWaitMs(exactMs);
  const { rate } = limit;
  const name = `"calls-${index + 1}"`;
  return {
    ...failure(
      'call_limit',
      `Too many calls (${rateText(limit)} may be made); call again in ${waitText(waitMs)}.`,
    ),
    onlyForLog: ` The limit is ${rateLimitText(limit)}, limits[${index}] of the route.`,
    retryAfterMs: waitMs,
    // draft-ietf-httpapi-ratelimit-headers-11
    fields: [
      ['ratelimit-policy', `${name};q=${rate.count};w=${rate.periodMs / 1000}`],
      ['ratelimit', `${name};r=${left};t=${Math.ceil(waitMs / 1000)}`],
    ],
  };
}

/** What clients are told to wait: a store that has come back is found within this time. */
const STORE_WAIT_MS = 1000;

/** @param store which counts, and does not answer; its `failure` is `closed` */
export function storeUnavailable({ index, limit }: RateLimit, store: string): Failure {
  const what =
    limit.count === 'calls'
      ? 'Calls cannot be counted now, so no more are allowed'
      : `The ${limit.count} of this call cannot be counted now, so no more are allowed`;
  return {
    ...failure('limit_store_unavailable', `${what}; call again in ${waitText(STORE_WAIT_MS)}.`),
    onlyForLog: ` Store ${store} does not answer, and its failure is closed. The limit is ${rateLimitText(limit)}, limits[${index}] of the route.`,
    retryAfterMs: STORE_WAIT_MS,
  };
}

function rateText({ rate: { count, periodMs } }: RateLimit['limit']): string {
  const period = { 1000: 'second', 60_000: 'minute', 3_600_000: 'hour' }[periodMs];
  return `${count} each ${period}`;
}
