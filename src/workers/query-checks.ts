// The checks of what processes ask each other about calls and connections, and of the answers.

import { EVENT_KINDS } from '../calls/event-query.ts';
import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import { LIVE_SORTS } from '../calls/live-query.ts';
import {
  has,
  isBoolean,
  isFinite,
  isListOf,
  isNumber,
  isOneOf,
  isRecord,
  isText,
  optional,
} from './message-checks.ts';

const isPlaceInOrder = has({ key: isFinite, id: isText });
export const isLiveQuery = has({
  id: optional(isText),
  route: optional(isText),
  upstream: optional(isText),
  endpoint: optional(isText),
  method: optional(isText),
  client: optional(isText),
  state: optional(isOneOf(...CALL_STATES)),
  blocked: optional(isOneOf(...BLOCKERS)),
  minAgeMs: optional(isNumber),
  minSilentMs: optional(isNumber),
  sort: isOneOf(...LIVE_SORTS),
  limit: isNumber,
  after: optional(isPlaceInOrder),
});
export const isLivePart = has({
  total: isNumber,
  matching: isNumber,
  exchanges: isListOf(has({ id: isText, state: isText, blocked: isRecord })),
  keys: isListOf(isFinite),
  end: optional(isPlaceInOrder),
});

export const isEventQuery = has({
  kinds: isListOf(isOneOf(...EVENT_KINDS)),
  route: optional(isText),
  upstream: optional(isText),
  method: optional(isText),
  client: optional(isText),
  endpoint: optional(isText),
  status: optional(isText),
  minDurationMs: optional(isFinite),
  failed: optional(isBoolean),
  metadata: optional(isListOf(has({ name: isText, value: isText }))),
  showMetadata: optional(isListOf(isText)),
  messageBytes: optional(isNumber),
  rate: isNumber,
});

export const isSocketQuery = has({
  of: isOneOf('listener', 'endpoint', 'id'),
  listener: optional(isText),
  upstream: optional(isText),
  address: optional(isText),
  id: optional(isNumber),
  from: isNumber,
  limit: isNumber,
});
const isSocketEnd = has({ address: isText, port: isNumber });
export const isSocketPage = has({
  sockets: isListOf(
    has({
      id: isNumber,
      name: isText,
      state: isOneOf('ready', 'draining'),
      local: optional(isSocketEnd),
      remote: optional(isSocketEnd),
      cipher: optional(isText),
      isClient: isBoolean,
      streamsStarted: isNumber,
      streamsFailed: isNumber,
      streamsOpen: isNumber,
      pingsSent: isNumber,
      sendWindow: isFinite,
      receiveWindow: isFinite,
    }),
  ),
  hasMore: isBoolean,
});
