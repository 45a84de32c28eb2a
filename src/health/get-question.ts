// Asks for health by GET over HTTP/2, which must be answered 200.

import { HeaderList } from '../h2/hpack/header-list.ts';
import type { Http2Target } from './endpoint-access.ts';
import type { Answers, Question } from './http2-probe.ts';
import { remedyOfStatus, shownGet } from './predicate.ts';
import { type CallEnd, ProbeCall } from './probe-call.ts';
import type { ProbeConnection } from './probe-connection.ts';

/** The body is read no further than this. */
const MOST_BODY_BYTES = 65_536;

export class GetQuestion implements Question {
  readonly method: string;
  readonly waitsFor: string;
  readonly #path: string;
  readonly #target: Http2Target;
  readonly #answers: Answers;
  #call: ProbeCall | undefined = undefined;

  constructor(target: Http2Target, path: string, answers: Answers) {
    this.method = shownGet(path);
    this.waitsFor = `the answer to ${this.method}`;
    this.#path = path;
    this.#target = target;
    this.#answers = answers;
  }

  ask(connection: ProbeConnection): void {
    let left = MOST_BODY_BYTES;
    const call = new ProbeCall({
      onBytes: ({ length }) => {
        left -= length;
        return left < 0 ? `more than ${MOST_BODY_BYTES} bytes in answer to ${this.method}` : undefined;
      },
      onEnd: (end) => this.#ended(end),
    });
    this.#call = call;
    const list = new HeaderList();
    list.add(':method', 'GET');
    list.add(':scheme', this.#target.scheme);
    list.add(':path', this.#path);
    list.add(':authority', this.#target.authority);
    list.add('user-agent', 'framegate-health');
    call.begin(connection, list, undefined);
  }

  #ended(end: CallEnd): void {
    this.#call = undefined;
    if (end.kind === 'http' && end.httpStatus === 200) this.#answers.passed();
    else {
      const httpStatus = end.kind === 'http' ? end.httpStatus : 0;
      const predicate = predicateOf(this.method, end);
      this.#answers.failed({ predicate, isAnswer: false, remedy: remedyOfStatus(httpStatus) });
    }
  }

  onCaughtUp(): void {}

  reset(): void {
    this.#call?.cancel();
    this.#call = undefined;
  }
}

function predicateOf(method: string, end: CallEnd): string {
  if (end.kind === 'fault') return end.fault;
  const answer = end.kind === 'http' ? `${end.httpStatus}` : `with the gRPC status ${end.grpcStatus}`;
  return `answered ${method} ${answer}, not 200`;
}
