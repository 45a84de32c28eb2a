// The OCSP response that is stapled to a certificate (RFC 6066 section 8), and when it is not: clients treat a response that is
// too old, or that is about another certificate, as a fault of the server.

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

  /** Until when clients accept the response. Undefined when the response does not say. */
  get nextUpdateEpochMs(): number | undefined {
    return this.#answer?.nextUpdateEpochMs;
  }

  /** The reason why clients do not get the response, as a sentence without its subject. Undefined while they get it. */
  whyNotServed(nowEpochMs: number): string | undefined {
    return whyNotServed(this.#answer, nowEpochMs);
  }
}
