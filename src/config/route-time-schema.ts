// The schema of how long the calls of a route may take, and when they are sent again or more than once.

import { count, duration, expecting, off, z } from './schema-values.ts';

const longest = '720h';

function durationOrOff(lowest: string) {
  return z.union([off, duration(lowest, longest)], expecting('a duration such as 30s, or off'));
}

export const timeouts = z.strictObject({
  deadline: durationOrOff('1ms')
    .prefault('off')
    .describe(
      'Deadline of a call whose client sent none (grpc-timeout); to WebSockets it does not apply. 1ms to 720h, or off. ' +
        'Default: off. Like Envoy timeout.',
    ),
  maxDeadline: durationOrOff('1ms')
    .prefault('off')
    .describe(
      'The longest deadline that a client may send; a longer one is cut to it. 1ms to 720h, or off. Default: off. ' +
        'Like Envoy grpc_timeout_header_max.',
    ),
  idle: durationOrOff('100ms')
    .prefault('off')
    .describe(
      'How long either direction of a call may be silent until it has ended. 100ms to 720h, or off. Default: off. ' +
        'Like nginx grpc_read_timeout, client_body_timeout.',
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

export const retry = z.strictObject({
  attempts: count(2, 5)
    .default(3)
    .describe('Attempts of a call in all. 2 to 5. Default: 3. Like maxAttempts of gRPC, Envoy num_retries.'),
  on: z
    .array(z.enum(RETRYABLE_STATUSES))
    .min(1)
    .default(['UNAVAILABLE'])
    .describe(
      'gRPC statuses after which a call is sent again, if its client has nothing of the response. Lost connections and ' +
        'endpoints that cannot be reached are UNAVAILABLE. Default: [UNAVAILABLE]. Like retryableStatusCodes of gRPC.',
    ),
  backoff: duration('1ms', '1m')
    .prefault('100ms')
    .describe(
      'Pause before the second attempt, 20 % more or less; it doubles with each one. 1ms to 1m. Default: 100ms. ' +
        'Like initialBackoff of gRPC.',
    ),
  maxBackoff: duration('1ms', '10m')
    .prefault('2s')
    .describe('The longest of these pauses. 1ms to 10m. Default: 2s. Like maxBackoff of gRPC.'),
  perTry: durationOrOff('1ms')
    .prefault('off')
    .describe(
      'How long one attempt may be without a response; after that it has failed with UNAVAILABLE. 1ms to 720h, or off. ' +
        'Default: off. Like Envoy per_try_timeout.',
    ),
  hold: z
    .union([off, duration('1ms', '10s')], expecting('a duration such as 50ms, or off'))
    .prefault('50ms')
    .describe(
      'How long the header of a response is held back for its first message or its status, so that a status in trailers can ' +
        'be retried too. 1ms to 10s, or off. Default: 50ms.',
    ),
});

export const hedge = z.strictObject({
  attempts: count(2, 5)
    .default(2)
    .describe('Attempts of a call in all. 2 to 5. Default: 2. Like maxAttempts of a hedgingPolicy of gRPC.'),
  delay: duration('0ms', '1m')
    .prefault('100ms')
    .describe(
      'The time from one attempt to the next, 20 ms more at most. 0s: all begin at once. 0s to 1m. Default: 100ms. ' +
        'Like hedgingDelay of gRPC.',
    ),
  on: z
    .array(z.enum(RETRYABLE_STATUSES))
    .default(['UNAVAILABLE'])
    .describe(
      'gRPC statuses that do not end the call while another attempt may have a better one; after one of them the next begins ' +
        'at once. Default: [UNAVAILABLE]. Like nonFatalStatusCodes of gRPC.',
    ),
});
