// Why does the proxy end an exchange itself, and with which gRPC and HTTP status? Statuses that only an application may return
// (INVALID_ARGUMENT, NOT_FOUND and so on) never appear here (gRPC status codes document), except where a route injects them (`fault`).

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { grpcStatusOfHttpStatus } from '../grpc/http-status-mapping.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { limitText } from './limit-text.ts';

/**
 * Who caused a failure: the client, by what it asked for, accepts or did; the endpoint; a policy of the route; or the proxy, by its own
 * limits and faults. Only failures of endpoints are counted against them.
 */
export type FailureSource = 'client' | 'endpoint' | 'policy' | 'proxy';

export interface Failure {
  /** A stable name, for the log, metrics and tests. */
  readonly token: string;
  readonly source: FailureSource;
  /** Whether another attempt may fare better. Only a route's `retry` may make it, since the endpoint may have processed the request. */
  readonly isRetryable: boolean;
  readonly grpcStatus: number;
  readonly httpStatus: number;
  /** What the client is told: what is wrong, and what to do about it. The code of the failure's page is added when it is sent. */
  readonly message: string;
  /** Whether a service has written the message, so that the client gets it as it is, without a code. Undefined means no. */
  readonly isServiceText?: boolean;
  /** What only the log says, after the message: details that the client must not see. Begins with a space. */
  readonly onlyForLog?: string;
  /** How long the client should wait before it tries again. Undefined if the response does not say. Responses round it up (`wholeWaitMs`). */
  readonly retryAfterMs?: number;
  /** The value of www-authenticate in responses with the HTTP status 401. */
  readonly challenge?: string;
  /** Header fields of the response beside its own, names in lower case. A field replaces one that the proxy would send. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** The body of the response to clients that speak no gRPC. Undefined means the message. */
  readonly content?: Buffer;
}

/** A contained internal error. The log has the details. */
export const FAULT: Failure = {
  token: 'internal_error',
  source: 'proxy',
  isRetryable: false,
  grpcStatus: GrpcStatus.INTERNAL,
  httpStatus: 502,
  message: 'A fault of the proxy itself ended this request; its log says which. Please report it.',
};

