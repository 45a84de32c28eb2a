// The `fault` of a route: delays, aborts or resets calls on purpose, so that clients and services can be tested.

import { type Failure, failure } from '../calls/failure.ts';
import type { DirectionLimits, FlowLimits } from '../calls/flow-limits.ts';
import type { InjectedFault } from '../calls/injected-fault.ts';
import type { AdmittedCall, PendingQuestion, Policy, Questioner, StreamReset } from '../calls/policy.ts';
import type { FaultAbort, FaultConfig, FaultReset } from '../config/fault-config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import { grpcStatusOfHttpStatus } from '../grpc/http-status-mapping.ts';
import { GrpcStatus } from '../grpc/status.ts';
import type { Allowance } from '../limits/quota-table.ts';
import type { FlowQuotaSource } from '../limits/quotas.ts';

/** What is injected, in this order. */
interface Parts {
  readonly delay: { readonly ms: number; readonly fault: InjectedFault } | undefined;
  readonly abort: { readonly cause: Failure; readonly fault: InjectedFault } | undefined;
  readonly reset: { readonly cause: Failure; readonly after: StreamReset } | undefined;
  readonly throttle: Throttle | undefined;
}

interface Throttle {
  readonly fault: InjectedFault;
  /** @returns the limits of one call */
  limits(): FlowLimits;
}

/** Bytes pass in slices, so that they come evenly and in few frames. */
const SLICE_MS = 20;
const SMALLEST_SLICE_BYTES = 512;
const LARGEST_SLICE_BYTES = 16_384;
/** Timers of the relay may be so late: with a smaller burst less than the rate would pass. */
const BURST_MS = 100;

/** What the policy needs of a call. */
export type FaultedCall = Pick<AdmittedCall, 'trusted' | 'header' | 'noteFault' | 'resetAfter' | 'limitFlow'>;

export interface FaultPolicy extends Policy {
  ask(call: FaultedCall, questioner: Questioner): PendingQuestion | undefined;
}

/** @returns undefined if the route has no `fault` */
export function faultPolicy(
  route: RouteConfig | undefined,
  { quotas }: { readonly quotas: FlowQuotaSource },
): Policy | undefined {
  return route?.fault === undefined ? undefined : injecting(route.fault, quotas);
}

/** @param random returns a number from 0 to 1, never 1 */
export function injecting(
  { share, header, delayMs, abort, resetAfter, throttleBytesPerSecond }: FaultConfig,
  quotas: Pick<FlowQuotaSource, 'streamTokens'>,
  random: () => number = Math.random,
): FaultPolicy {
  const parts: Parts = {
    delay: delayMs === undefined ? undefined : delayOf(delayMs),
    abort: abort === undefined ? undefined : abortOf(abort),
    reset: resetAfter === undefined ? undefined : resetOf(resetAfter),
    throttle: throttleBytesPerSecond === undefined ? undefined : throttleOf(throttleBytesPerSecond, quotas),
  };
  return {
    key: 'fault',
    ...(header === undefined
      ? {}
      : {
          // A proxy behind this one may trust it, and inject faults by the same field.
          decide: (kind, edit) => {
            if (!kind.trusted) edit.remove(header);
            return undefined;
          },
        }),
    ask(call, questioner) {
      if (header !== undefined && !(call.trusted && call.header(header) !== undefined)) return undefined;
      if (share < 1 && random() >= share) return undefined;
      if (parts.delay !== undefined) return delayed(call, parts, parts.delay);
      const refusal = injectAtOnce(call, parts);
      if (refusal !== undefined) questioner.refuse(refusal);
      return undefined;
    },
  };
}

function delayed(
  call: FaultedCall,
  parts: Parts,
  { ms, fault }: NonNullable<Parts['delay']>,
): PendingQuestion {
  call.noteFault(fault);
  return { timeoutMs: ms, cancel: () => undefined, timeOver: () => injectAtOnce(call, parts) };
}

