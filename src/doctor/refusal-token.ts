// Which diagnosis of a proxy an answer through it is. It tells a refusal of the proxy from an answer of the service, whose status may be
// the same, and whose text may be any.

import { diagnosisCodes } from '../diagnosis/codes.ts';
import { quoted } from './finding.ts';
import { CODE_AT_END } from './framegate-answer.ts';
import { type CallAnswer, type CallWay, MOST_MESSAGE_CHARACTERS } from './grpc-call.ts';
import type { SeenDiagnosis } from './running-proxy.ts';
import { NO_SECRET_FIELDS } from './secret-fields.ts';

/** The end of a sentence that the proxy has cut, which it does far behind this many characters. */
const CUT = '…';
const LEAST_CUT = 256;

type Said = Pick<CallAnswer, 'grpcStatus' | 'grpcMessage'>;
type Seen = Pick<SeenDiagnosis, 'token' | 'sentence'>;

/**
 * @param through the answer of the call through the proxy
 * @param directly the answer of the same call without the proxy
 * @returns the token of the newest diagnosis that says this. Undefined if the answer is not of the proxy
 */
export function tokenOfAnswer(
  { through, directly }: { readonly through: Said; readonly directly: Said },
  diagnoses: readonly Seen[],
  { credentials }: Pick<CallWay, 'credentials'>,
): string | undefined {
  const { grpcStatus, grpcMessage } = through;
  // What the service says itself is not of the proxy, although a proxy may say the same.
  const isOfService = directly.grpcStatus === grpcStatus && directly.grpcMessage === grpcMessage;
  return isOfService ? undefined : tokenOfText(grpcMessage, diagnoses, { credentials });
}

/**
 * @param text of an answer, as `quoted` gives it
 * @param diagnoses of the proxy, the newest first
 * @returns the token of the newest diagnosis that the text tells a client. A text without the code of a page is an older proxy's, or what an
 *   authorizer or a rate limit service has written
 */
export function tokenOfText(
  text: string,
  diagnoses: readonly Seen[],
  { credentials = NO_SECRET_FIELDS }: Pick<CallWay, 'credentials'>,
): string | undefined {
  const code = CODE_AT_END.exec(text)?.[1];
  const said = text.replace(CODE_AT_END, '');
  if (said === '') return undefined;
  return diagnoses.find(({ token, sentence }) => {
    if (code !== undefined && code !== diagnosisCodes.get(token)) return false;
    const known = quoted(credentials.hide(sentence), MOST_MESSAGE_CHARACTERS);
    const isCut = known.length > LEAST_CUT && known.endsWith(CUT);
    return (isCut && said.startsWith(known.slice(0, -1))) || isWhole(said, known);
  })?.token;
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
