// Reads the query of GET /api/exchanges. What is not understood is refused with a sentence: a filter that is ignored would show calls that
// nobody has asked for.

import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import {
  DEFAULT_LIVE_LIMIT,
  LIVE_SORTS,
  type LiveQuery,
  MOST_LIVE_LIMIT,
  placeOfCursor,
} from '../calls/live-query.ts';

const NAMES: readonly string[] = [
  'id',
  'route',
  'upstream',
  'endpoint',
  'method',
  'client',
  'minAgeMs',
  'minSilentMs',
  'state',
  'blocked',
  'sort',
  'limit',
  'after',
];
/** A longer value is quoted in part. */
const MOST_QUOTED = 64;

class RefusedQuery extends Error {}

/** @param search what follows `?`. @returns the query, or a sentence about what is wrong with it */
export function readExchangeQuery(search: string): LiveQuery | string {
  try {
    return queryOf(new URLSearchParams(search));
  } catch (error) {
    if (error instanceof RefusedQuery) return error.message;
    throw error;
  }
}

function queryOf(parameters: URLSearchParams): LiveQuery {
  const seen = new Set<string>();
  for (const name of parameters.keys()) {
    if (!NAMES.includes(name))
      refuse(`there is no parameter ${quoted(name)}; there are: ${NAMES.join(', ')}`);
    if (seen.has(name)) refuse(`the parameter ${name} is there twice`);
    seen.add(name);
  }
  const sort = oneOf(parameters, 'sort', LIVE_SORTS) ?? 'age';
  return {
    id: textOf(parameters, 'id'),
    route: textOf(parameters, 'route'),
    upstream: textOf(parameters, 'upstream'),
    endpoint: textOf(parameters, 'endpoint'),
    method: textOf(parameters, 'method'),
    client: textOf(parameters, 'client'),
    minAgeMs: numberOf(parameters, 'minAgeMs', 0, Number.MAX_SAFE_INTEGER),
    minSilentMs: numberOf(parameters, 'minSilentMs', 0, Number.MAX_SAFE_INTEGER),
    state: oneOf(parameters, 'state', CALL_STATES),
    blocked: oneOf(parameters, 'blocked', BLOCKERS),
    sort,
    limit: numberOf(parameters, 'limit', 1, MOST_LIVE_LIMIT) ?? DEFAULT_LIVE_LIMIT,
    after: afterOf(parameters, sort),
  };
}

function textOf(parameters: URLSearchParams, name: string): string | undefined {
  const text = parameters.get(name) ?? undefined;
  if (text === '') refuse(`the parameter ${name} is empty; leave it out to see all calls`);
  if (name === 'method' && text !== undefined && /\*./.test(text))
    refuse(`method may have a * at its end only, as in method=/voice.VoiceAssistant/*, not ${quoted(text)}`);
  return text;
}

function numberOf(
  parameters: URLSearchParams,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  const range =
    most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a whole number from ${least} to ${most}`;
  return refuse(`${name} must be ${range}, not ${quoted(text)}`);
}

function oneOf<Value extends string>(
  parameters: URLSearchParams,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  return (
    values.find((value) => value === text) ??
    refuse(`${name} must be one of ${values.join(', ')}, not ${quoted(text)}`)
  );
}

function afterOf(parameters: URLSearchParams, sort: LiveQuery['sort']): LiveQuery['after'] {
  const text = parameters.get('after');
  if (text === null) return undefined;
  return (
    placeOfCursor(text, sort) ??
    refuse(`after must be the "next" of an answer with sort=${sort}, not ${quoted(text)}`)
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text);
}

function refuse(sentence: string): never {
  throw new RefusedQuery(sentence);
}
