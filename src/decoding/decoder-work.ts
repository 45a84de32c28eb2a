// What the process does that decodes: it keeps descriptors, and decodes messages by them. It does one thing after the other, and may be ended at
// any time.

import type { DecoderAnswer, DecoderRequest } from './decoder-messages.ts';
import { Descriptors } from './descriptors.ts';
import { decodeMessage } from './message-decoder.ts';
import { refused } from './refusal.ts';

export class DecoderWork {
  readonly #sets = new Map<number, Descriptors>();

  /** Never throws. */
  answer(request: DecoderRequest): DecoderAnswer {
    if (request.kind === 'load') return this.#load(request);
    const descriptors = this.#sets.get(request.set);
    if (descriptors === undefined) return refused('its descriptors are not there');
    const decoded = decodeMessage(request.message, descriptors);
    if ('why' in decoded) return { ...decoded, ...refused(decoded.why) };
    return { kind: 'decoded', text: JSON.stringify(decoded.json), isPart: decoded.isPart };
  }

  #load({ set, files }: Extract<DecoderRequest, { kind: 'load' }>): DecoderAnswer {
    try {
      this.#sets.set(set, Descriptors.of(files));
      return { kind: 'loaded' };
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
  }
}
