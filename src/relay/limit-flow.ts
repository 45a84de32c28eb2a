// Puts both directions of an exchange under the limits of its route.

import type { Failure } from '../calls/failure.ts';
import { type DirectionLimits, type FlowLimits, type SizeLimit, UNLIMITED } from '../calls/flow-limits.ts';
import { FlowGate } from './flow-gate.ts';
import type { PacedTimes } from './paced-time.ts';
import type { StreamRelay } from './stream-relay.ts';
import type { TokenLines } from './token-lines.ts';

/** The exchange. */
export interface LimitedCall {
  readonly subject: { readonly isGrpc: boolean };
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  /** More of the request may be sent on. */
  requestWritable(): void;
  /** More of the response may be sent on. */
  onWritable(): void;
  /** A limit ends the call. */
  exceeded(cause: Failure): void;
  fault(error: unknown): void;
}

/** Call this before anything of the call is sent on. @returns how long limits hold back the call. Undefined if none can pace it */
export function limitFlow(
  call: LimitedCall,
  limits: readonly FlowLimits[],
  lines: TokenLines,
): PacedTimes | undefined {
  const request = merged(limits.map((one) => one.request));
  const requestGate = gateOf(call, request, lines, () => call.requestWritable());
  if (requestGate !== undefined) call.request.limit(requestGate);
  const response = merged(limits.map((one) => one.response));
  const responseGate = gateOf(call, response, lines, () => call.onWritable());
  if (responseGate !== undefined) call.response.limit(responseGate);
  const paced = { request: requestGate?.pacedTime, response: responseGate?.pacedTime };
  return paced.request === undefined && paced.response === undefined ? undefined : paced;
}

function gateOf(
  call: LimitedCall,
  limits: DirectionLimits,
  lines: TokenLines,
  resume: () => void,
): FlowGate | undefined {
  // No gate is made for a direction that nothing limits.
  if (limits === UNLIMITED) return undefined;
  const gate = new FlowGate(limits, call.subject.isGrpc, lines, {
    resume,
    exceeded: (cause) => call.exceeded(cause),
    fault: (error) => call.fault(error),
  });
  return gate.isIdle ? undefined : gate;
}

function merged(limits: readonly DirectionLimits[]): DirectionLimits {
  // Nearly always there is one policy with limits.
  if (limits.length === 1) return limits[0];
  return {
    rates: limits.flatMap(({ rates }) => rates),
    messageSize: smallest(limits.map(({ messageSize }) => messageSize)),
    bodySize: smallest(limits.map(({ bodySize }) => bodySize)),
    triedSizes: limits.flatMap(({ triedSizes = [] }) => triedSizes),
  };
}

function smallest(limits: readonly (SizeLimit | undefined)[]): SizeLimit | undefined {
  let least: SizeLimit | undefined;
  for (const limit of limits)
    if (limit !== undefined && !(limit.mostBytes >= (least?.mostBytes ?? Number.POSITIVE_INFINITY)))
      least = limit;
  return least;
}
