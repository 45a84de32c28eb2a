// The parameters of the pages that take a query, for the OpenAPI document.

import {
  DEFAULT_EVENT_RATE,
  EVENT_KINDS,
  MOST_EVENT_RATE,
  MOST_MESSAGE_BYTES,
  MOST_METADATA_FILTERS,
  USUAL_EVENT_KINDS,
} from '../calls/event-query.ts';
import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import { DEFAULT_LIVE_LIMIT, LIVE_SORTS, MOST_LIVE_LIMIT } from '../calls/live-query.ts';
import { count, type JsonSchema, oneOfTexts, text } from './json-schema.ts';

const filled = { type: 'string', minLength: 1 };
const milliseconds = { ...count(), maximum: Number.MAX_SAFE_INTEGER };
const method = { ...filled, pattern: '^[^*]*\\*?$', description: 'A path, or its beginning and `*`.' };

const identity = {
  ...filled,
  pattern: '^[^*]*\\*?$',
  description: 'The name of an identity, NAME:SUBJECT, or the beginning of these and `*`.',
};

export const EXCHANGE_PARAMETERS: readonly unknown[] = inQuery({
  id: filled,
  route: filled,
  upstream: filled,
  endpoint: filled,
  method,
  client: filled,
  identity,
  minAgeMs: milliseconds,
  minSilentMs: milliseconds,
  state: oneOfTexts(CALL_STATES),
  blocked: oneOfTexts(BLOCKERS),
  sort: { ...oneOfTexts(LIVE_SORTS), default: 'age' },
  limit: { ...count(), minimum: 1, maximum: MOST_LIVE_LIMIT, default: DEFAULT_LIVE_LIMIT },
  after: {
    ...text('The `next` of the page before, which must have the same `sort`.'),
    pattern: '^[a-z]+:-?[0-9]{1,16}(\\.[0-9]{1,16})?:[0-9a-f]{32}$',
  },
});

export const EVENT_PARAMETERS: readonly unknown[] = inQuery({
  kinds: {
    ...text(`Of ${EVENT_KINDS.join(', ')} those that are wanted, with commas between them.`),
    default: USUAL_EVENT_KINDS.join(','),
    pattern: `^(${EVENT_KINDS.join('|')})(,(${EVENT_KINDS.join('|')}))*$`,
  },
  route: filled,
  upstream: filled,
  endpoint: filled,
  method,
  client: { ...filled, description: 'An address, `ADDRESS:PORT`, a range such as `10.0.0.0/8`, or `unix`.' },
  identity,
  status: { ...filled, description: 'The name of a gRPC status, or an HTTP status.' },
  minDurationMs: milliseconds,
  failed: oneOfTexts(['true', 'false']),
  metadata: {
    type: 'array',
    maxItems: MOST_METADATA_FILTERS,
    items: { type: 'string', pattern: '^[0-9A-Za-z_.-]{1,64}=[^*]*\\*?$' },
    description:
      'A header field of the request, as NAME=VALUE or NAME=BEGINNING*. All of them must fit. Not for names of secrets.',
  },
  showMetadata: {
    ...text(
      'The names of header fields of the request that events show, with commas between them. Not for names of secrets.',
    ),
    pattern: '^[0-9A-Za-z_.-]{1,64}(,[0-9A-Za-z_.-]{1,64})*$',
  },
  messageBytes: {
    ...count(
      'How many of the first bytes of each message its event has, in base64. Needs `message` among the kinds.',
    ),
    minimum: 1,
    maximum: MOST_MESSAGE_BYTES,
  },
  rate: { ...count(), minimum: 1, maximum: MOST_EVENT_RATE, default: DEFAULT_EVENT_RATE },
});

function inQuery(schemas: Readonly<Record<string, JsonSchema>>): readonly unknown[] {
  return Object.entries(schemas).map(([name, schema]) => ({ name, in: 'query', schema }));
}
