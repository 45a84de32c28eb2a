// Clients that send a name and a password (RFC 7617). A password takes 50 ms of a thread to verify, since nobody shall try many. So few
// are verified at a time, and an address may fail ten times and once more each second.

import { scrypt, timingSafeEqual } from 'node:crypto';
import type { AdmittedCall } from '../calls/policy.ts';
import type { BasicConfig } from '../config/identity-config.ts';
import type { PublicKey } from '../config/public-keys.ts';
import { otherScheme } from './bearer-token.ts';
import { type Flight, Flights } from './flight.ts';
import type { Identity, IdentityParts, Look, Rejection, Verdict } from './identity.ts';
import { KeyWaits, tooManyWait } from './key-waits.ts';
import { KnownCallers } from './known-callers.ts';
import { namedCaller } from './named-caller.ts';
import { PasswordEntries } from './password-entries.ts';
import { withoutList } from './without-list.ts';

/** Longer fields are refused unread. */
const LONGEST_FIELD = 2048;
const BLOCK_SIZE = 8;

interface Login {
  readonly user: string;
  readonly password: Buffer;
}

export class BasicIdentity implements Identity {
  readonly name: string;
  readonly wanted = 'a name and a password in authorization (Basic)';
  readonly challenge: string;
  readonly adds: readonly string[];
  readonly source: string;
  readonly #config: BasicConfig;
  readonly #parts: IdentityParts;
  readonly #known: KnownCallers;
  readonly #flights: Flights;
  #entries: PasswordEntries | undefined = undefined;
  readonly #waits: KeyWaits;

  constructor(config: BasicConfig, parts: IdentityParts) {
    this.name = config.name;
    this.challenge = `Basic realm="${config.name.replace(/[^\x20-\x7e]|["\\]/g, '?')}", charset="UTF-8"`;
    this.adds = config.subject === undefined ? [] : [config.subject];
    this.#config = config;
    this.#parts = parts;
    this.source = parts.keys.source;
    this.#known = new KnownCallers(parts.keys, parts.now);
    this.#flights = new Flights(parts.onFault);
    this.#waits = new KeyWaits(parts.keys);
  }

  look(call: AdmittedCall): Look {
    const text = call.header('authorization');
    if (text === undefined) return undefined;
    const known = this.#known.find(text);
    if (known !== undefined) return known;
    const canonical = canonicalOf(text);
    if (canonical === undefined) return undefined;
    return (canonical === text ? undefined : this.#known.find(canonical)) ?? 'later';
  }

  shownInstead(call: AdmittedCall): string | undefined {
    return otherScheme(call.header('authorization'), 'Basic');
  }

  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    const text = canonicalOf(call.header('authorization') ?? '') ?? '';
    const flight = this.#flights.find(text) ?? this.#begin(text, call.subject.clientKey);
    if (!('token' in flight)) return flight.add(done);
    done(flight);
    return () => undefined;
  }

  #begin(text: string, client: string): Flight | Rejection {
    const login = readLogin(text);
    if (login === undefined) return this.#rejected('authorization holds no name and password');
    const flight = this.#flights.begin(text, client);
    this.#whenListed(flight, () =>
      flight.whenTurn(this.#parts.verifications, () => void this.#verify(text, login, flight)),
    );
    return flight;
  }

  #whenListed(flight: Flight, begin: () => void): void {
    const { keys } = this.#parts;
    const proceed = (): void => {
      if (keys.whyNone === undefined) begin();
      else flight.end(withoutList(this.name, keys), false);
    };
    const why = keys.whyNone === undefined ? 'early' : flight.whenKeysAreNewer(this.#waits, proceed);
    if (why === 'full') flight.end(tooManyWait(this.name, keys), false);
    else if (why === 'early') proceed();
  }

  async #verify(key: string, { user, password }: Login, flight: Flight): Promise<void> {
    const { keys } = this.#parts;
    // The list may have been taken away while this waited for its turn.
    if (keys.whyNone !== undefined) {
      flight.end(withoutList(this.name, keys), false);
      return;
    }
    if (keys.keys !== this.#entries?.keys) this.#entries = new PasswordEntries(keys.keys);
    const { entry, isListed } = this.#entries.find(user);
    try {
      const isRight = entry !== undefined && (await fits(password, entry)) && isListed;
      const isCurrent = entry !== undefined && keys.has(entry);
      if (!isRight || !isCurrent) {
        // The client does not answer for an empty list, or for an entry that was taken away meanwhile.
        flight.end(this.#rejected('the name or the password is wrong'), isCurrent);
        return;
      }
      const caller = namedCaller(this.name, user, this.#config.subject);
      this.#known.keep(key, caller);
      flight.end(caller, false);
    } catch (error) {
      this.#parts.onFault(error);
      flight.end(this.#rejected('the password could not be verified; the log says why'), false);
    }
  }

  #rejected(why: string): Rejection {
    return { token: 'credentials_invalid', sentence: `identity ${this.name}: ${why}` };
  }
}

/**
 * One text for all spellings of the same field, so that a password is verified once however the scheme is written.
 * @returns undefined if the field has credentials of another kind
 */
function canonicalOf(text: string): string | undefined {
  if (text.startsWith('Basic ') && !text.startsWith(' ', 'Basic '.length)) return text;
  const [, rest] = /^basic +(.*)$/i.exec(text) ?? [];
  return rest === undefined ? undefined : `Basic ${rest}`;
}

/** @returns undefined also for base64 that is not written as RFC 4648 wants it: one password must not have many texts */
function readLogin(canonical: string): Login | undefined {
  if (canonical.length > LONGEST_FIELD) return undefined;
  const written = canonical.slice('Basic '.length);
  const bytes = Buffer.from(written, 'base64');
  const colon = bytes.indexOf(':');
  if (colon < 1 || bytes.toString('base64') !== written) return undefined;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

/** @param entry as parsePasswords makes it */
function fits(password: Buffer, { costLog, parallel, salt, hash }: PublicKey): Promise<boolean> {
  const cost = 2 ** Number(costLog);
  const wanted = Buffer.from(hash, 'base64');
  const options = {
    cost,
    blockSize: BLOCK_SIZE,
    parallelization: Number(parallel),
    maxmem: 256 * cost * BLOCK_SIZE,
  };
  return new Promise((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'base64'), wanted.length, options, (error, derived) => {
      if (error === null) resolve(timingSafeEqual(derived, wanted));
      else reject(error);
    });
  });
}
