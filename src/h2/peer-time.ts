// Finds what a peer has begun and not finished within its time limit: a header block, a frame, or the answer to our SETTINGS.
// There is no clock here: the caller passes the time.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import type { FrameReader } from './frame-reader.ts';
import type { Receiver } from './receiver.ts';
import type { LocalSettings } from './settings.ts';

export class PeerTime {
  readonly #settings: LocalSettings;
  readonly #reader: FrameReader;
  readonly #receiver: Receiver;
  #firstCheckedAtMs: number | undefined = undefined;
  /** FrameReader.framesAwaited when it was last read, and the time of its last change. */
  #framesAwaited = 0;
  #frameAwaitedSinceMs = 0;

  constructor(settings: LocalSettings, reader: FrameReader, receiver: Receiver) {
    this.#settings = settings;
    this.#reader = reader;
    this.#receiver = receiver;
  }

  /** Notes that a chunk was read. A frame that is still incomplete began now, unless it was already incomplete before. */
  noteRead(nowMs: number): void {
    const { framesAwaited } = this.#reader;
    if (framesAwaited === this.#framesAwaited) return;
    this.#framesAwaited = framesAwaited;
    this.#frameAwaitedSinceMs = nowMs;
  }

  /**
   * @param isRead false while nothing is read from the peer, which therefore cannot finish what it has begun
   * @returns the error for the time limit that the peer has exceeded, if any
   */
  overdue(nowMs: number, isRead: boolean): ConnectionError | undefined {
    this.#firstCheckedAtMs ??= nowMs;
    const { headerTimeoutMs, settingsTimeoutMs } = this.#settings;
    const sinceMs = this.#unfinishedSinceMs;
    if (isRead && sinceMs !== undefined && nowMs - sinceMs >= headerTimeoutMs) {
      return new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        'header_block_timeout',
        `a header block or a frame was not finished in ${headerTimeoutMs / 1000} s (limits.headerTimeout)`,
      );
    }
    const isLate = nowMs - this.#firstCheckedAtMs >= settingsTimeoutMs;
    if (!isLate || !this.#receiver.awaitsSettingsAcknowledgement) return undefined;
    return new ConnectionError(
      ErrorCode.SETTINGS_TIMEOUT,
      'settings_timeout',
      `SETTINGS were not acknowledged in ${settingsTimeoutMs / 1000} s (limits.openingTimeout)`,
    );
  }

  /** When the unfinished header block, or the unfinished frame other than DATA, began. Undefined when there is none. */
  get #unfinishedSinceMs(): number | undefined {
    const blockSinceMs = this.#receiver.headerBlockOpenSinceMs;
    if (blockSinceMs !== undefined) return blockSinceMs;
    return this.#reader.isInsideFrame ? this.#frameAwaitedSinceMs : undefined;
  }
}
