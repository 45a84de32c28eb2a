// A refused client, as the listener reports it, and how its connection is closed. The sentence is always our own; what the peer
// or OpenSSL said is in `detail`.

import type { Socket } from 'node:net';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { diagnoseRefusal, type RefusalToken } from '../diagnosis/refusal.ts';

export interface Refusal {
  readonly listener: string;
  /** As ListenerPeer.client. '' when the connection was closed before its address was read. */
  readonly client: string;
  /** A stable token from the catalogue in diagnosis/refusal.ts. */
  readonly token: RefusalToken;
  /** The code of the page that says more, such as 'FG1001'. */
  readonly code: string;
  readonly sentence: string;
  /** What OpenSSL or Node's HTTP parser said, the contents of a ClientHello, or the limit that was reached. */
  readonly detail?: string;
  /** True for refusals that port checks and vanishing clients cause all day: they are counted, but not logged as warnings. */
  readonly routine: boolean;
}

const ROUTINE: ReadonlySet<RefusalToken> = new Set<RefusalToken>([
  'tls_handshake_abandoned',
  'first_bytes_timeout',
  'first_bytes_abandoned',
]);

export function makeRefusal(listener: string, client: string, token: RefusalToken, detail?: string): Refusal {
  const { sentence } = diagnoseRefusal(token);
  const code = diagnosisCode(token);
  const routine = ROUTINE.has(token);
  return { listener, client, token, code, sentence, routine, ...(detail === undefined ? {} : { detail }) };
}

/** How long a refused client may take to read the farewell and to close its side. */
const FAREWELL_TIMEOUT_MS = 1000;

/**
 * Sends the farewell and our FIN, then drops what still arrives until the client closes too. When a socket is closed at once, the
 * kernel answers unread bytes with RST, and a client that gets RST discards a farewell it has not read yet.
 */
export function closeAfterFarewell(socket: Socket, farewell?: string | Buffer): void {
  const timer = setTimeout(() => socket.destroy(), FAREWELL_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  if (farewell === undefined) socket.end();
  else socket.end(farewell);
  socket.resume();
}
