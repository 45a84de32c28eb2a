// The keys of one identity, read again and again. The last keys that could be read stay in use until there are newer ones, however long
// that takes: an issuer that is down must not lock everybody out. But a list that was read and is empty, and a file that is gone, say
// that nobody is known any more. They are believed when they say so twice, since a file may just be written anew.

import { errorCode } from '../config/error-code.ts';
import { type KeySource, keySetName, shownSource } from '../config/identity-config.ts';
import { type KeysUpdate, leftOutText, type PublicKey, type ReadKeys } from '../config/public-keys.ts';
import type { LogFields, Logger } from '../observability/logger.ts';
import { signatureOf } from '../sources/file-signature.ts';

/** Also the least time between two requests because of a key that is not known. */
const AGAIN_SOONEST_MS = 30_000;
const URL_EVERY_MS = 300_000;
const RETRY_MS = 1000;
const MOST_RETRY_MS = 60_000;
/** For so long a source must say that there are no keys any more. A little less than until it is read again. */
const BELIEVED_AFTER_MS = RETRY_MS - 100;

/** The keys of one identity, or its list of keys or passwords, for the admin API. */
export interface KeyReport {
  readonly identity: string;
  /** The file, or the URL without its query. */
  readonly source: string;
  /** How many are in use. */
  readonly keys: number;
  /** Why they cannot be read. Undefined if they can. */
  readonly reason?: string;
}

export interface FollowedKeysParts {
  readonly publish: (update: KeysUpdate) => void;
  readonly logger: Logger;
  /** The names of the identities that use the source, for the log. */
  readonly identities: () => readonly string[];
  readonly read: (source: KeySource) => Promise<ReadKeys>;
  /** How often a file is read. Undefined means only when somebody asks. */
  readonly fileEveryMs: () => number | undefined;
  /** Monotonic milliseconds. For tests. */
  readonly now?: () => number;
}

