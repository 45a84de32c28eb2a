// A small policy for each moment of a call, whose verdict is in the hands of the test.

import type { CallStream } from '../../src/calls/call-stream.ts';
import type { ClientCall, ResponseProgress, Translator } from '../../src/calls/client-call.ts';
import type { Failure } from '../../src/calls/failure.ts';
import type {
  AdmittedCall,
  HeaderEdit,
  LocalDecision,
  PendingQuestion,
  Policy,
  Questioner,
  RequestKind,
  Translation,
} from '../../src/calls/policy.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CLOSED } from './refusing-policy.ts';

/** Refuses requests whose x-role is 'stranger', and tells the service the others' role in a field of its own. */
export class DecidingByRole implements Policy {
  readonly key = 'role';
  readonly reads = ['x-role'];
  /** How often it was asked. */
  asked = 0;

  decide(kind: RequestKind, edit: HeaderEdit): LocalDecision | undefined {
    this.asked++;
    const role = kind.header('x-role') ?? 'nobody';
    if (role === 'stranger') return { kind: 'refuse', failure: CLOSED };
    edit.set('x-decided-role', role);
    edit.remove('x-role');
    return undefined;
  }
}

/** Admits calls and tells the service so, until its verdict is another. */
export class Admitting implements Policy {
  readonly key = 'admitting';
  readonly adds = ['x-admitted'];
  verdict: Failure | undefined = undefined;
  asked = 0;

  admit(call: AdmittedCall): Failure | undefined {
    call.addField('x-admitted', String(++this.asked));
    return this.verdict;
  }
}

/** One question of `Asking`. */
export class OpenQuestion implements PendingQuestion {
  readonly timeoutMs: number;
  readonly call: AdmittedCall;
  cancelled = 0;
  /** It has been answered, in time or not. */
  isAnswered = false;
  /** What never may be: nobody gives up what has its answer. */
  isCancelledAfterAnswer = false;
  readonly #questioner: Questioner;

  constructor(call: AdmittedCall, questioner: Questioner, timeoutMs: number) {
    this.call = call;
    this.#questioner = questioner;
    this.timeoutMs = timeoutMs;
  }

  admit(): void {
    this.isAnswered = true;
    this.#questioner.admit();
  }

  refuse(failure = CLOSED): void {
    this.isAnswered = true;
    this.#questioner.refuse(failure);
  }

  cancel(): void {
    this.cancelled++;
    if (this.isAnswered) this.isCancelledAfterAnswer = true;
  }
}

/** Asks, and is answered by the test, or never. */
export class Asking implements Policy {
  readonly key: string;
  readonly adds = ['x-asked'];
  readonly questions: OpenQuestion[] = [];
  timeoutMs = 60_000;
  /** What becomes of a question before `ask` returns. */
  atOnce: (question: OpenQuestion) => void = () => undefined;

  constructor(key = 'asking') {
    this.key = key;
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion {
    const question = new OpenQuestion(call, questioner, this.timeoutMs);
    this.questions.push(question);
    this.atOnce(question);
    return question;
  }
}

/** Names the proxy in each response, and hides the service. */
export class Responding implements Policy {
  readonly key = 'responding';
  asked = 0;

  respond(_fields: HeaderList, edit: HeaderEdit): void {
    this.asked++;
    edit.set('x-proxy', 'here');
    edit.remove('x-service');
  }
}

/** Calls to its paths reach the service in capital letters, and the answers come back in small ones. */
export class Shouting implements Policy {
  readonly key = 'shouting';

  translate(kind: RequestKind): Translation | undefined {
    return kind.path.startsWith('/shout/') ? SHOUTED : undefined;
  }
}

const SHOUTED: Translation = {
  isGrpc: false,
  requestFields: (list) => list,
  begin: (stream, onDone) => new ShoutingTranslator(stream, onDone),
};

/** Byte for byte, so that it never holds anything: what the client's stream does not take is not taken. */
class ShoutingTranslator implements Translator {
  readonly #stream: CallStream;
  readonly #onDone: () => void;
  #call: ClientCall | undefined = undefined;

  constructor(stream: CallStream, onDone: () => void) {
    this.#stream = stream;
    this.#onDone = onDone;
  }

  get translated(): ClientCall | undefined {
    return this.#call;
  }

  get response(): ResponseProgress {
    return this.#call?.response ?? { bytes: 0, pendingBytes: 0 };
  }

  get sentStatus(): number | undefined {
    return this.#stream.sentStatus;
  }

  serve(call: ClientCall): void {
    this.#call = call;
  }

  start(endStream: boolean): void {
    this.#call?.start(endStream);
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const loud = Buffer.from(bytes.toString('latin1', start, end).toUpperCase(), 'latin1');
    this.#call?.onData(loud, 0, loud.length, endStream);
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const quiet = Buffer.from(bytes.toString('latin1', start, end).toLowerCase(), 'latin1');
    return this.#stream.sendData(quiet, 0, quiet.length, endStream);
  }

  sendHeaders(list: HeaderList, endStream: boolean): boolean {
    return this.#stream.sendHeaders(list, endStream);
  }

  reset(code: number): boolean {
    return this.#stream.reset(code);
  }

  credit(size: number): void {
    this.#stream.credit(size);
  }

  abort(cause: Failure): void {
    this.#call?.abort(cause);
  }

  exchangeFinished(): void {
    this.#onDone();
  }

  onTrailers(list: HeaderList): void {
    this.#call?.onTrailers(list);
  }

  onWritable(): void {
    this.#call?.onWritable();
  }

  onReset(code: number, violation: string | undefined): void {
    this.#call?.onReset(code, violation);
  }

  onConnectionLost(reason: string): void {
    this.#call?.onConnectionLost(reason);
  }

  onResponse(): void {}
  onRefused(): void {}
}
