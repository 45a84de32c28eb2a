// Clients that have shown a certificate in the TLS handshake, which the listener has verified. The name is a URI (SPIFFE), else a DNS name,
// else the subject.

import type { Caller } from '../calls/caller.ts';
import { type ClientCertificate, principalOf } from '../calls/client-certificate.ts';
import type { AdmittedCall } from '../calls/policy.ts';
import type { CertificateConfig } from '../config/identity-config.ts';
import type { Identity, Look, Rejection, Verdict } from './identity.ts';
import { namedCaller } from './named-caller.ts';

export class CertificateIdentity implements Identity {
  readonly name: string;
  readonly wanted = 'a client certificate';
  readonly challenge = '';
  readonly adds: readonly string[];
  readonly #config: CertificateConfig;
  /** A connection has one certificate, which is the same object in all of its calls. */
  readonly #known = new WeakMap<ClientCertificate, Caller | Rejection>();

  constructor(config: CertificateConfig) {
    this.name = config.name;
    this.adds = config.subject === undefined ? [] : [config.subject];
    this.#config = config;
  }

  look({ clientCertificate }: AdmittedCall): Look {
    if (clientCertificate === undefined) return undefined;
    const known = this.#known.get(clientCertificate);
    if (known !== undefined) return known;
    const found = this.#judge(clientCertificate);
    this.#known.set(clientCertificate, found);
    return found;
  }

  /** What is said of a certificate that is not valid is said to all clients that show one, whichever identities a route names. */
  shownInstead(): undefined {
    return undefined;
  }

  /** Never needed, since a certificate is known from the beginning. */
  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    const look = this.look(call);
    done(typeof look === 'object' ? look : this.#rejected('there is no certificate'));
    return () => undefined;
  }

  #judge(certificate: ClientCertificate): Caller | Rejection {
    const { trustDomain } = this.#config;
    if (trustDomain === undefined) {
      const name = principalOf(certificate);
      return name === ''
        ? this.#rejected('its certificate has neither a URI, nor a DNS name, nor a subject')
        : namedCaller(this.name, name, this.#config.subject);
    }
    // A SPIFFE certificate has one URI (X509-SVID section 2).
    const { uris } = certificate;
    const [uri] = uris;
    if (uris.length !== 1 || !uri.startsWith(`spiffe://${trustDomain}/`))
      return this.#rejected(`its certificate is not of trust domain ${trustDomain}`);
    return namedCaller(this.name, uri, this.#config.subject);
  }

  #rejected(why: string): Rejection {
    return { token: 'credentials_invalid', sentence: `identity ${this.name}: ${why}` };
  }
}