function injectAtOnce(call: FaultedCall, { abort, reset, throttle }: Parts): Failure | undefined {
  if (throttle !== undefined) {
    call.noteFault(throttle.fault);
    call.limitFlow(throttle.limits());
  }
  if (reset !== undefined) call.resetAfter(reset.after, reset.cause);
  if (abort !== undefined) call.noteFault(abort.fault);
  return abort?.cause;
}

function delayOf(ms: number): Parts['delay'] {
  return { ms, fault: { kind: 'delay', text: `delay of ${ms} ms` } };
}

function abortOf(abort: FaultAbort): Parts['abort'] {
  const statuses =
    'grpcStatus' in abort
      ? { grpcStatus: codeOf(abort.grpcStatus), httpStatus: HTTP_STATUSES.get(abort.grpcStatus) ?? 500 }
      : { grpcStatus: grpcStatusOfHttpStatus(abort.httpStatus), httpStatus: abort.httpStatus };
  const written = 'grpcStatus' in abort ? abort.grpcStatus : `HTTP ${abort.httpStatus}`;
  const message = `A fault was injected into this call: it was ended with ${written} (fault.abort of the route). No service has seen it.`;
  return {
    fault: { kind: 'abort', text: `abort with ${written}` },
    cause: { ...failure('fault_injected', message), ...statuses },
  };
}

function throttleOf(bytesPerSecond: number, quotas: Pick<FlowQuotaSource, 'streamTokens'>): Throttle {
  const perMs = bytesPerSecond / 1000;
  const allowance: Allowance = { perMs, burst: Math.max(SMALLEST_SLICE_BYTES, Math.ceil(perMs * BURST_MS)) };
  const sliceBytes = Math.floor(
    Math.min(Math.max(SMALLEST_SLICE_BYTES, perMs * SLICE_MS), LARGEST_SLICE_BYTES),
  );
  const rate = `${Number(bytesPerSecond.toPrecision(5))} bytes in 1 s`;
  const text = `${rate} (fault.throttle of the route)`;
  const direction = (): DirectionLimits => ({
    rates: [
      {
        counts: 'bytes',
        tokens: quotas.streamTokens({ allowance }),
        key: '',
        client: undefined,
        sliceBytes,
        text,
        exceeded: undefined,
      },
    ],
    messageSize: undefined,
    bodySize: undefined,
  });
  return {
    fault: { kind: 'throttle', text: `throttle to ${rate}` },
    limits: () => ({ request: direction(), response: direction() }),
  };
}

function resetOf({ messages, direction }: FaultReset): Parts['reset'] {
  const after = `${messages} ${messages === 1 ? 'message' : 'messages'} of the ${direction}`;
  const message = `A fault was injected into this call: its stream was reset after ${after} (fault.resetAfter of the route).`;
  return {
    after: { messages, direction, fault: { kind: 'reset', text: `reset after ${after}` } },
    // What clients make of a reset with INTERNAL_ERROR.
    cause: { ...failure('fault_injected', message), grpcStatus: GrpcStatus.INTERNAL },
  };
}

const CODES: ReadonlyMap<string, number> = new Map(Object.entries(GrpcStatus));

function codeOf(name: string): number {
  return CODES.get(name) ?? GrpcStatus.UNKNOWN;
}

/** For clients that do not speak gRPC: what google.rpc.Code gives. All others are 500. */
const HTTP_STATUSES: ReadonlyMap<string, number> = new Map([
  ['CANCELLED', 499],
  ['INVALID_ARGUMENT', 400],
  ['DEADLINE_EXCEEDED', 504],
  ['NOT_FOUND', 404],
  ['ALREADY_EXISTS', 409],
  ['PERMISSION_DENIED', 403],
  ['RESOURCE_EXHAUSTED', 429],
  ['FAILED_PRECONDITION', 400],
  ['ABORTED', 409],
  ['OUT_OF_RANGE', 400],
  ['UNIMPLEMENTED', 501],
  ['UNAVAILABLE', 503],
  ['UNAUTHENTICATED', 401],
]);
