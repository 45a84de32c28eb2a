// Clients that send a signed token (JWT). A token is verified once, and then known by its exact text until it expires, five minutes at
// most. Calls with the same new token share one verification.

import { callerKey } from '../calls/caller.ts';
import type { AdmittedCall } from '../calls/policy.ts';
import type { JwtConfig } from '../config/identity-config.ts';
import { bearerToken, otherScheme } from './bearer-token.ts';
import { callerText } from './caller-text.ts';
import { fieldsOf } from './claims.ts';
import { type Flight, Flights } from './flight.ts';
import { type Identity, type IdentityParts, type Look, type Rejection, type Verdict } from './identity.ts';
import { KeyWaits, tooManyWait } from './key-waits.ts';
import { KnownCallers } from './known-callers.ts';
import {
  isTokenFault,
  keysFor,
  quoted,
  readToken,
  type TokenFault,
  type UnverifiedToken,
} from './unverified-token.ts';

export class JwtIdentity implements Identity {
  readonly name: string;
  readonly wanted: string;
  readonly challenge: string;
  readonly adds: readonly string[];
  readonly source: string;
  readonly #config: JwtConfig;
  readonly #parts: IdentityParts;
  readonly #known: KnownCallers;
  readonly #flights: Flights;
  readonly #waits: KeyWaits;

  constructor(config: JwtConfig, parts: IdentityParts) {
    this.name = config.name;
    this.wanted =
      config.header === 'authorization' ? 'a bearer token in authorization' : `a token in ${config.header}`;
    this.challenge = config.header === 'authorization' ? 'Bearer' : '';
    this.adds = [...config.claims.values()];
    this.#config = config;
    this.#parts = parts;
    this.source = parts.keys.source;
    this.#known = new KnownCallers(parts.keys, parts.now);
    this.#flights = new Flights(parts.onFault);
    this.#waits = new KeyWaits(parts.keys);
  }

  look(call: AdmittedCall): Look {
    const text = call.header(this.#config.header);
    if (text === undefined) return undefined;
    const known = this.#known.find(text);
    if (known !== undefined) return known;
    return this.#tokenIn(text) === undefined ? undefined : 'later';
  }

  shownInstead(call: AdmittedCall): string | undefined {
    const { header } = this.#config;
    return header === 'authorization' ? otherScheme(call.header(header), 'Bearer') : undefined;
  }

  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    const text = call.header(this.#config.header) ?? '';
    const flight = this.#flights.find(text) ?? this.#begin(text, call.subject.clientKey);
    if (!('token' in flight)) return flight.add(done);
    done(flight);
    return () => undefined;
  }

  /** @returns undefined if the field has credentials of another kind */
  #tokenIn(text: string): string | undefined {
    if (this.#config.header !== 'authorization') return text;
    return bearerToken(text);
  }

  /** @param text the whole field: a text that is cut out of it would have to be read anew for each call */
  #begin(text: string, client: string): Flight | Rejection {
    const token = this.#tokenIn(text) ?? '';
    const read = readToken(token, this.#config, this.#parts.now());
    if (isTokenFault(read)) return this.#rejected(read);
    const flight = this.#flights.begin(text, client);
    this.#verifyWhenKnown({ text, token, read }, flight);
    return flight;
  }

  /** Verifies the token once its key is known. If it is not, newer keys are asked for, if that may help. */
  #verifyWhenKnown(received: Received, flight: Flight, isLast = false): void {
    const { keys, verifications } = this.#parts;
    if (keysFor(received.read, keys.keys).length > 0) {
      flight.whenTurn(verifications, () => void this.#verify(received, flight));
      return;
    }
    const proceed = (): void => this.#verifyWhenKnown(received, flight, true);
    const why = isLast ? 'early' : flight.whenKeysAreNewer(this.#waits, proceed);
    if (why === 'full') flight.end(tooManyWait(this.name, keys), false);
    else if (why === 'early') flight.end(this.#withoutKey(received.read), false);
  }

  #withoutKey({ keyId, algorithm }: UnverifiedToken): Rejection {
    const { whyNone, source } = this.#parts.keys;
    if (whyNone !== undefined)
      return {
        token: 'keys_unavailable',
        sentence: `there are no keys of identity ${this.name} (${source}): ${whyNone}`,
      };
    const which =
      keyId === undefined ? `no key for ${algorithm} is` : `key ${quoted(keyId)} for ${algorithm} is not`;
    return this.#rejected({ sentence: `${which} among those of the issuer` });
  }

  async #verify(received: Received, flight: Flight): Promise<void> {
    try {
      const { nowMs, claims } = await this.#claimsOf(received);
      if (claims === undefined) {
        // The client does not answer for a key that was taken away meanwhile.
        flight.end(this.#withoutKey(received.read), false);
        return;
      }
      const verdict =
        typeof claims === 'string' ? this.#rejected({ sentence: claims }) : this.#callerOf(claims, nowMs);
      if ('identity' in verdict) this.#known.keep(received.text, verdict);
      flight.end(verdict, typeof claims === 'string');
    } catch (error) {
      this.#parts.onFault(error);
      flight.end(this.#rejected({ sentence: 'it could not be verified; the log says why' }), false);
    }
  }

  /** Verifies the token again if one of the keys was taken away meanwhile, since it may be the one that has signed the token. */
  async #claimsOf({ token, read }: Received): Promise<Verified> {
    const { verifyToken } = await import('./jwt-signature.ts');
    const { issuer, audience, clockSkewMs } = this.#config;
    const current = this.#parts.keys;
    for (;;) {
      const nowMs = this.#parts.now();
      const keys = keysFor(read, current.keys);
      if (keys.length === 0) return { nowMs, claims: undefined };
      const terms = { issuer, audience, algorithm: read.algorithm, clockSkewMs, now: new Date(nowMs) };
      const claims = await verifyToken(token, keys, terms);
      if (keys.every((key) => current.has(key))) return { nowMs, claims };
    }
  }

  #callerOf(claims: Readonly<Record<string, unknown>>, nowMs: number): Verdict {
    const fields = fieldsOf(claims, this.#config.claims);
    if (typeof fields === 'string')
      return this.#rejected({ sentence: `no header can hold its claim ${quoted(fields)}` });
    const subject = typeof claims['sub'] === 'string' ? claims['sub'] : '';
    const expiresAtMs = Number(claims['exp']) * 1000;
    return {
      identity: this.name,
      subject,
      text: callerText(this.name, subject),
      key: callerKey(this.name, subject),
      claims,
      fields,
      // A call that begins within the tolerance may run until it is over.
      expiresAtMs: expiresAtMs > nowMs ? expiresAtMs : expiresAtMs + this.#config.clockSkewMs,
    };
  }

  #rejected({ sentence, told, isOfAnother }: TokenFault): Rejection {
    const whole = `identity ${this.name}: ${sentence}`;
    return {
      token: 'credentials_invalid',
      sentence: whole,
      told,
      ...(isOfAnother === true && { isOfAnother }),
    };
  }
}

interface Verified {
  /** The time for which the token was verified. */
  readonly nowMs: number;
  /** The claims, or why the token is not accepted. Undefined if there is no key for it any more. */
  readonly claims: Readonly<Record<string, unknown>> | string | undefined;
}

/** A token that waits for its verification. */
interface Received {
  /** The whole header field. */
  readonly text: string;
  readonly token: string;
  readonly read: UnverifiedToken;
}
