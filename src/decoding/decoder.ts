// Decodes in another process, which is ended when it takes too long or needs too much memory, and started again for the next message. So neither
// descriptors nor messages can hold up who shows them.

import { type DecoderAnswer, type DecoderRequest, isDecoderAnswer } from './decoder-messages.ts';
import type { DescriptorFiles } from './descriptors.ts';
import { whyNoBytes } from './left-out.ts';
import type { Decoded, DescriptorSource, SeenMessage } from './message-decoder.ts';

/** A busy machine may take long to start a process. */
const START_WITHIN_MS = 30_000;
const LOAD_WITHIN_MS = 5000;
const MESSAGE_WITHIN_MS = 2000;
/** How many sets of descriptors one process keeps. */
const MOST_SETS = 50;

export interface DecoderPeer {
  readonly send: (request: DecoderRequest) => void;
  /** Ends it at once, whatever it does. */
  readonly end: () => void;
}

export interface PeerEvents {
  readonly onAnswer: (answer: unknown) => void;
  readonly onEnd: () => void;
}

export interface DecoderParts {
  readonly start: (events: PeerEvents) => DecoderPeer;
  /** Calls `call` after this time. @returns what prevents that */
  readonly after: (delayMs: number, call: () => void) => () => void;
}

/** A sentence about the message instead of an answer. */
type Answered = DecoderAnswer | string;

export class Decoder {
  readonly #parts: DecoderParts;
  #peer: DecoderPeer | undefined = undefined;
  /** What the current process has loaded. */
  readonly #sets = new Map<DescriptorFiles, number>();
  #waiting: ((answered: Answered) => void) | undefined = undefined;
  /** Resolves when the process is free. Never rejects, since what went wrong with one message is not the matter of the next. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: DecoderParts) {
    this.#parts = parts;
  }

  /** @returns why the files are no descriptors, undefined if they are. Never rejects. */
  load(files: DescriptorFiles): Promise<string | undefined> {
    return this.#inTurn(async () => {
      const set = await this.#load(files);
      return typeof set === 'string' ? set : undefined;
    });
  }

  /** Never rejects. The files must have been loaded once, but they need not be any more. */
  decode(message: SeenMessage, files: DescriptorFiles): Promise<Decoded> {
    return this.#inTurn(async () => {
      const set = await this.#load(files);
      if (typeof set === 'string') return { why: set };
      return decodedOf(await this.#ask({ kind: 'decode', set, message }, MESSAGE_WITHIN_MS));
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** @returns the number of the set, or why there is none */
  async #load(files: DescriptorFiles): Promise<number | string> {
    const known = this.#sets.get(files);
    if (known !== undefined) return known;
    if (this.#sets.size >= MOST_SETS) this.#end();
    const set = this.#sets.size;
    const answered = await this.#ask({ kind: 'load', set, files }, LOAD_WITHIN_MS);
    if (typeof answered === 'string') return answered;
    if (answered.kind === 'refused') return answered.why;
    this.#sets.set(files, set);
    return set;
  }

  async #ask(request: DecoderRequest, withinMs: number): Promise<Answered> {
    if (this.#peer === undefined) {
      const started = await this.#answerWithin(START_WITHIN_MS, () => this.#start());
      if (typeof started === 'string') return started;
    }
    return this.#answerWithin(withinMs, () => this.#peer?.send(request));
  }

  async #answerWithin(withinMs: number, begin: () => void): Promise<Answered> {
    const { promise, resolve } = Promise.withResolvers<Answered>();
    this.#waiting = resolve;
    const cancel = this.#parts.after(withinMs, () => {
      this.#end();
      resolve(`it could not be decoded in time (${withinMs / 1000} s)`);
    });
    try {
      begin();
    } catch (error) {
      this.#end();
      resolve(`it could not be decoded: ${error instanceof Error ? error.message : String(error)}`);
    }
    const answered = await promise;
    cancel();
    this.#waiting = undefined;
    return answered;
  }

  #start(): void {
    const peer = this.#parts.start({
      onAnswer: (answer) => {
        if (peer === this.#peer && isDecoderAnswer(answer)) this.#waiting?.(answer);
      },
      onEnd: () => {
        if (peer !== this.#peer) return;
        this.#end();
        this.#waiting?.(
          'it could not be decoded: the process for that has ended, perhaps for want of memory',
        );
      },
    });
    this.#peer = peer;
  }

  #end(): void {
    this.#peer?.end();
    this.#peer = undefined;
    this.#sets.clear();
  }
}

function decodedOf(answered: Answered): Decoded {
  if (typeof answered === 'string') return { why: answered };
  if (answered.kind === 'refused')
    return answered.isUnknown === true ? { why: answered.why, isUnknown: true } : { why: answered.why };
  if (answered.kind !== 'decoded') return { why: 'it could not be decoded' };
  try {
    const json: unknown = JSON.parse(answered.text);
    return { json, isPart: answered.isPart };
  } catch {
    return { why: 'it could not be decoded: the process for that has answered with something else' };
  }
}

/** Decodes one message. Never rejects. */
export type Decode = (message: SeenMessage) => Promise<Decoded>;

export function decodeBy(source: DescriptorSource, decoder: Decoder): Decode {
  return async (message) => {
    // A route may have a prefix, which it removes.
    const [service = '', method = ''] = message.path.split('/').slice(-2);
    if (service === '' || method === '') return { why: `${message.path} names no method of a service` };
    const nothing = whyNoBytes(message);
    if (nothing !== undefined) return { why: nothing };
    const decodeWith = async (files: DescriptorFiles): Promise<Decoded> => {
      const why = await decoder.load(files);
      if (why === undefined) return decoder.decode(message, files);
      source.onRefused?.(service, message, why);
      return { why };
    };
    const found = await source.find(service, message);
    if (typeof found === 'string') return { why: found };
    const decoded = await decodeWith(found);
    const isUnknown = 'why' in decoded && decoded.isUnknown === true;
    const renewed = isUnknown ? await source.renew?.(service, message) : undefined;
    return renewed === undefined ? decoded : decodeWith(renewed);
  };
}
