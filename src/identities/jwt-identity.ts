// Clients that send a signed token (JWT). A token is verified once, and then known by its exact text until it expires, five minutes at
// most. Calls with the same new token share one verification.

import { type Caller, callerText } from '../calls/caller.ts';
import type { AdmittedCall } from '../calls/policy.ts';
import type { JwtConfig } from '../config/identity-config.ts';
import { fieldsOf } from './claims.ts';
import type { Identity, Look, Rejection, Verdict } from './identity.ts';
import type { KeySet } from './key-sets.ts';
import {
  isTokenFault,
  keysFor,
  quoted,
  readToken,
  type TokenFault,
  type UnverifiedToken,
} from './unverified-token.ts';
import type { Ticket, Verifications } from './verifications.ts';
import { VerifiedTokens } from './verified-tokens.ts';

const LONGEST_KEPT_MS = 300_000;

export interface JwtParts {
  readonly keys: KeySet;
  readonly verifications: Verifications;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Receives what nobody has foreseen. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

export class JwtIdentity implements Identity {
  readonly name: string;
  readonly wanted: string;
  readonly challenge: string;
  readonly adds: readonly string[];
  readonly #config: JwtConfig;
  readonly #parts: JwtParts;
  readonly #verified = new VerifiedTokens();
  /** The `removals` of the keys with which the tokens were verified. */
  #removals = 0;
  readonly #flights = new Map<string, Flight>();

  constructor(config: JwtConfig, parts: JwtParts) {
    this.name = config.name;
    this.wanted =
      config.header === 'authorization' ? 'a bearer token in authorization' : `a token in ${config.header}`;
    this.challenge = 'Bearer';
    this.adds = [...config.claims.values()];
    this.#config = config;
    this.#parts = parts;
  }

  look(call: AdmittedCall): Look {
    const text = call.header(this.#config.header);
    if (text === undefined) return undefined;
    this.#forgetIfKeysWereRemoved();
    const known = this.#verified.find(text, this.#parts.now());
    if (known !== undefined) return known;
    return this.#tokenIn(text) === undefined ? undefined : 'later';
  }

  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    const text = call.header(this.#config.header) ?? '';
    const flight = this.#flights.get(text) ?? this.#begin(text, call.subject.clientKey);
    if (flight instanceof Flight) return flight.add(done);
    done(flight);
    return () => undefined;
  }

  #forgetIfKeysWereRemoved(): void {
    const { removals } = this.#parts.keys;
    if (removals === this.#removals) return;
    this.#removals = removals;
    this.#verified.clear();
  }

  /** @returns undefined if the field has credentials of another kind */
  #tokenIn(text: string): string | undefined {
    if (this.#config.header !== 'authorization') return text;
    return /^bearer /i.test(text) ? text.slice('bearer '.length) : undefined;
  }

  /** @param text the whole field: a text that is cut out of it would have to be read anew for each call */
  #begin(text: string, client: string): Flight | Rejection {
    const token = this.#tokenIn(text) ?? '';
    const read = readToken(token, this.#config, this.#parts.now());
    if (isTokenFault(read)) return this.#rejected(read);
    const ticket = this.#parts.verifications.admit(client);
    if (ticket === undefined) return LIMITED;
    const flight = new Flight(ticket, () => this.#flights.delete(text), this.#parts.onFault);
    this.#flights.set(text, flight);
    this.#verifyWhenKnown({ text, token, read }, flight);
    return flight;
  }

  /** Verifies the token once its key is known. If it is not, newer keys are asked for, if that may help. */
  #verifyWhenKnown(received: Received, flight: Flight, isLast = false): void {
    const { keys } = this.#parts;
    const candidates = keysFor(received.read, keys.keys);
    if (candidates.length > 0) {
      flight.ticket.whenTurn(() => void this.#verify(received, flight));
      return;
    }
    const stop = isLast ? undefined : keys.awaitNewer(() => this.#verifyWhenKnown(received, flight, true));
    if (stop === undefined) flight.end(this.#withoutKey(received.read), false);
    else flight.onAbandoned = stop;
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

  async #verify({ text, token, read }: Received, flight: Flight): Promise<void> {
    try {
      const { verifyToken } = await import('./jwt-signature.ts');
      const { issuer, audience, clockSkewMs } = this.#config;
      const nowMs = this.#parts.now();
      const keys = keysFor(read, this.#parts.keys.keys);
      const terms = { issuer, audience, algorithm: read.algorithm, clockSkewMs, now: new Date(nowMs) };
      const claims = keys.length === 0 ? 'its key was taken away' : await verifyToken(token, keys, terms);
      const verdict =
        typeof claims === 'string' ? this.#rejected({ sentence: claims }) : this.#callerOf(claims, nowMs);
      // Keys may have been removed while the token was verified.
      const isCurrent = keys.every((key) => this.#parts.keys.keys.includes(key));
      this.#forgetIfKeysWereRemoved();
      if ('identity' in verdict && isCurrent) this.#keep(text, verdict, nowMs);
      flight.end(verdict, typeof claims === 'string');
    } catch (error) {
      this.#parts.onFault(error);
      flight.end(this.#rejected({ sentence: 'it could not be verified; the log says why' }), true);
    }
  }

  #keep(text: string, caller: Caller, nowMs: number): void {
    this.#verified.keep(text, caller, Math.min(caller.expiresAtMs, nowMs + LONGEST_KEPT_MS));
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

/** A token that waits for its verification. */
interface Received {
  /** The whole header field. */
  readonly text: string;
  readonly token: string;
  readonly read: UnverifiedToken;
}

const LIMITED: Rejection = {
  token: 'verification_limited',
  sentence: 'too many credentials of this client were bad, or are being verified',
};

/** The verification of one token, for all calls that wait for it. */
class Flight {
  readonly ticket: Ticket;
  readonly #onEnd: () => void;
  readonly #onFault: (error: unknown) => void;
  readonly #listeners = new Set<(verdict: Verdict) => void>();
  /** Called when no call waits any more. */
  onAbandoned: () => void = () => undefined;
  #verdict: Verdict | undefined = undefined;

  constructor(ticket: Ticket, onEnd: () => void, onFault: (error: unknown) => void) {
    this.ticket = ticket;
    this.#onEnd = onEnd;
    this.#onFault = onFault;
  }

  add(listener: (verdict: Verdict) => void): () => void {
    if (this.#verdict !== undefined) {
      listener(this.#verdict);
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      // What has begun goes on: otherwise a client could have more verified at a time by giving up.
      if (this.#listeners.size > 0 || this.#verdict !== undefined || this.ticket.isRunning) return;
      this.onAbandoned();
      this.#finish(false);
    };
  }

  /** @param isBad whether the signature was verified in vain */
  end(verdict: Verdict, isBad: boolean): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = verdict;
    this.#finish(isBad);
    for (const listener of this.#listeners) {
      try {
        listener(verdict);
      } catch (error) {
        // The other calls must still be answered; this one ends when its time is over.
        this.#onFault(error);
      }
    }
  }

  #finish(isBad: boolean): void {
    this.#onEnd();
    this.ticket.end(isBad);
  }
}
