// A client that was turned away, as the listener reports it, and the polite way to close its connection.
// The sentence is ours alone; what a peer or OpenSSL said stands in `detail`.

import type { Socket } from 'node:net';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { diagnoseRefusal, type RefusalToken } from '../diagnosis/refusal.ts';

export interface Refusal {
  readonly listener: string;
  /** As DownstreamPeer.client; '' when the connection was gone before it could be asked. */
  readonly client: string;
  /** Stable, one of the catalogue's in diagnosis/refusal.ts. */
  readonly token: RefusalToken;
  /** Of the page that says more: 'FG1001'. */
  readonly code: string;
  readonly sentence: string;
  /** What OpenSSL or Node's HTTP parser said, or a ClientHello in the clear. */
  readonly detail?: string;
  /** True for what port checks and vanishing clients cause all day: worth counting, not worth a warning. */
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
 * Sends the farewell and our FIN, then drops what still comes until the client closes too. Closing at once would make
 * the kernel answer unread octets with RST, and a client that gets RST throws away the farewell it has not yet read.
 */
export function closeAfterFarewell(socket: Socket, farewell?: string | Buffer): void {
  const timer = setTimeout(() => socket.destroy(), FAREWELL_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  if (farewell === undefined) socket.end();
  else socket.end(farewell);
  socket.resume();
}
