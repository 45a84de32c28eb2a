// Reads the query of GET /api/events.

import {
  DEFAULT_EVENT_RATE,
  EVENT_KINDS,
  type EventQuery,
  MOST_EVENT_RATE,
  STATUS_NAMES,
} from '../calls/event-query.ts';
import { addressRange, withoutPort } from '../config/address-range.ts';
import { QueryParameters, quoted, readingQuery, refuse } from './query-parameters.ts';

const NAMES: readonly string[] = [
  'kinds',
  'route',
  'upstream',
  'endpoint',
  'method',
  'client',
  'status',
  'minDurationMs',
  'failed',
  'rate',
];

/** @param search what follows `?`. @returns the query, or a sentence about what is wrong with it */
export function readEventQuery(search: string): EventQuery | string {
  return readingQuery(() => queryOf(new QueryParameters(search, NAMES)));
}

function queryOf(parameters: QueryParameters): EventQuery {
  return {
    kinds: parameters.listOf('kinds', EVENT_KINDS) ?? EVENT_KINDS,
    route: parameters.text('route'),
    upstream: parameters.text('upstream'),
    endpoint: parameters.text('endpoint'),
    method: parameters.method(),
    client: clientOf(parameters.text('client')),
    status: statusOf(parameters.text('status')),
    minDurationMs: parameters.number('minDurationMs'),
    failed: parameters.oneOf('failed', ['true', 'false']) === 'true',
    rate: parameters.number('rate', 1, MOST_EVENT_RATE) ?? DEFAULT_EVENT_RATE,
  };
}

/** Another text than an address is no client, so that the filter would leave nothing. */
function clientOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'unix' || addressRange(withoutPort(text)) !== undefined) return text;
  return refuse(
    `client must be an address, ADDRESS:PORT or a range such as 10.0.0.0/8 or 2001:db8::/32, not ${quoted(text)}`,
  );
}

function statusOf(text: string | undefined): string | undefined {
  if (text === undefined || STATUS_NAMES.includes(text) || /^[1-5]\d\d$/.test(text)) return text;
  return refuse(
    `status must be the name of a gRPC status such as UNAVAILABLE, or an HTTP status such as 404, not ${quoted(text)}`,
  );
}
