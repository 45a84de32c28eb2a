// Compares the answer of a service to the same call directly and through the proxy in front of it.

import { type Finding, failed, note, ok, took, warning } from './finding.ts';
import { type CallAnswer, describeAnswer } from './grpc-call.ts';
import { explainMissingAnswer } from './missing-answer.ts';

export interface Comparison {
  /** 'through the proxy', 'through TARGET' */
  readonly way: string;
  /** As clients call it. */
  readonly path: string;
  readonly direct: CallAnswer;
  readonly through: CallAnswer;
  /** Where the service was called directly. */
  readonly endpoint: string;
}

/** Fields that belong to the connection or to the moment. */
const UNIMPORTANT = new Set([':status', 'date', 'server', 'content-length', 'connection', 'keep-alive']);

/** @param explain finds the cause of an answer that differs */
export function compareAnswers(
  { way, path, direct, through, endpoint }: Comparison,
  explain: (through: CallAnswer) => Finding | undefined,
): readonly Finding[] {
  const isSame = direct.grpcStatus === through.grpcStatus && direct.grpcMessage === through.grpcMessage;
  const both = `${path} directly: ${describeAnswer(direct)}; ${way}: ${describeAnswer(through)}`;
  if (!isSame || through.grpcStatus === '') {
    if (isSame && direct.httpStatus === through.httpStatus && direct.httpStatus !== 0) return [note(both)];
    const cause = explain(through);
    return cause === undefined ? [judgeDifference(both, direct, through, endpoint)] : [cause, note(both)];
  }
  const times = `directly ${took(direct.durationMs)}, ${way} ${took(through.durationMs)}`;
  return [
    ok(`${path} gets the same answer: ${describeAnswer(direct)}; ${times}`),
    ...compareFields(way, direct, through),
  ];
}

/** Says whose fault it is: of the service, which does not answer directly either, or of what is in between. */
function judgeDifference(both: string, direct: CallAnswer, through: CallAnswer, endpoint: string): Finding {
  const ofService = explainMissingAnswer(direct, both, endpoint);
  if (ofService !== undefined) return ofService;
  return explainMissingAnswer(through, both, endpoint) === undefined
    ? failed(both, 'the same call gets another answer; find what answers in between')
    : failed(both, 'the service answers; find what keeps the call, or its answer, in between');
}

/** Without a message the trailers may be in the header block (Trailers-Only). */
function fieldsOf({ headerNames, trailerNames }: CallAnswer): ReadonlySet<string> {
  return new Set([...headerNames, ...trailerNames].filter((name) => !UNIMPORTANT.has(name)));
}

function compareFields(way: string, direct: CallAnswer, through: CallAnswer): readonly Finding[] {
  const [before, after] = [fieldsOf(direct), fieldsOf(through)];
  const lost = [...before].filter((name) => !after.has(name));
  const added = [...after].filter((name) => !before.has(name));
  return [
    ...(lost.length === 0
      ? []
      : [
          warning(
            `${way} the response lacks ${lost.join(', ')}`,
            'let it pass all header fields and trailers on',
          ),
        ]),
    ...(added.length === 0 ? [] : [note(`${way} the response has also ${added.join(', ')}`)]),
  ];
}
