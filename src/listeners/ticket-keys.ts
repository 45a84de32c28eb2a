// The keys that session tickets are sealed with: one set for all listeners of a process, whatever their certificates.
// They outlive reloads and are replaced twice a day; they never leave memory, and reach no log and no page.

import { randomBytes } from 'node:crypto';

/** What Node wants: 16 octets each for the name of the key, for HMAC and for AES. */
const KEYS_BYTES = 48;

/**
 * A ticket lives for two hours at most (OpenSSL's default), so few clients meet a change, and those pay with one full
 * handshake. In TLS 1.2 whoever has the key reads what was recorded of the sessions under it: hence not for ever.
 */
const ROTATE_MS = 12 * 3_600_000;

export class TicketKeys {
  #current: Buffer = randomBytes(KEYS_BYTES);
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #listeners = new Set<(keys: Buffer) => void>();

  /** Another object after every change, so that who has taken it can tell. */
  get current(): Buffer {
    return this.#current;
  }

  /** For the process that decides; until `close`. */
  startRotation(everyMs = ROTATE_MS): void {
    this.close();
    this.#timer = setInterval(() => this.#replace(randomBytes(KEYS_BYTES)), everyMs).unref();
  }

  /** Takes the keys of another process, which is the one to replace them from now on. */
  use(keys: Uint8Array): void {
    if (keys.length !== KEYS_BYTES) throw new RangeError(`session ticket keys are ${KEYS_BYTES} octets`);
    this.close();
    this.#replace(Buffer.from(keys));
  }

  /** @returns what ends it */
  onChange(listener: (keys: Buffer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The keys stay as they are. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #replace(keys: Buffer): void {
    this.#current = keys;
    for (const listener of this.#listeners) listener(keys);
  }
}
