// Which diagnosis of a proxy an answer through it is. It tells a refusal of the proxy from a status of the service, whose message may be
// any text.

import { quoted } from './finding.ts';
import type { CallAnswer, CallWay } from './grpc-call.ts';
import type { SeenDiagnosis } from './running-proxy.ts';
import { NO_SECRET_FIELDS } from './secret-fields.ts';

const MOST_CHARACTERS = 4096;

type Said = Pick<CallAnswer, 'grpcStatus' | 'grpcMessage'>;

/**
 * @param through the answer of the call through the proxy
 * @param directly the answer of the same call without the proxy
 * @returns the token of the newest diagnosis that says this. Undefined if the answer is not of the proxy
 */
export function tokenOfAnswer(
  { through, directly }: { readonly through: Said; readonly directly: Said },
  diagnoses: readonly Pick<SeenDiagnosis, 'token' | 'sentence'>[],
  { credentials = NO_SECRET_FIELDS }: Pick<CallWay, 'credentials'>,
): string | undefined {
  const { grpcStatus, grpcMessage } = through;
  // What the service says itself is not of the proxy, although a proxy may say the same.
  const isOfService = directly.grpcStatus === grpcStatus && directly.grpcMessage === grpcMessage;
  if (grpcMessage === '' || isOfService) return undefined;
  return diagnoses.find(({ sentence }) =>
    isWhole(grpcMessage, quoted(credentials.hide(sentence), MOST_CHARACTERS)),
  )?.token;
}

/**
 * Whether a client was told all that a diagnosis says, but for the sentences at its end that are for the log alone. What an authorizer or
 * a rate limit service has said to the client may have no full stop, and then gets one in the log.
 */
function isWhole(said: string, sentence: string): boolean {
  if (!sentence.startsWith(said)) return false;
  const rest = sentence.slice(said.length);
  return rest === '' || rest.startsWith(/[.!?]$/.test(said) ? ' ' : '. ');
}
