// How a connection begins: with a PROXY protocol header, where one is required, and then with bytes that show what the client
// speaks. Only this file decides who may send a header.

import type { Socket } from 'node:net';
import { classifyFirstBytes } from '../diagnosis/first-bytes.ts';
import { parseProxyHeader } from '../diagnosis/proxy-header.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { readBytes } from './byte-reader.ts';
import type { ClientOrigin } from './peer.ts';
import type { ServerContext } from './server-context.ts';

/** What the client speaks, or why it is refused. */
export type OpeningOutcome = 'http2' | 'http1' | 'tls' | RefusalToken;

export interface Opening {
  readonly outcome: OpeningOutcome;
  /** All bytes so far without the PROXY header: those that showed the protocol, and those that came with them. */
  readonly head: Buffer;
  readonly origin: ClientOrigin;
}

/** Reads the beginning of a connection. Calls `opened` at most once, with the socket in the state that `Reading.decided` describes. */
export function readOpening(
  socket: Socket,
  accepted: ClientOrigin,
  context: ServerContext,
  opened: (socket: Socket, opening: Opening) => void,
): void {
  const beginning = new Beginning(context, accepted);
  readBytes<OpeningOutcome>(socket, {
    timeoutMs: context.timeouts.firstBytesMs,
    containment: context.containment,
    examine: (bytes) => beginning.examine(bytes),
    decided(outcome, bytes) {
      const opening = beginning.conclude(outcome, bytes);
      const { origin } = opening;
      if (origin === accepted || context.admission.admitBehindProxy(socket, origin)) opened(socket, opening);
    },
  });
}

/** What is known of one connection so far. */
class Beginning {
  /** Whether a PROXY header is required, or the token to refuse one with. */
  readonly #header: 'required' | 'proxy_protocol_untrusted' | 'proxy_protocol_not_enabled';
  /** The address at the other end of the socket. */
  readonly #accepted: ClientOrigin;
  #headerLength = 0;
  #origin: ClientOrigin;

  constructor({ isProxy }: ServerContext, origin: ClientOrigin) {
    this.#accepted = origin;
    this.#origin = origin;
    if (isProxy === undefined) this.#header = 'proxy_protocol_not_enabled';
    else this.#header = isProxy(origin.address) ? 'required' : 'proxy_protocol_untrusted';
  }

  examine(bytes: Buffer): OpeningOutcome | 'need-more' {
    if (this.#isWaitingForHeader) return this.#examineHeader(bytes);
    const kind = classifyFirstBytes(bytes.subarray(this.#headerLength));
    switch (kind) {
      case 'proxy-v1':
      case 'proxy-v2':
        // This is a second header: load balancers in a row must agree on the original client.
        return this.#header === 'required' ? 'proxy_protocol_malformed' : this.#header;
      case 'unknown':
        return 'unknown_protocol';
      default:
        return kind;
    }
  }

  get #isWaitingForHeader(): boolean {
    return this.#header === 'required' && this.#headerLength === 0;
  }

  #examineHeader(bytes: Buffer): OpeningOutcome | 'need-more' {
    const kind = classifyFirstBytes(bytes);
    if (kind === 'need-more') return kind;
    if (kind !== 'proxy-v1' && kind !== 'proxy-v2') return 'proxy_protocol_missing';
    const header = parseProxyHeader(bytes);
    if (header === 'need-more') return header;
    if (header === 'malformed') return 'proxy_protocol_malformed';
    this.#headerLength = header.headerLength;
    this.#origin = header.source ?? this.#origin;
    return this.examine(bytes);
  }

  conclude(outcome: OpeningOutcome | 'timeout' | 'abandoned', bytes: Buffer): Opening {
    const timeout = this.#isWaitingForHeader ? 'proxy_protocol_timeout' : 'first_bytes_timeout';
    const told = outcome === 'timeout' ? timeout : outcome;
    return {
      outcome: told === 'abandoned' ? 'first_bytes_abandoned' : told,
      head: bytes.subarray(this.#headerLength),
      // A malformed header is the load balancer's mistake.
      origin: told === 'proxy_protocol_malformed' ? this.#accepted : this.#origin,
    };
  }
}
