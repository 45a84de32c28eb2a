// What an exchange needs of the streams it stands between, whatever carries them: a stream of HTTP/2, a request of HTTP/1.1
// from a client or to a service, or a translator in front of one. Who owns such a stream is a StreamOwner.

import type { HeaderList } from '../h2/hpack/header-list.ts';

export interface CallStream {
  /**
   * Sends a header section: `list`, and behind it `suffix` up to `suffixLength`, HPACK that needs no table. The first that is
   * not interim is the head; one behind it is the trailer section, and ends the stream.
   * @returns false when nothing can be sent any more
   */
  sendHeaders(list: HeaderList, endStream: boolean, suffix?: Buffer, suffixLength?: number): boolean;
  /** @returns how many bytes were taken; where fewer than given, the owner's onWritable tells when to offer the rest */
  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number;
  /** Breaks the stream off; NO_ERROR: it is complete on our side. @returns false when it was over already */
  reset(code: number): boolean;
  /** `size` bytes of what was received are done with: as many may come again. */
  credit(size: number): void;
  /** The HTTP status that was sent, where it is not that of the header section. */
  readonly sentStatus?: number | undefined;
}