const STATUSES = {
  no_route: [GrpcStatus.UNIMPLEMENTED, 404, 'client'],
  plaintext_on_tls_port: [GrpcStatus.UNAVAILABLE, 400, 'client'],
  connect_unsupported: [GrpcStatus.UNIMPLEMENTED, 501, 'client'],
  deadline_exceeded: [GrpcStatus.DEADLINE_EXCEEDED, 504, 'endpoint'],
  timeout_malformed: [GrpcStatus.INTERNAL, 400, 'client'],
  authority_invalid: [GrpcStatus.INTERNAL, 400, 'client'],
  path_invalid: [GrpcStatus.INTERNAL, 400, 'client'],
  field_invalid: [GrpcStatus.INTERNAL, 400, 'client'],
  content_type_refused: [GrpcStatus.INTERNAL, 415, 'client'],
  request_headers_above_upstream: [GrpcStatus.RESOURCE_EXHAUSTED, 431, 'client'],
  response_headers_above_client: [GrpcStatus.RESOURCE_EXHAUSTED, 502, 'client'],
  request_headers_too_large: [GrpcStatus.RESOURCE_EXHAUSTED, 431, 'client'],
  draining: [GrpcStatus.UNAVAILABLE, 503, 'proxy'],
  client_stalled: [GrpcStatus.RESOURCE_EXHAUSTED, 408, 'client'],
  memory_pressure: [GrpcStatus.RESOURCE_EXHAUSTED, 503, 'proxy'],
  too_many_cancelled_calls: [GrpcStatus.RESOURCE_EXHAUSTED, 429, 'client'],
  policy_unanswered: [GrpcStatus.UNAVAILABLE, 503, 'policy'],
  too_many_faulty_calls: [GrpcStatus.RESOURCE_EXHAUSTED, 429, 'client'],
  idle_gave_way: [GrpcStatus.RESOURCE_EXHAUSTED, 503, 'client'],
  stream_too_old: [GrpcStatus.UNAVAILABLE, 503, 'proxy'],
  stream_rebalanced: [GrpcStatus.UNAVAILABLE, 503, 'proxy'],
  credentials_missing: [GrpcStatus.UNAUTHENTICATED, 401, 'policy'],
  credentials_invalid: [GrpcStatus.UNAUTHENTICATED, 401, 'policy'],
  credentials_expired: [GrpcStatus.UNAUTHENTICATED, 401, 'policy'],
  verification_limited: [GrpcStatus.UNAUTHENTICATED, 401, 'policy'],
  keys_unavailable: [GrpcStatus.UNAVAILABLE, 503, 'proxy'],
  call_limit: [GrpcStatus.RESOURCE_EXHAUSTED, 429, 'policy'],
  message_limit: [GrpcStatus.RESOURCE_EXHAUSTED, 429, 'policy'],
  byte_limit: [GrpcStatus.RESOURCE_EXHAUSTED, 429, 'policy'],
  message_too_large: [GrpcStatus.RESOURCE_EXHAUSTED, 413, 'policy'],
  access_denied: [GrpcStatus.PERMISSION_DENIED, 403, 'policy'],
  authorization_denied: [GrpcStatus.PERMISSION_DENIED, 403, 'policy'],
  authorizer_unavailable: [GrpcStatus.UNAVAILABLE, 503, 'policy'],
  limit_service_unavailable: [GrpcStatus.UNAVAILABLE, 503, 'policy'],
  limit_store_unavailable: [GrpcStatus.UNAVAILABLE, 503, 'policy'],
  fault_injected: [GrpcStatus.UNAVAILABLE, 503, 'policy'],
  upstream_connection_lost: [GrpcStatus.UNAVAILABLE, 502, 'endpoint'],
  attempt_timeout: [GrpcStatus.UNAVAILABLE, 504, 'policy'],
  request_idle: [GrpcStatus.UNAVAILABLE, 408, 'client'],
  response_idle: [GrpcStatus.UNAVAILABLE, 504, 'policy'],
  upstream_protocol_error: [GrpcStatus.INTERNAL, 502, 'endpoint'],
  upstream_headers_too_large: [GrpcStatus.RESOURCE_EXHAUSTED, 502, 'endpoint'],
  upstream_no_grpc_status: [GrpcStatus.UNKNOWN, 502, 'endpoint'],
} as const satisfies Record<string, readonly [grpcStatus: number, httpStatus: number, source: FailureSource]>;

/** Failures of endpoints that another attempt may avoid. The others would come again, or leave no time. */
const RETRYABLE: ReadonlySet<string> = new Set([
  'upstream_connection_lost',
  'attempt_timeout',
  'upstream_protocol_error',
  'upstream_no_grpc_status',
]);

export function failure(token: keyof typeof STATUSES, message: string): Failure {
  const [grpcStatus, httpStatus, source] = STATUSES[token];
  return { token, source, isRetryable: RETRYABLE.has(token), grpcStatus, httpStatus, message };
}

/** gRPC clients read a wait of more than 32 bits as none at all. */
const LONGEST_WAIT_MS = 0x7fff_ffff;

/**
 * A wait as clients are told it. gRPC clients end a call with INTERNAL, or never try again, if the wait is no whole number (gRPC proposal
 * A6).
 */
export function wholeWaitMs(waitMs: number): number {
  return Math.min(Math.max(0, Math.ceil(waitMs)), LONGEST_WAIT_MS);
}

/** @returns the `reason` for the record of the exchange */
export function reasonOf({ token, message, onlyForLog = '' }: Failure): string {
  return `${token}: ${message}${onlyForLog}`;
}

/** Diagnoses of an upstream that are not its endpoints' doing. */
const OF_THE_PROXY: ReadonlySet<string> = new Set([
  'upstream_queue_full',
  'upstream_streams_full',
  'upstream_closed',
]);

