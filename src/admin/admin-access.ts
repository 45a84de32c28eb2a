// Decides who may ask the admin server: by the token of admin.token, where the configuration has one.
// The token is kept as a digest only, so that nothing can show it.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Address, isLocalAddress } from '../config/address.ts';
import { isSignature, isSignedBy, NONCE_FIELD, NONCE_WANTED, tokenDigest } from '../config/signed-request.ts';
import type { Logger } from '../observability/logger.ts';

/** What access depends on: a request of Node, or what stands for a call of gRPC. */
export interface Asking {
  readonly method?: string | undefined;
  readonly headers: {
    readonly authorization?: string | undefined;
    readonly 'content-length'?: string | undefined;
    readonly 'transfer-encoding'?: string | undefined;
  };
  readonly url?: string | undefined;
  /** The connection, if requests on it can be signed. */
  readonly socket?: object;
}

/** What a connection was given to sign one request with. */
interface Nonce {
  readonly nonce: string;
  signed: Asking | undefined;
}

/** What a request has. Anything in the Authorization field that is not the token is wrong. */
type Credential = 'token' | 'none' | 'wrong';

/** granted: go on. missing, wrong: the answer is 401. */
export type Verdict = 'granted' | 'missing' | 'wrong';

/** The pages that tell no more than whether the proxy takes calls, since probes of Kubernetes and load balancers have no token. */
export const OPEN_PATHS: readonly string[] = ['/live', '/ready'];
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];
/** Refusals are logged at most once in this time. */
const LOG_EVERY_MS = 60_000;

export interface AccessParts {
  /** The address in the configuration. */
  readonly address: Address;
  /** Undefined if no token is needed. */
  readonly token: string | undefined;
  readonly logger?: Logger | undefined;
  /** Replaces the clock. In milliseconds. */
  readonly now?: () => number;
}

export class AdminAccess {
  readonly #isLocal: boolean;
  readonly #isUnix: boolean;
  readonly #logger: Logger | undefined;
  readonly #now: () => number;
  readonly #nonces = new WeakMap<object, Nonce>();
  #digest: Buffer | undefined;
  #refused = { missing: 0, wrong: 0 };
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ address, token, logger, now = () => performance.now() }: AccessParts) {
    this.#isLocal = isLocalAddress(address);
    this.#isUnix = address.kind === 'unix';
    this.#logger = logger;
    this.#now = now;
    this.#digest = digestOf(token);
  }

  /** Replaces the token. Requests that come from now on need the new one. @returns whether it is another one */
  use(token: string | undefined): boolean {
    const before = this.#digest;
    this.#digest = digestOf(token);
    if (before === undefined || this.#digest === undefined) return before !== this.#digest;
    return !before.equals(this.#digest);
  }

  /** Whether the configuration has a token. */
  get needsToken(): boolean {
    return this.#digest !== undefined;
  }

  /**
   * Judges a request whose Host is none of this server. No web page of another server can make a browser send the token.
   * foreign: the Host is what is wrong with it.
   */
  judgeForeign(asking: Asking): 'granted' | 'wrong' | 'foreign' {
    if (this.#digest === undefined) return 'foreign';
    const credential = this.#credentialOf(asking);
    if (credential === 'token') return 'granted';
    return credential === 'none' ? 'foreign' : 'wrong';
  }

  /** @returns what the next request on the connection can be signed with. Undefined if there is no token, or the client has not asked. */
  nonceFor({ headers, socket }: IncomingMessage): string | undefined {
    if (this.#digest === undefined || headers[NONCE_FIELD] !== NONCE_WANTED) return undefined;
    const nonce = randomBytes(32).toString('hex');
    this.#nonces.set(socket, { nonce, signed: undefined });
    return nonce;
  }

  /**
   * Whether the asker may see what is in calls: metadata and content. It must have the token. Without a token in the configuration it must be
   * on this machine.
   */
  mayLookInside(request: IncomingMessage): boolean {
    if (this.#digest !== undefined) return this.#credentialOf(request) === 'token';
    if (this.#isUnix) return true;
    const { remoteAddress: host = '' } = request.socket;
    return isLocalAddress({ kind: 'tcp', host, port: 0, text: host });
  }

  hasToken(asking: Asking): boolean {
    return this.#digest !== undefined && this.#credentialOf(asking) === 'token';
  }

  judge(asking: Asking, path: string): Verdict {
    if (this.#digest === undefined || OPEN_PATHS.includes(path)) return 'granted';
    if (this.#isLocal && SAFE_METHODS.includes(asking.method ?? '')) return 'granted';
    const credential = this.#credentialOf(asking);
    if (credential === 'token') return 'granted';
    return credential === 'none' ? 'missing' : 'wrong';
  }

  /** Counts a refused request for the log. @param client who has asked */
  refused(verdict: 'missing' | 'wrong', client: string): void {
    this.#refused[verdict]++;
    const nowMs = this.#now();
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) return;
    this.#loggedAtMs = nowMs;
    const { missing, wrong } = this.#refused;
    this.#refused = { missing: 0, wrong: 0 };
    this.#logger?.warn({ client, missing, wrong }, 'the admin server has refused requests without its token');
  }

  #credentialOf(asking: Asking): Credential {
    const { authorization } = asking.headers;
    if (authorization === undefined) return 'none';
    if (isSignature(authorization)) return this.#isSigned(asking, authorization) ? 'token' : 'wrong';
    const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
    const digest = digestOf(token);
    if (digest === undefined || this.#digest === undefined) return 'wrong';
    // Digests have one length, and say nothing about how much of a wrong token is right.
    return timingSafeEqual(digest, this.#digest) ? 'token' : 'wrong';
  }

  /** A nonce is for one request, and a body is not signed. */
  #isSigned(asking: Asking, authorization: string): boolean {
    const { method = '', url: target = '', socket, headers } = asking;
    const given = socket === undefined ? undefined : this.#nonces.get(socket);
    if (given === undefined || this.#digest === undefined) return false;
    given.signed ??= asking;
    if (given.signed !== asking) return false;
    if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined)
      return false;
    return isSignedBy(this.#digest, { nonce: given.nonce, method, target }, authorization);
  }
}

function digestOf(token: string | undefined): Buffer | undefined {
  return token === undefined ? undefined : tokenDigest(token);
}
