// Decodes in another process, which is ended when it takes too long or needs too much memory, and started again for the next message. So neither
// descriptors nor messages can hold up who shows them.

import { AskedProcess, NoAnswer, type PeerParts } from './asked-process.ts';
import { type DecoderRequest, type ReadJson, readDecoded, readLoaded } from './decoder-messages.ts';
import type { DescriptorFiles } from './descriptors.ts';
import { InTurn } from './in-turn.ts';
import { whyNoBytes } from './left-out.ts';
import type { Decoded, DescriptorSource, SeenMessage } from './message-decoder.ts';
import type { Refusal } from './refusal.ts';

const LOAD_WITHIN_MS = 5000;
const MESSAGE_WITHIN_MS = 2000;
/** How many sets of descriptors one process keeps. */
const MOST_SETS = 50;

export class Decoder {
  readonly #process: AskedProcess;
  /** What the current process has loaded. */
  readonly #sets = new Map<DescriptorFiles, number>();
  readonly #turn = new InTurn();

  constructor(parts: PeerParts) {
    this.#process = new AskedProcess(parts, () => this.#sets.clear());
  }

  /** @returns why the files are no descriptors, undefined if they are. Never rejects. */
  load(files: DescriptorFiles): Promise<string | undefined> {
    return this.#turn.run(async () => {
      const set = await this.#load(files);
      return typeof set === 'string' ? set : undefined;
    });
  }

  /** Never rejects. The files must have been loaded once, but they need not be any more. */
  decode(message: SeenMessage, files: DescriptorFiles): Promise<Decoded> {
    return this.#turn.run(async () => {
      const set = await this.#load(files);
      if (typeof set === 'string') return { why: set };
      const request: DecoderRequest = { kind: 'decode', set, message };
      const answer = await this.#process.ask({ request, withinMs: MESSAGE_WITHIN_MS, read: readDecoded });
      if (answer instanceof NoAnswer) return { why: whyNotDecoded(answer) };
      return decodedOf(answer);
    });
  }

  /** @returns the number of the set, or why there is none */
  async #load(files: DescriptorFiles): Promise<number | string> {
    const known = this.#sets.get(files);
    if (known !== undefined) return known;
    if (this.#sets.size >= MOST_SETS) this.#process.end();
    const set = this.#sets.size;
    const request: DecoderRequest = { kind: 'load', set, files };
    const answer = await this.#process.ask({ request, withinMs: LOAD_WITHIN_MS, read: readLoaded });
    if (answer instanceof NoAnswer) return whyNotDecoded(answer);
    if (answer.kind === 'refused') return answer.why;
    this.#sets.set(files, set);
    return set;
  }
}

function decodedOf(answer: ReadJson | Refusal): Decoded {
  if (answer.kind === 'decoded') return { json: answer.json, isPart: answer.isPart };
  const { why, isUnknown } = answer;
  return isUnknown === true ? { why, isUnknown } : { why };
}

function whyNotDecoded({ what, withinMs }: NoAnswer): string {
  if (withinMs !== undefined) return `it could not be decoded in time (${withinMs / 1000} s)`;
  return `it could not be decoded: the process for that ${what}`;
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
