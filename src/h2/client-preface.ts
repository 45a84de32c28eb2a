// Checks the client connection preface (RFC 9113 section 3.4), even when only a part of it has arrived.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import { CLIENT_PREFACE } from './frame-type.ts';

/** @throws ConnectionError as soon as one of the first `length` bytes differs from the preface */
export function checkPreface(bytes: Buffer, start: number, length: number): void {
  for (let position = 0; position < length; position++) {
    if (bytes[start + position] !== CLIENT_PREFACE[position]) {
      throw new ConnectionError(
        ErrorCode.PROTOCOL_ERROR,
        'preface_invalid',
        'the client preface is not HTTP/2',
      );
    }
  }
}
