// The only two errors the protocol knows (RFC 9113 section 5.4). They are thrown where a violation is detected and
// acted on in one place, Connection.receive. The token is stable: log field, metric label and test name at once.

import { errorCodeName } from './error-codes.ts';

/** The whole connection is broken: GOAWAY with the code, then close (RFC 9113 section 5.4.1). */
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

/** One stream is broken: RST_STREAM with the code; the connection goes on (RFC 9113 section 5.4.2). */
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
