// Checks by the first bytes of an endpoint whether it speaks HTTP/2.

import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import { classifyUpstreamFirstBytes, diagnoseUpstreamAnswer } from '../../diagnosis/upstream-first-bytes.ts';

const NOTHING: Buffer = Buffer.alloc(0);

export class FirstBytes {
  /** The bytes so far, while they are too few to show what the endpoint speaks. */
  #head: Buffer = NOTHING;

  /** @returns all bytes so far if it speaks HTTP/2, why it cannot be used if not, or undefined while that is not known */
  add(chunk: Buffer, endpoint: string): Buffer | Diagnosis | undefined {
    const head = Buffer.concat([this.#head, chunk]);
    const kind = classifyUpstreamFirstBytes(head);
    this.#head = kind === 'need-more' ? head : NOTHING;
    if (kind === 'need-more') return undefined;
    return kind === 'http2-settings' ? head : diagnoseUpstreamAnswer(kind, endpoint);
  }
}