export class FollowedKeys {
  readonly source: KeySource;
  readonly #parts: FollowedKeysParts;
  readonly #now: () => number;
  #keys: readonly PublicKey[] = [];
  #problem: string | undefined = undefined;
  #failures = 0;
  /** How often the keys were read, and how often they could not be. A look at a file that has not changed is neither. */
  readonly counts = { read: 0, failed: 0 };
  #confirmedAtMs: number | undefined = undefined;
  #hasRead = false;
  /** Since when the source says that there are no keys any more, while that is not believed yet. */
  #goneSinceMs: number | undefined = undefined;
  /** The file has changed while it was read. */
  #hasChanged = false;
  /** What could not be used of a list that was read, as it was logged. */
  #leftOut = '';
  #readAtMs = Number.NEGATIVE_INFINITY;
  #isReading = false;
  #isClosed = false;
  /** The signature of the file when it was read last. */
  #signature: string | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(source: KeySource, parts: FollowedKeysParts) {
    this.source = source;
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
  }

  /** Reads the keys, and publishes what is known then. Never rejects. */
  async read(): Promise<void> {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#readAtMs = this.#now();
    clearTimeout(this.#timer);
    try {
      // Taken before the file is read, so that a change in between is noticed.
      this.#signature = await this.#signatureNow();
      this.#note(await this.#parts.read(this.source));
      this.#hasChanged = (await this.#signatureNow()) !== this.#signature;
    } catch (error) {
      this.#noteFailure(error);
    }
    this.#isReading = false;
    if (this.#isClosed) return;
    this.#publish();
    this.#schedule();
  }

  /** How many keys are in use, and why they could not be read last. */
  get report(): Pick<KeyReport, 'source' | 'keys' | 'reason'> {
    return {
      source: shownSource(this.source),
      keys: this.#keys.length,
      ...(this.#problem !== undefined && { reason: this.#problem }),
    };
  }

  /** How long ago the source was found to say what is in use. Undefined while nothing could be read. */
  get ageMs(): number | undefined {
    return this.#confirmedAtMs === undefined ? undefined : this.#now() - this.#confirmedAtMs;
  }

  async #signatureNow(): Promise<string | undefined> {
    return this.source.kind === 'file' ? signatureOf([this.source.text]) : undefined;
  }

  get #isToBeReadSoon(): boolean {
    return this.#failures > 0 || this.#hasChanged || this.#goneSinceMs !== undefined;
  }

  /** Reads a file that has changed, and a URL in any case. */
  async #look(): Promise<void> {
    const isSame =
      !this.#isToBeReadSoon &&
      this.source.kind === 'file' &&
      (await this.#signatureNow()) === this.#signature;
    if (isSame && !this.#isClosed) {
      this.#confirmedAtMs = this.#now();
      this.#schedule();
    } else await this.read();
  }

  /** A token names a key that is not known. Publishes newer keys soon, or at once those that are known. */
  lookAgain(): void {
    if (this.#isReading) return;
    if (this.#now() - this.#readAtMs < AGAIN_SOONEST_MS) this.#publish();
    else void this.read();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #publish(): void {
    this.#parts.publish({
      source: keySetName(this.source),
      keys: this.#keys,
      ...(this.#problem !== undefined && { problem: this.#problem }),
    });
  }

  #note({ keys, leftOut }: ReadKeys): void {
    this.#failures = 0;
    this.counts.read++;
    if (this.#doubts(keys)) return;
    this.#confirmedAtMs = this.#now();
    const isNew = JSON.stringify(keys) !== JSON.stringify(this.#keys);
    this.#keys = keys;
    const fields = this.#fields;
    this.#complainOfEntries(leftOut.map((one) => leftOutText(shownSource(this.source), one)).join('; '));
    if (keys.length === 0 && (isNew || !this.#hasRead || this.#problem !== undefined))
      this.#parts.logger.warn(fields, 'the list of keys of an identity is empty; nobody has this identity');
    else if (isNew || this.#problem !== undefined)
      this.#parts.logger.info(fields, 'keys of an identity were read');
    this.#problem = undefined;
    this.#hasRead = true;
  }

  /** @returns whether this would take all keys away, and was not yet said for long enough to be believed */
  #doubts(keys: readonly PublicKey[]): boolean {
    if (keys.length === 0 && this.#keys.length > 0) this.#goneSinceMs ??= this.#now();
    else this.#goneSinceMs = undefined;
    if (this.#goneSinceMs === undefined) return false;
    if (this.#now() - this.#goneSinceMs < BELIEVED_AFTER_MS) return true;
    this.#goneSinceMs = undefined;
    return false;
  }

  #noteFailure(error: unknown): void {
    this.#failures++;
    this.counts.failed++;
    if (this.source.kind === 'file' && errorCode(error) === 'ENOENT') {
      // Whoever replaces a file may remove the old one first.
      if (this.#doubts([])) return;
      this.#keys = [];
    }
    this.#complain(error instanceof Error ? error.message : String(error));
  }

  get #fields(): LogFields {
    const identity = this.#parts.identities().join(', ');
    return { identity, source: shownSource(this.source), keys: this.#keys.length };
  }

  /** Logs once what cannot be used, until that changes. */
  #complainOfEntries(problem: string): void {
    if (problem === this.#leftOut) return;
    this.#leftOut = problem;
    if (problem === '') return;
    const fields = { ...this.#fields, problem };
    this.#parts.logger.error(
      fields,
      'a list of an identity has entries that cannot be used; only the others are in use',
    );
  }

  /** Logs a problem once, until it changes or is solved. */
  #complain(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const fields = { ...this.#fields, problem };
    if (this.#keys.length > 0)
      this.#parts.logger.warn(fields, 'keys of an identity could not be read; the last ones stay in use');
    else
      this.#parts.logger.error(
        fields,
        'keys of an identity could not be read; its clients cannot be recognised',
      );
  }

  #schedule(): void {
    const everyMs = this.source.kind === 'url' ? URL_EVERY_MS : this.#parts.fileEveryMs();
    const retryMs = Math.min(RETRY_MS * 2 ** (this.#failures - 1), MOST_RETRY_MS);
    const soonMs = this.#failures > 0 ? retryMs : RETRY_MS;
    const waitMs = this.#isToBeReadSoon ? soonMs : everyMs;
    if (waitMs !== undefined) this.#timer = setTimeout(() => void this.#look(), waitMs).unref();
  }
}
