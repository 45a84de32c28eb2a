// What it means that a stream stayed open, was cut, or was never held, for the hop by which it was opened.

import { type Finding, failed, note, ok, quoted, unexamined } from './finding.ts';
import type { HoldResult } from './hold-stream.ts';
import type { Hop, Way } from './hold-ways.ts';
import { explainAnswer } from './proxy-answer.ts';
import { PEER_NOT_VERIFIED } from './secret-fields.ts';

export type Ended = Extract<HoldResult, { readonly outcome: 'ended' }>;
/** A stream that has had no connection or no time, so that its method may last all the same. */
export type Unreached = Extract<HoldResult, { readonly outcome: 'no-connection' | 'given-up' }>;

export interface Held {
  readonly seconds: number;
  /** Of the service, for reading. */
  readonly stream: string;
  /** Whether the method was named by the user. */
  readonly isNamed: boolean;
  /** What became of the stream that was opened directly. Undefined if none was. */
  readonly direct: HoldResult | undefined;
}

const NAME_ONE = 'name a method whose requests are a stream: --method /package.Service/Method';

/** Statuses by which a server says that it does not take the call, whenever it says so. */
const REFUSALS: ReadonlySet<string> = new Set([
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'INVALID_ARGUMENT',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
]);
const REQUEST_TIMEOUT = 408;
const GATEWAY_TIMEOUT = 504;

/** Whether the call was not taken, so that no stream was held. A stream that ended later, or by a timeout, was cut. */
export function isRefused({ answer: { httpStatus, grpcStatus } }: Ended): boolean {
  if (grpcStatus !== '') return REFUSALS.has(grpcStatus);
  return httpStatus >= 300 && httpStatus !== REQUEST_TIMEOUT && httpStatus !== GATEWAY_TIMEOUT;
}

export function judgeHeld({ hop, name, path }: Way, result: HoldResult, held: Held): Finding {
  if (result.outcome === 'open') return ok(`${name}: still open after ${held.seconds} s (${held.stream})`);
  if (result.outcome !== 'ended') return unreachedBy(name, result);
  if (isRefused(result)) return refusedBy(hop, name, path, result, held);
  return cutBy(hop, name, result, held);
}

/** Whether the service can be reached is for other checks to judge: no stream was cut where none was opened. */
export function unreachedBy(name: string, result: Unreached): Finding {
  if (result.outcome === 'given-up')
    return unexamined(
      `${name}: given up before the time was over, so nothing was seen`,
      'run it alone: --only hold',
    );
  if (result.failure === PEER_NOT_VERIFIED)
    return unexamined(
      `${name}: no stream was opened: ${result.reason}`,
      'fix what the checks of its certificate name; a proxy has to be reloaded after its certificate was renewed',
    );
  const why = quoted(result.reason ?? result.failure, 200);
  return unexamined(
    `${name}: no stream could be opened, as there was no connection (${why})`,
    'framegate doctor without --only says why',
  );
}

/** @param path as the hop was called */
function refusedBy(hop: Hop, name: string, path: string, { how, answer }: Ended, held: Held): Finding {
  const text = `${name}: nothing was held, as ${path} was refused (${how})`;
  if (hop === 'service' || !held.isNamed) return unexamined(text, NAME_ONE);
  if (hop === 'proxy')
    return failed(text, 'a policy of the route or its upstream refuses it: the log of the proxy says which');
  const cause = explainAnswer(answer, path, name.slice(3));
  return failed(text, cause?.remedy ?? 'find what refuses the call there', cause?.token);
}

function cutBy(hop: Hop, name: string, { afterMs, how }: Ended, held: Held): Finding {
  const { direct, stream } = held;
  const after = `${name}: cut after ${(afterMs / 1000).toFixed(1)} s (${how}; ${stream})`;
  if (hop === 'service') {
    return failed(
      `${after}, by the service itself`,
      'look for a limit of idle or of age in the service (grpcio: grpc.max_connection_age_ms, grpc.max_connection_idle_ms)',
    );
  }
  if (direct?.outcome === 'ended' && direct.afterMs <= afterMs + 1000) return note(`${after}, as directly`);
  if (hop === 'proxy' && direct?.outcome === 'no-connection')
    return unexamined(`${after}; the service cannot be reached directly either`);
  const isKept = direct?.outcome === 'open' || direct?.outcome === 'ended';
  const comparison = isKept ? ', while it stayed open directly' : '';
  if (hop === 'proxy') {
    return failed(
      `${after}${comparison}`,
      'look at timeouts.idle, timeouts.deadline and streams.maxAge in the configuration',
    );
  }
  return failed(`${after}${comparison}`, remedyFor(afterMs / 1000, name.slice(3)));
}

/** Defaults of what is often in front of a service, by the time after which they cut. */
function remedyFor(seconds: number, target: string): string {
  const near = (wanted: number): boolean => Math.abs(seconds - wanted) <= Math.max(1.5, wanted * 0.02);
  if (near(60))
    return `60 s is nginx's default for grpc_read_timeout, grpc_send_timeout, client_body_timeout and send_timeout: set them to 24h at ${target}; also that of many load balancers`;
  if (near(15))
    return `15 s is Envoy's default for the timeout of a route: timeout: 0s for routes with streams at ${target}`;
  if (near(300)) return `5 min is Envoy's default for stream_idle_timeout: set it to 0s at ${target}`;
  if (seconds < 1) return `find what ends the stream at once at ${target}: its log says why`;
  return `look for a timeout of ${Math.round(seconds)} s at ${target}: grpc_read_timeout, grpc_send_timeout and client_body_timeout of nginx, timeout and stream_idle_timeout of Envoy`;
}
