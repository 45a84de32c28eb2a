// Puts both directions of an exchange under the limits of its route.

import type { Failure } from '../calls/failure.ts';
import type { DirectionLimits, FlowLimits, SizeLimit } from '../calls/flow-limits.ts';
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
  const owner = {
    exceeded: (cause: Failure) => call.exceeded(cause),
    fault: (error: unknown) => call.fault(error),
  };
  const { isGrpc } = call.subject;
  const request = merged(limits.map((one) => one.request));
  const response = merged(limits.map((one) => one.response));
  const requestGate = new FlowGate(request, isGrpc, lines, {
    ...owner,
    resume: () => call.requestWritable(),
  });
  const responseGate = new FlowGate(response, isGrpc, lines, { ...owner, resume: () => call.onWritable() });
  if (!requestGate.isIdle) call.request.limit(requestGate);
  if (!responseGate.isIdle) call.response.limit(responseGate);
  const paced = { request: requestGate.pacedTime, response: responseGate.pacedTime };
  return paced.request === undefined && paced.response === undefined ? undefined : paced;
}

function merged(limits: readonly DirectionLimits[]): DirectionLimits {
  return {
    rates: limits.flatMap(({ rates }) => rates),
    messageSize: smallest(limits.map(({ messageSize }) => messageSize)),
    bodySize: smallest(limits.map(({ bodySize }) => bodySize)),
  };
}

function smallest(limits: readonly (SizeLimit | undefined)[]): SizeLimit | undefined {
  let least: SizeLimit | undefined;
  for (const limit of limits)
    if (limit !== undefined && !(limit.mostBytes >= (least?.mostBytes ?? Number.POSITIVE_INFINITY)))
      least = limit;
  return least;
}
