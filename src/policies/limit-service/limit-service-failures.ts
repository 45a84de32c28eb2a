// What a client is told that is over a limit of a rate limit service, and what the log says in addition. Neither has the values that the
// service was told, which may be secrets.

import { type Failure, failure } from '../../calls/failure.ts';
import type { LimitServiceConfig } from '../../config/limits-config.ts';
import { lineOf, refusalFields, stopAfter } from '../answered-fields.ts';
import { waitText } from '../limits/wait-text.ts';
import type { LimitVerdict } from './limit-response.ts';

export const LIMIT_SERVICE_UNAVAILABLE = 'limit_service_unavailable';

export interface ServiceLimit {
  /** Its position among the `limits` of its route. */
  readonly index: number;
  readonly limit: LimitServiceConfig;
}

export function overLimit(
  { index, limit: { service, domain } }: ServiceLimit,
  { exceeded, responseFields, body }: LimitVerdict,
): Failure {
  const text = lineOf(body);
  const waitMs = exceeded?.waitMs;
  return {
    ...failure('call_limit', text === '' ? sentence(exceeded?.rate ?? '', waitMs) : text),
    onlyForLog: `${stopAfter(text)} The service of upstream ${service} says so, in the domain ${domain} (limits[${index}] of the route).`,
    fields: refusalFields(responseFields),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...(text === '' ? {} : { isServiceText: true }),
    ...(body.length === 0 ? {} : { content: body }),
  };
}

function sentence(rate: string, waitMs: number | undefined): string {
  const allowed = rate === '' ? '' : ` (${rate} may be made)`;
  return `Too many calls${allowed}; call again ${waitMs === undefined ? 'later' : `in ${waitText(waitMs)}`}.`;
}

/** @param why a sentence without its full stop */
export function unanswered(index: number, why: string): Failure {
  return {
    ...failure(
      LIMIT_SERVICE_UNAVAILABLE,
      'Whether this call is within its limits cannot be found out now; call again later.',
    ),
    onlyForLog: ` Why: ${why} (limits[${index}] of the route).`,
  };
}
