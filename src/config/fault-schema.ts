// The schema of the faults that a route injects into its calls, so that clients and services can be tested.

import { REMOVE_DELAY } from './fault-checks.ts';
import type { FaultAbort } from './fault-config.ts';
import { key, valueKind } from './key-notes.ts';
import { parseRate, ratePattern } from './limit-values.ts';
import { parseHeaderName } from './match-criteria.ts';
import { statusOfNumber } from './other-program-policy-values.ts';
import type { Fault } from './problem.ts';
import { RETRYABLE_STATUSES } from './route-time-schema.ts';
import { count, expecting, parsed, percentage, z } from './schema-values.ts';
import { suggest } from './suggestion.ts';
import { durationPattern, parseDuration, parseDurationBetween } from './units.ts';

const resetAfter = z.strictObject({
  messages: count(1, 1_000_000).meta(key('How many whole messages are passed on before the reset.')),
  direction: z
    .enum(['request', 'response'])
    .default('response')
    .meta(key('Whose messages are counted: those of the client (`request`), or those of the service.')),
});

const STATUS = 'the name of a gRPC status, or an HTTP status from 400 to 599';
const httpStatus = z
  .int(expecting('a whole number'))
  .min(400, `must be ${STATUS}`)
  .max(599, `must be ${STATUS}`);

const abort = z.union([httpStatus, z.string()], expecting(STATUS)).transform((value, context): FaultAbort => {
  const result = typeof value === 'number' ? { httpStatus: value } : parseStatus(value);
  if (!('message' in result)) return result;
  context.issues.push({
    code: 'custom',
    message: result.message,
    params: { hint: result.hint },
    input: value,
  });
  return z.NEVER;
});

function parseStatus(text: string): FaultAbort | Fault {
  const grpcStatus = RETRYABLE_STATUSES.find((status) => status === text);
  if (grpcStatus !== undefined) return { grpcStatus };
  if (text === 'OK') return { message: "'OK' is no failure", hint: 'respond answers calls with success' };
  if (/^[45]\d\d$/.test(text))
    return {
      message: `'${text}' is a text, and an HTTP status is a number`,
      hint: 'write it without quotes',
    };
  const near = suggest(text, RETRYABLE_STATUSES);
  const meant = near === undefined ? 'such as UNAVAILABLE, or 503' : `did you mean ${near}?`;
  const hint = statusOfNumber(text) ?? meant;
  return { message: `'${text}' is no status of gRPC, and no HTTP status from 400 to 599`, hint };
}

const SHORTEST_DELAY = '1ms';
const LONGEST_DELAY = '10m';

function parseDelay(text: string): number | Fault {
  if (parseDuration(text) === 0) return { message: `'${text}' holds no call`, hint: REMOVE_DELAY };
  return parseDurationBetween(text, SHORTEST_DELAY, LONGEST_DELAY);
}

export const fault = z
  .strictObject({
    percent: percentage(0, 100)
      .prefault('100%')
      .meta(
        key('The share of the calls that have the fault. It is drawn once for each call, for all parts.', {
          like: { Envoy: '`percentage` of the `fault` filter' },
        }),
      ),
    header: parsed('text', parseHeaderName, { examples: ['x-fault'] })
      .optional()
      .meta(
        key(
          'Only calls of `trustedClients` that carry this header field, with any value, have the fault. The field is removed from ' +
            'what other clients send.',
          {
            unset: 'calls of all clients',
            values: 'name of a header',
            like: { Envoy: '`headers` of the `fault` filter' },
          },
        ),
      ),
    delay: parsed('a duration such as 250ms, 5s, 10m or 1h', parseDelay, {
      pattern: durationPattern.source,
      ...valueKind('duration', [SHORTEST_DELAY, LONGEST_DELAY]),
    })
      .optional()
      .meta(
        key('How long a call is held before it is sent on or aborted. It can be up to 20 ms more.', {
          unset: 'not held',
          like: { Envoy: 'fixed_delay' },
        }),
      ),
    abort: abort.optional().meta(
      key(
        'The call ends with this status, and no service gets it. A gRPC client gets the status that gRPC derives from an HTTP status, and other ' +
          'clients get the HTTP status nearest to a gRPC status.',
        {
          unset: 'the call is sent on',
          values: 'name of a gRPC status other than `OK`, or an HTTP status from 400 to 599',
          condition: 'not beside `resetAfter`',
          like: { Envoy: '`abort` of the `fault` filter' },
        },
      ),
    ),
    resetAfter: resetAfter
      .optional()
      .meta(
        key(
          'Resets the stream after so many messages, towards the client (RST_STREAM with INTERNAL_ERROR) and the service (CANCEL). ' +
            'Only gRPC has messages, so other calls are not reset.',
          { unset: 'not reset', condition: 'not beside `abort`' },
        ),
      ),
    throttle: parsed('a rate such as 16KiB/s', parseRate, {
      pattern: ratePattern.source,
      examples: ['16KiB/s'],
    })
      .optional()
      .meta(
        key(
          'How many bytes of the call pass in each direction in a second, a minute or an hour. What is sent faster waits, and its sender gets no ' +
            'credit to send more.',
          {
            unset: 'not slowed',
            values: 'size and period such as `16KiB/s`',
            condition: 'not beside `abort`',
            like: { Envoy: '`response_rate_limit` of the `fault` filter' },
          },
        ),
      ),
  })
  .refine(
    ({ delay, abort: status, resetAfter: reset, throttle }) =>
      [delay, status, reset, throttle].some((part) => part !== undefined),
    {
      message: 'injects nothing',
      params: { hint: 'add delay, abort, resetAfter or throttle' },
    },
  )
  .refine(({ abort: status, throttle }) => status === undefined || throttle === undefined, {
    message: 'stands beside abort, after which there is nothing to slow',
    path: ['throttle'],
    params: { hint: 'remove one of the two' },
  })
  .refine(({ abort: status, resetAfter: reset }) => status === undefined || reset === undefined, {
    message: 'stands beside abort, after which there is no stream to reset',
    path: ['resetAfter'],
    params: { hint: 'remove one of the two' },
  });
