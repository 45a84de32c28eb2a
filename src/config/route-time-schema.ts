// The schema of how long the calls of a route may take, and when they are sent again or more than once.

import { key } from './key-notes.ts';
import { count, duration, expecting, off, z } from './schema-values.ts';

const longest = '720h';

function durationOrOff(lowest: string) {
  return z.union([off, duration(lowest, longest)], expecting('a duration such as 30s, or off'));
}

export const timeouts = z.strictObject({
  deadline: durationOrOff('1ms')
    .prefault('off')
    .meta(
      key(
        'The deadline of a call whose client sent none (`grpc-timeout`). It does not apply to WebSockets.',
        { like: { Envoy: 'timeout' } },
      ),
    ),
  maxDeadline: durationOrOff('1ms')
    .prefault('off')
    .meta(
      key('The longest deadline that a client may send. A longer one is cut to this.', {
        like: { Envoy: 'grpc_timeout_header_max' },
      }),
    ),
  idle: durationOrOff('100ms')
    .prefault('off')
    .meta(
      key('How long either direction of a call may be silent before the call is ended.', {
        like: { nginx: '`grpc_read_timeout`, `client_body_timeout`' },
      }),
    ),
});

/** All statuses of gRPC but OK. */
export const RETRYABLE_STATUSES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

const statuses = 'names of gRPC statuses other than `OK`';

export const retry = z.strictObject({
  attempts: count(2, 5)
    .default(3)
    .meta(
      key('How many attempts a call may have in all, the first included.', {
        like: { gRPC: 'maxAttempts', Envoy: '`num_retries`, which does not count the first' },
      }),
    ),
  on: z
    .array(z.enum(RETRYABLE_STATUSES))
    .min(1)
    .default(['UNAVAILABLE'])
    .meta(
      key(
        'The gRPC statuses after which a call is sent again, as long as its client has no part of the response. A lost connection and ' +
          'an endpoint that cannot be reached count as `UNAVAILABLE`.',
        { values: `list of ${statuses}, one or more`, like: { gRPC: 'retryableStatusCodes' } },
      ),
    ),
  backoff: duration('1ms', '1m')
    .prefault('100ms')
    .meta(
      key('The pause before the second attempt, 20 % more or less. It doubles with each further attempt.', {
        like: { gRPC: 'initialBackoff' },
      }),
    ),
  maxBackoff: duration('1ms', '10m')
    .prefault('2s')
    .meta(key('The longest pause between two attempts.', { like: { gRPC: 'maxBackoff' } })),
  perTry: durationOrOff('1ms')
    .prefault('off')
    .meta(
      key(
        'How long one attempt may wait for its response. After that time the attempt has failed with `UNAVAILABLE`.',
        { like: { Envoy: 'per_try_timeout' } },
      ),
    ),
  hold: z
    .union([off, duration('1ms', '10s')], expecting('a duration such as 50ms, or off'))
    .prefault('50ms')
    .meta(
      key(
        'How long the headers of a response are held back until its first message or its status comes. This way a status in trailers can be ' +
          'retried too.',
      ),
    ),
});

export const hedge = z.strictObject({
  attempts: count(2, 5)
    .default(2)
    .meta(
      key('How many attempts a call may have in all, the first included.', {
        like: { gRPC: '`maxAttempts` of `hedgingPolicy`' },
      }),
    ),
  delay: duration('0s', '1m')
    .prefault('100ms')
    .meta(
      key(
        'The time from the beginning of one attempt to the beginning of the next; it may be up to 20 ms longer. With `0s` all attempts ' +
          'begin at once.',
        { like: { gRPC: 'hedgingDelay' } },
      ),
    ),
  on: z
    .array(z.enum(RETRYABLE_STATUSES))
    .default(['UNAVAILABLE'])
    .meta(
      key(
        'The gRPC statuses that end one attempt, but not the call, as long as another attempt may have a better result. After such a ' +
          'status the next attempt begins at once.',
        { values: `list of ${statuses}`, like: { gRPC: 'nonFatalStatusCodes' } },
      ),
    ),
});
