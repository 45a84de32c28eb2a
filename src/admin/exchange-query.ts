// Reads the query of GET /api/exchanges.

import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import {
  DEFAULT_LIVE_LIMIT,
  LIVE_SORTS,
  type LiveQuery,
  MOST_LIVE_LIMIT,
  placeOfCursor,
} from '../calls/live-query.ts';
import { QueryParameters, quoted, readingQuery, refuse } from './query-parameters.ts';

const NAMES: readonly string[] = [
  'id',
  'route',
  'upstream',
  'endpoint',
  'method',
  'client',
  'identity',
  'minAgeMs',
  'minSilentMs',
  'state',
  'blocked',
  'sort',
  'limit',
  'after',
];

/** @param search what follows `?`. @returns the query, or a sentence about what is wrong with it */
export function readExchangeQuery(search: string): LiveQuery | string {
  return readingQuery(() => queryOf(new QueryParameters(search, NAMES)));
}

function queryOf(parameters: QueryParameters): LiveQuery {
  const sort = parameters.oneOf('sort', LIVE_SORTS) ?? 'age';
  return {
    id: parameters.text('id'),
    route: parameters.text('route'),
    upstream: parameters.text('upstream'),
    endpoint: parameters.text('endpoint'),
    method: parameters.method(),
    client: parameters.text('client'),
    identity: parameters.identity(),
    minAgeMs: parameters.number('minAgeMs'),
    minSilentMs: parameters.number('minSilentMs'),
    state: parameters.oneOf('state', CALL_STATES),
    blocked: parameters.oneOf('blocked', BLOCKERS),
    sort,
    limit: parameters.number('limit', 1, MOST_LIVE_LIMIT) ?? DEFAULT_LIVE_LIMIT,
    after: afterOf(parameters.raw('after'), sort),
  };
}

function afterOf(text: string | undefined, sort: LiveQuery['sort']): LiveQuery['after'] {
  if (text === undefined) return undefined;
  return (
    placeOfCursor(text, sort) ??
    refuse(`after must be the "next" of an answer with sort=${sort}, not ${quoted(text)}`)
  );
}
