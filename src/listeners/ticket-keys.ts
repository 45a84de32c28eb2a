// The keys that encrypt session tickets: one set for all listeners of a process, whatever their certificates. They outlive
// reloads and are replaced twice a day. They stay in memory, and are never logged or shown.

import { randomBytes } from 'node:crypto';

/** The size that Node requires: 16 bytes each for the key name, HMAC and AES. */
const KEYS_BYTES = 48;

/**
 * The rotation interval. A ticket lives for two hours at most (OpenSSL's default), so a rotation affects few clients and costs
 * them one full handshake. Keys are not kept forever because with TLS 1.2 anyone who has a key can decrypt recorded sessions
 * under it.
 */
const ROTATE_MS = 12 * 3_600_000;

export class TicketKeys {
  #current: Buffer = randomBytes(KEYS_BYTES);
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #listeners = new Set<(keys: Buffer) => void>();

  /** The keys. A different object after every change, so that a user of the keys can detect it. */
  get current(): Buffer {
    return this.#current;
  }

  /** Starts to replace the keys at intervals, until `close`. Only for the process that decides on them. */
  startRotation(everyMs = ROTATE_MS): void {
    this.close();
    this.#timer = setInterval(() => this.#replace(randomBytes(KEYS_BYTES)), everyMs).unref();
  }

  /** Uses the keys of another process, which replaces them from now on. */
  use(keys: Uint8Array): void {
    if (keys.length !== KEYS_BYTES) throw new RangeError(`session ticket keys are ${KEYS_BYTES} bytes`);
    this.close();
    this.#replace(Buffer.from(keys));
  }

  /** @returns a function that removes the listener */
  onChange(listener: (keys: Buffer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stops the rotation. The keys stay as they are. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #replace(keys: Buffer): void {
    this.#current = keys;
    for (const listener of this.#listeners) listener(keys);
  }
}
