// The two kinds of error that HTTP/2 knows (RFC 9113 section 5.4). They are thrown where a violation is detected, and Connection
// acts on them in one place. The token is stable: it is the log field, the metric label and the name in tests.

import { errorCodeName } from './error-codes.ts';

/** The token of a fault of ours, which is no violation. */
export const INTERNAL_ERROR = 'internal_error';

/** An error of the whole connection: GOAWAY with the code, then close (RFC 9113 section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: number;
  readonly token: string;

  constructor(code: number, token: string, message: string, options?: ErrorOptions) {
    super(`${message} (${errorCodeName(code)}, ${token})`, options);
    this.code = code;
    this.token = token;
  }
}

/** @returns who ended a connection by this error, and why, as the reason for everyone whom the end concerns */
export function describeOwnEnd({ token, message }: ConnectionError): string {
  return token === INTERNAL_ERROR
    ? 'this proxy ended it after an internal error'
    : `this proxy ended it because of a violation: ${message}`;
}

/** An error of one stream: RST_STREAM with the code. The connection goes on (RFC 9113 section 5.4.2). */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly streamId: number;
  readonly code: number;
  readonly token: string;

  constructor(streamId: number, code: number, token: string, message: string) {
    super(`${message} (stream ${streamId}, ${errorCodeName(code)}, ${token})`);
    this.streamId = streamId;
    this.code = code;
    this.token = token;
  }
}
