// A small policy for each method that policies can have. The test controls its verdicts.

import { AddedFields } from '../../src/calls/added-fields.ts';
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
import type { StreamRoom } from '../../src/h2/stream-room.ts';
import { CLOSED } from './refusing-policy.ts';

/** Refuses requests whose x-role is 'stranger', and moves the role of other requests to x-decided-role. */
export class DecidingByRole implements Policy {
  readonly key = 'role';
  readonly reads = ['x-role'];
  /** How often decide() was called. */
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

/** Admits calls until `verdict` is set, and numbers them in the field x-admitted. */
export class Admitting implements Policy {
  readonly key = 'admitting';
  readonly adds = ['x-admitted'];
  verdict: Failure | undefined = undefined;
  asked = 0;

  ask(call: AdmittedCall, questioner: Questioner): undefined {
    call.addFields(new AddedFields([['x-admitted', String(++this.asked)]]));
    if (this.verdict === undefined) questioner.admit();
    else questioner.refuse(this.verdict);
  }
}

/** One question of `Asking`. */
export class OpenQuestion implements PendingQuestion {
  readonly timeoutMs: number;
  readonly call: AdmittedCall;
  cancelled = 0;
  /** Whether the test has answered it, in time or not. */
  isAnswered = false;
  /** Must never become true, since a question that has its answer must not be cancelled. */
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

/** Asks a question about each call, which the test answers or leaves open. */
export class Asking implements Policy {
  readonly key: string;
  readonly adds = ['x-asked'];
  readonly questions: OpenQuestion[] = [];
  timeoutMs = 60_000;
  /** Called with each question before `ask` returns, for answers at once. */
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

/** Adds x-proxy to each response, and removes x-service. */
export class Responding implements Policy {
  readonly key = 'responding';
  asked = 0;

  respond(_fields: HeaderList, edit: HeaderEdit): void {
    this.asked++;
    edit.set('x-proxy', 'here');
    edit.remove('x-service');
  }
}

/** Translates calls below /shout/: requests reach the service in upper case, and responses reach the client in lower case. */
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

/** Translates byte by byte, so that it never buffers data: it takes only as much as the client's stream takes. */
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
    return this.#call?.response ?? { bytes: 0, pendingBytes: 0, owedBytes: 0 };
  }

  get roomBytes(): number {
    return this.#stream.roomBytes;
  }

  get room(): StreamRoom {
    return this.#stream.room;
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
