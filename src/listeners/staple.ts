// The OCSP response that goes with a certificate (stapling, RFC 6066 section 8), and when it does not: clients take one that
// is too old, or that is about another certificate, for a fault of the server.

import type { X509Certificate } from 'node:crypto';
import { answerFor, type OcspAnswer, type OcspResponse, whyNotServed } from '../config/ocsp-response.ts';

export class Staple {
  readonly file: string;
  readonly #response: OcspResponse;
  readonly #answer: OcspAnswer | undefined;

  constructor(file: string, response: OcspResponse, certificate: X509Certificate) {
    this.file = file;
    this.#response = response;
    this.#answer = answerFor(response, certificate);
  }

  get der(): Buffer {
    return this.#response.der;
  }

  /** Until when clients take it; undefined where it does not say. */
  get nextUpdateEpochMs(): number | undefined {
    return this.#answer?.nextUpdateEpochMs;
  }

  /** As a sentence without its subject; undefined while clients get it. */
  whyNotServed(nowEpochMs: number): string | undefined {
    return whyNotServed(this.#answer, nowEpochMs);
  }
}