/** There is no connection to the upstream, or no response from it. */
export function unavailable(diagnosis: Diagnosis, httpStatus = 503): Failure {
  const isOfProxy = OF_THE_PROXY.has(diagnosis.token);
  return {
    token: diagnosis.token,
    source: isOfProxy ? 'proxy' : 'endpoint',
    isRetryable: !isOfProxy,
    grpcStatus: GrpcStatus.UNAVAILABLE,
    httpStatus,
    message: diagnosis.sentence,
    ...(diagnosis.token.endsWith('_full') ? { retryAfterMs: retryAfterMs() } : {}),
  };
}

export function requestTrailersTooLarge(mostBytes: number, mostFields: number): Failure {
  return failure(
    'request_headers_too_large',
    `The request's trailers are larger than this proxy accepts: ${mostBytes} bytes and ${mostFields} fields (limits.headerListSize, limits.headerFields).`,
  );
}

/** @param key the header field or the key of the configuration that has set the deadline */
export function deadlineExceeded(timeoutMs: number | undefined, key = 'grpc-timeout'): Failure {
  const of = timeoutMs === undefined ? '' : ` of ${limitText(timeoutMs)}`;
  return failure('deadline_exceeded', `The call's deadline${of} passed (${key}).`);
}

export function requestIdle(idleMs: number): Failure {
  return failure(
    'request_idle',
    `The client sent nothing of this request for ${idleMs / 1000} s (timeouts.idle of the route).`,
  );
}

export function responseIdle(endpoint: string, idleMs: number): Failure {
  return failure(
    'response_idle',
    `${endpoint} sent nothing of its response for ${idleMs / 1000} s (timeouts.idle of the route).`,
  );
}

/** @param heldBytes how many bytes the stalled responses of one connection may hold together */
export function clientStalled(timeoutMs: number, heldBytes: number): Failure {
  return failure(
    'client_stalled',
    `The client took less than 4 KiB of this response in ${timeoutMs / 1000} s (limits.stallTimeout), and more than ${heldBytes} bytes wait for it on this connection (limits.stalledResponses): read the responses of all calls, or cancel them.`,
  );
}

export function requestStalled(upstream: string, timeoutMs: number): Failure {
  return failure(
    'client_stalled',
    `The client sent or took less than 4 KiB of this request in ${timeoutMs / 1000} s (limits.stallTimeout) while others waited for a connection to upstream ${upstream} (connections.max).`,
  );
}

export function clientTookNothing(timeoutMs: number): Failure {
  return failure(
    'client_stalled',
    `The client took nothing for ${timeoutMs / 1000} s (limits.stallTimeout).`,
  );
}

export function tooManyCancelled(count: number): Failure {
  return failure(
    'too_many_cancelled_calls',
    `${count} calls that this client has cancelled still run at their services, which would give up their connections if all were reset at once; let calls end, or call again in a few seconds.`,
  );
}

export function tooManyFaults(upstream: string): Failure {
  return failure(
    'too_many_faulty_calls',
    `Upstream ${upstream} has found fault with too many calls of this client (PROTOCOL_ERROR and the like); correct the requests, and call again in a few seconds.`,
  );
}

/** @param key the key of the policy in the configuration */
export function policyUnanswered(key: string, timeoutMs: number): Failure {
  return failure(
    'policy_unanswered',
    `This route's ${key} asks another service whether the call may pass, and had no answer in ${timeoutMs / 1000} s; call again, and have that service looked at.`,
  );
}

/** @param idleMs how long next to nothing was sent in either direction */
export function idleGaveWay(idleMs: number): Failure {
  return failure(
    'idle_gave_way',
    `Next to nothing was sent in ${idleMs / 1000} s (limits.stallTimeout) while others waited for a place at this upstream, of which this client's address holds the most; call again when there is something to send.`,
  );
}

export function streamTooOld(upstream: string, maxAgeMs: number): Failure {
  return failure(
    'stream_too_old',
    `Streams of upstream ${upstream} end after ${maxAgeMs / 1000} s, 10 % more or less (streams.maxAge), so that they spread over its endpoints; open the stream again.`,
  );
}

