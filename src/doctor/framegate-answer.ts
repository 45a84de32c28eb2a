// Recognises what a Framegate answers itself, in place of a service: its sentence ends with the code of a page. It may be the target, or a
// proxy in front of it or behind it.

import { diagnosisCodes } from '../diagnosis/codes.ts';

/** The end of each sentence that a proxy tells a client itself, if it has a page. */
export const CODE_AT_END = / \((FG\d{4})\)$/;

const TOKENS: ReadonlyMap<string, string> = new Map(
  Array.from(diagnosisCodes, ([token, code]) => [code, token]),
);

/** Refusals that say what becomes of one path, and not whether calls of other paths reach their services. */
const OF_PATH_ALONE: ReadonlySet<string> = new Set([
  'no_route',
  'content_type_refused',
  'upstream_refused_http',
  'upstream_no_grpc_status',
  'upstream_not_grpc',
]);

export const GIVE_CREDENTIALS =
  'give the doctor credentials that may make this call: --header NAME:VALUE, or --cert FILE and --key FILE';

/** @returns the token of the refusal that a Framegate told by this grpc-message. Undefined if it is the message of a service */
export function ownTokenIn(grpcMessage: string): string | undefined {
  const code = CODE_AT_END.exec(grpcMessage)?.[1];
  return code === undefined ? undefined : TOKENS.get(code);
}

/** Whether a Framegate answered, and its answer says nothing of other paths. */
export function isRefusalOfPathAlone(grpcMessage: string): boolean {
  const token = ownTokenIn(grpcMessage);
  return token !== undefined && OF_PATH_ALONE.has(token);
}

/**
 * @returns what would let the call through, if a policy of a Framegate refused it, which is no fault of the way to the service. Undefined
 *   for every other answer
 */
export function remedyForPolicy(grpcMessage: string): string | undefined {
  switch (ownTokenIn(grpcMessage)) {
    case 'credentials_missing':
    case 'access_denied':
    case 'authorization_denied':
      return GIVE_CREDENTIALS;
    case 'call_limit':
      return 'a limit has nothing left for this client: try again later';
    case 'fault_injected':
      return 'remove the fault of the route to examine it';
    default:
      return undefined;
  }
}
