// How a connection to an endpoint ends: what the endpoint says when it gives the connection up, what made us end it, and why its calls end.

import { connectionLost, type Failure, unavailable } from '../../calls/failure.ts';
import { diagnoseConnectFailure } from '../../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import type { Connection } from '../../h2/connection.ts';
import { ErrorCode, errorCodeName } from '../../h2/error-codes.ts';
import { INTERNAL_ERROR } from '../../h2/errors.ts';

/** The HTTP status for calls that an endpoint has stopped answering. */
const GATEWAY_TIMEOUT = 504;
/** The debug data of gRPC servers whose limit for PINGs was exceeded. */
const TOO_MANY_PINGS = 'too_many_pings';

/** @param debug the debug data of GOAWAY */
export function saysTooManyPings(debug: string): boolean {
  return debug === TOO_MANY_PINGS;
}

/** @returns 'GOAWAY', 'GOAWAY INTERNAL_ERROR: …' */
export function describeGoAway(code: number, debug: string): string {
  const name = code === ErrorCode.NO_ERROR ? '' : ` ${errorCodeName(code)}`;
  return `GOAWAY${name}${debug === '' ? '' : `: ${debug}`}`;
}

/** @returns what the endpoint did, if that made us end the connection. Undefined if it is open, ended otherwise, or after a fault of ours */
export function diagnoseViolation({ ownError }: Connection, endpoint: string): Diagnosis | undefined {
  if (ownError === undefined || ownError.token === INTERNAL_ERROR) return undefined;
  return diagnoseConnectFailure('violation', endpoint, { reason: ownError.message });
}

/** @param silence why the connection was given up, if the endpoint went silent */
export function lostWith(endpoint: string, silence: Diagnosis | undefined, reason: string): Failure {
  return silence === undefined ? connectionLost(endpoint, reason) : unavailable(silence, GATEWAY_TIMEOUT);
}
