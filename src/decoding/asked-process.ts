// Another process that answers one question after the other. It reads what strangers have sent, so it may be late, end, or answer anything. Then it is
// ended, and the next question starts another one.

/** A busy machine may take long to start a process. */
const START_WITHIN_MS = 30_000;

export interface Peer {
  /** The first answer is `{ kind: 'ready' }`, without a request. */
  readonly send: (request: object) => void;
  /** Ends it at once, whatever it does. May be called again. */
  readonly end: () => void;
}

export interface PeerEvents {
  readonly onAnswer: (answer: unknown) => void;
  /** @param how in words, such as 'SIGABRT' */
  readonly onEnd: (how: string) => void;
}

export interface PeerParts {
  readonly start: (events: PeerEvents) => Peer;
  /** Calls `call` after this time. @returns what prevents that */
  readonly after: (delayMs: number, call: () => void) => () => void;
}

/** Why a question has no answer. */
export class NoAnswer {
  /** The rest of a sentence that begins with the process. */
  readonly what: string;
  /** The time that was too short for an answer. Undefined if something else was the reason. */
  readonly withinMs: number | undefined;

  constructor(what: string, withinMs?: number) {
    this.what = what;
    this.withinMs = withinMs;
  }
}

interface Expected<Answer> {
  readonly withinMs: number;
  /** @returns undefined if this is no answer to the question */
  readonly read: (answer: unknown) => Answer | undefined;
}

export interface Question<Answer> extends Expected<Answer> {
  readonly request: object;
}

interface Waiting {
  readonly take: (answer: unknown) => void;
  readonly fail: (why: NoAnswer) => void;
}

export class AskedProcess {
  readonly #parts: PeerParts;
  readonly #onEnd: () => void;
  #peer: Peer | undefined = undefined;
  #waiting: Waiting | undefined = undefined;

  /** @param onEnd is called when a process has ended or was ended: what it knew is lost */
  constructor(parts: PeerParts, onEnd: () => void = () => undefined) {
    this.#parts = parts;
    this.#onEnd = onEnd;
  }

  /** Never rejects. Only one question may be open at a time. */
  async ask<Answer>(question: Question<Answer>): Promise<Answer | NoAnswer> {
    if (this.#peer === undefined) {
      const ready = { withinMs: START_WITHIN_MS, read: readReady };
      const started = await this.#answerTo(ready, () => this.#start());
      if (started instanceof NoAnswer) return started;
    }
    return this.#answerTo(question, () => this.#peer?.send(question.request));
  }

  /** May be called again. The next question starts another process. */
  end(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    this.#peer = undefined;
    peer.end();
    this.#onEnd();
  }

  async #answerTo<Answer>(
    { withinMs, read }: Expected<Answer>,
    begin: () => void,
  ): Promise<Answer | NoAnswer> {
    const { promise, resolve } = Promise.withResolvers<Answer | NoAnswer>();
    const fail = (why: NoAnswer): void => {
      this.#waiting = undefined;
      this.end();
      resolve(why);
    };
    const take = (answer: unknown): void => {
      this.#waiting = undefined;
      resolve(read(answer) ?? this.#unreadable());
    };
    this.#waiting = { take, fail };
    const cancel = this.#parts.after(withinMs, () =>
      fail(new NoAnswer(`did not answer within ${withinMs / 1000} s`, withinMs)),
    );
    try {
      begin();
    } catch (error) {
      fail(new NoAnswer(`could not be asked: ${error instanceof Error ? error.message : String(error)}`));
    }
    const answered = await promise;
    cancel();
    return answered;
  }

  #unreadable(): NoAnswer {
    this.end();
    return new NoAnswer('has answered with something else');
  }

  #start(): void {
    const peer = this.#parts.start({
      onAnswer: (answer) => {
        if (peer !== this.#peer) return;
        // One that answers without a question is not to be believed.
        if (this.#waiting === undefined) this.end();
        else this.#waiting.take(answer);
      },
      onEnd: (how) => {
        if (peer !== this.#peer) return;
        if (this.#waiting === undefined) this.end();
        else this.#waiting.fail(new NoAnswer(`has ended (${how}), perhaps for want of memory`));
      },
    });
    this.#peer = peer;
  }
}

function readReady(answer: unknown): true | undefined {
  return fieldOf(answer, 'kind') === 'ready' ? true : undefined;
}

/** @returns a field of a message of which nothing is known */
export function fieldOf(message: unknown, name: string): unknown {
  return typeof message === 'object' && message !== null ? Reflect.get(message, name) : undefined;
}
