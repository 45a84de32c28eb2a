// What an exchange needs of the streams it stands between. Usually a stream of an h2 connection; for a gRPC-Web client
// a translator in front of it.

import type { Stream } from '../h2/stream.ts';

export type CallStream = Pick<Stream, 'sendHeaders' | 'sendData' | 'reset' | 'credit'>;
