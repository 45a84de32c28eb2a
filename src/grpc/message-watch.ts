// Follows the length-prefixed messages of one direction of a stream, as MessageCounter does, and tells a watcher of each message when its last
// byte has come. It keeps the first bytes of a message only if the watcher wants them and the message does not come in one piece.
// It validates nothing: garbage is counted, never refused.

const PREFIX_BYTES = 5;
const COMPRESSED = 1;
const NOTHING = Buffer.alloc(0);
/** Memory grows with the bytes that have come, not with the length that a peer has announced. */
const FIRST_ROOM_BYTES = 1024;

export type MessageDirection = 'request' | 'response';

export interface MessageWatcher {
  /** How many of the first bytes of a message are wanted. Asked once for each message that does not come in one piece. */
  readonly wantedBytes: number;
  /** @returns whether this many more bytes may be kept */
  take(bytes: number): boolean;
  /** This many bytes are no longer kept. */
  give(bytes: number): void;
  /** A message is complete. What the watch says of it is valid during the call. Must not throw. */
  onMessage(watch: MessageWatch): void;
}

export class MessageWatch {
  readonly direction: MessageDirection;
  /** The number of complete messages. */
  messages = 0;
  /** The value of grpc-encoding of this direction, '' if there is none. */
  encoding = '';
  /** Whether the latest message is compressed, by its flag. */
  isCompressed = false;
  /** The length of the latest message, without its prefix. */
  sizeBytes = 0;
  /** Holds the first bytes of the latest message, from `start` to `end`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #watcher: MessageWatcher | undefined;
  #prefixSeen = 0;
  /** The number of payload bytes of the current message that have not arrived yet. */
  #payloadLeft = 0;
  /** How many bytes of the current message are kept at most. -1: the watcher was not asked. */
  #mostKept = -1;
  #kept: Buffer | undefined = undefined;
  #keptBytes = 0;

  constructor(direction: MessageDirection, watcher: MessageWatcher) {
    this.direction = direction;
    this.#watcher = watcher;
  }

  /** Whether a message is incomplete: if the stream ended now, it would end in the middle of a message. */
  get isInsideMessage(): boolean {
    return this.#prefixSeen > 0;
  }

  /** From now on, messages are only counted. */
  close(): void {
    this.#forget();
    this.#watcher = undefined;
  }

  /** Takes the content of one DATA frame, without its padding. */
  consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#prefixSeen < PREFIX_BYTES) {
        at = this.#readPrefix(chunk, at, end);
        if (this.#prefixSeen < PREFIX_BYTES) return;
        this.#payloadLeft = this.sizeBytes;
      }
      const size = Math.min(end - at, this.#payloadLeft);
      this.#payloadLeft -= size;
      if (this.#payloadLeft > 0) {
        this.#keep(chunk, at, at + size);
        return;
      }
      this.#complete(chunk, at, at + size);
      at += size;
    }
  }

  /** Reads as much of a prefix as has arrived. @returns the index after the last byte read */
  #readPrefix(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefixSeen < PREFIX_BYTES) {
      if (this.#prefixSeen === 0) {
        this.isCompressed = (chunk[at] & COMPRESSED) !== 0;
        this.sizeBytes = 0;
      } else this.sizeBytes = this.sizeBytes * 256 + chunk[at];
      this.#prefixSeen++;
      at++;
    }
    return at;
  }

  #complete(chunk: Buffer, start: number, end: number): void {
    this.messages++;
    this.#prefixSeen = 0;
    if (this.#watcher === undefined) return;
    if (end - start === this.sizeBytes) {
      this.bytes = chunk;
      this.start = start;
      this.end = end;
    } else {
      this.#keep(chunk, start, end);
      this.bytes = this.#kept ?? NOTHING;
      this.start = 0;
      this.end = this.#keptBytes;
    }
    this.#watcher.onMessage(this);
    this.#forget();
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const watcher = this.#watcher;
    if (watcher === undefined) return;
    if (this.#mostKept < 0) this.#mostKept = Math.min(watcher.wantedBytes, this.sizeBytes);
    const size = Math.min(end - start, this.#mostKept - this.#keptBytes);
    if (size <= 0) return;
    const room = this.#roomFor(this.#keptBytes + size, watcher);
    if (room === undefined) {
      this.#mostKept = this.#keptBytes;
      return;
    }
    chunk.copy(room, this.#keptBytes, start, start + size);
    this.#keptBytes += size;
  }

  /** @returns undefined if there is no memory for it */
  #roomFor(bytes: number, watcher: MessageWatcher): Buffer | undefined {
    const kept = this.#kept ?? NOTHING;
    if (bytes <= kept.length) return kept;
    const length = Math.min(this.#mostKept, Math.max(bytes, kept.length * 2, FIRST_ROOM_BYTES));
    if (!watcher.take(length - kept.length)) return undefined;
    const room = Buffer.allocUnsafeSlow(length);
    kept.copy(room, 0, 0, this.#keptBytes);
    this.#kept = room;
    return room;
  }

  /** Lets go of the bytes of the latest message. */
  #forget(): void {
    if (this.#kept !== undefined) this.#watcher?.give(this.#kept.length);
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.#mostKept = -1;
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}