export function streamRebalanced(upstream: string): Failure {
  return failure(
    'stream_rebalanced',
    `An endpoint of upstream ${upstream} has joined or come back, and this was one of the oldest streams at another that has more than its share (streams.rebalance); open the stream again.`,
  );
}

/** The delay is random for each call, so that clients that were refused together do not return together. */
const LEAST_RETRY_MS = 1000;
const MOST_RETRY_MS = 2000;

function retryAfterMs(random: () => number = Math.random): number {
  return LEAST_RETRY_MS + Math.floor(random() * (MOST_RETRY_MS - LEAST_RETRY_MS));
}

export function memoryPressure(random: () => number = Math.random): Failure {
  const waitMs = retryAfterMs(random);
  const message = `The proxy has no memory for another call now (limits.memory); call again in ${waitMs} ms.`;
  return { ...failure('memory_pressure', message), retryAfterMs: waitMs };
}

export function connectionLost(endpoint: string, reason: string): Failure {
  return failure(
    'upstream_connection_lost',
    `The connection to ${endpoint} was lost during the call: ${reason}.`,
  );
}

export function attemptTimedOut(endpoint: string, limitMs: number): Failure {
  return failure(
    'attempt_timeout',
    `${endpoint} has not responded in ${limitText(limitMs)} (retry.perTry of the route).`,
  );
}

export function upstreamBrokeRule(endpoint: string, violation: string): Failure {
  if (violation.endsWith('_too_large')) {
    return failure(
      'upstream_headers_too_large',
      `${endpoint} answered with header fields or trailers larger than this proxy accepts (${violation}); let the service send less, or raise limits.headerListSize and limits.headerFields.`,
    );
  }
  return failure('upstream_protocol_error', `${endpoint} broke a rule of HTTP/2 (${violation}).`);
}

/** @param mostBytes the limit that the endpoint has announced (RFC 9113 section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE) */
export function requestAboveUpstream(endpoint: string, mostBytes: number): Failure {
  return failure(
    'request_headers_above_upstream',
    `The request's header fields, with those that describe the client, are larger than ${endpoint} accepts: ${mostBytes} bytes (SETTINGS_MAX_HEADER_LIST_SIZE). Send less metadata, or raise the limit of the service.`,
  );
}

/** @param mostBytes the limit that the client has announced */
export function responseAboveClient(endpoint: string, mostBytes: number): Failure {
  return failure(
    'response_headers_above_client',
    `${endpoint} answered with header fields or trailers larger than this client accepts: ${mostBytes} bytes (SETTINGS_MAX_HEADER_LIST_SIZE). Let the service send less, or raise the limit of the client.`,
  );
}

/** A service refused a request that is not a gRPC call, without an explanation, as gRPC services do. */
export function refusedHttp(endpoint: string, what: string, httpStatus: number, remedy: string): Failure {
  return {
    token: 'upstream_refused_http',
    source: 'client',
    isRetryable: false,
    grpcStatus: GrpcStatus.UNIMPLEMENTED,
    httpStatus,
    message: `${endpoint} ${what}, as gRPC services do with requests that are no gRPC calls. ${remedy}`,
  };
}

export function noGrpcStatus(endpoint: string, what: string): Failure {
  return failure('upstream_no_grpc_status', `${endpoint} ${what}.`);
}

/** The endpoint answered a gRPC call with plain HTTP (gRPC document "HTTP to gRPC Status Code Mapping"). */
export function notGrpc(endpoint: string, httpStatus: number, contentType: string): Failure {
  const type = contentType === '' ? 'no content-type' : `content-type ${contentType.slice(0, 64)}`;
  return {
    token: 'upstream_not_grpc',
    source: 'endpoint',
    isRetryable: true,
    grpcStatus: grpcStatusOfHttpStatus(httpStatus),
    httpStatus: 502,
    message: `${endpoint} answered this gRPC call with HTTP ${httpStatus} and ${type} instead of gRPC; is it a gRPC service?`,
  };
}
