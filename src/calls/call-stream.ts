// What an exchange needs from the two streams that it connects. A stream can be an HTTP/2 stream, an HTTP/1.1 request from a client or
// to a service, or a translator in front of one of these. The owner of a stream is a StreamOwner.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { StreamRoom } from '../h2/stream-room.ts';

export interface CallStream {
  /**
   * Sends a header section: `list`, and after it the first `suffixLength` bytes of `suffix`. The first section that is not an interim
   * response is the head. The next one is the trailer section, and ends the stream.
   * @param suffix HPACK literals that do not refer to the dynamic table
   * @returns false if nothing can be sent any more
   */
  sendHeaders(list: HeaderList, endStream: boolean, suffix?: Buffer, suffixLength?: number): boolean;
  /** @returns how many bytes were taken. If not all of them, the owner's onWritable() is called when there is room for the rest. */
  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number;
  /** Resets the stream. NO_ERROR means that everything has been sent. @returns false if the stream had already ended */
  reset(code: number): boolean;
  /** Tells the sender that `size` received bytes were consumed, so that it may send as many again. */
  credit(size: number): void;
  /** The HTTP status that was sent, if it differs from the :status of the header section. */
  readonly sentStatus?: number | undefined;
  /** How many bytes `sendData` would take now, at most. Infinity where that is not known. */
  readonly roomBytes: number;
  /** What the stream has room for. Made anew with each look, so only for reports. */
  readonly room: StreamRoom;
}
