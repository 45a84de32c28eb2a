// Decides in the primary whether a connection is accepted, by the number of connections that all workers have together. It reads
// nothing from the connection.

import type { Socket } from 'node:net';
import { clientNetwork } from '../config/client-network.ts';
import type { ListenerConfig } from '../config/config.ts';
import { type ConnectionLimits, type ConnectionPlace, isPlace } from '../listeners/connection-limits.ts';
import { clientOf, originOf } from '../listeners/peer.ts';
import { makeRefusal, type Refusal } from '../listeners/refusal.ts';
import { compileTrustedClients, type TrustedClients } from '../listeners/trusted-clients.ts';

interface Doorway {
  readonly name: string;
  readonly config: ListenerConfig;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
}

export interface AdmittedClient {
  /** Must be released when the connection is closed. */
  readonly place: ConnectionPlace;
  /** The address as it is counted. Undefined for unix sockets, and for peers that forward connections of many clients. */
  readonly address: string | undefined;
}

export class ConnectionDoor {
  readonly #limits: ConnectionLimits;
  readonly #onRefused: (refusal: Refusal) => void;
  /** The peers that forward connections of many clients and are not limited by address: trusted clients and PROXY protocol senders. */
  readonly #exempt = new WeakMap<ListenerConfig, TrustedClients>();

  constructor(limits: ConnectionLimits, onRefused: (refusal: Refusal) => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Returns undefined if the connection was refused. It is then already closed. */
  admit(socket: Socket, doorway: Doorway): AdmittedClient | undefined {
    const isUnix = doorway.port === undefined;
    const origin = originOf(socket, { isUnix });
    const isExempt = isUnix || this.#exemptOf(doorway.config)(origin.address);
    const result = this.#limits.take(origin.address, isExempt, doorway.name);
    if (isPlace(result)) {
      const isOne = !isExempt && origin.address !== '';
      return { place: result, address: isOne ? clientNetwork(origin.address) : undefined };
    }
    // A reset leaves nothing behind in the kernel. Unix sockets have none.
    if (isUnix) socket.destroy();
    else socket.resetAndDestroy();
    this.#onRefused(makeRefusal(doorway.name, clientOf(origin), result.token, result.detail));
    return undefined;
  }

  #exemptOf(config: ListenerConfig): TrustedClients {
    let exempt = this.#exempt.get(config);
    if (exempt === undefined) {
      exempt = compileTrustedClients([...config.trustedClients, ...(config.proxyProtocol?.trusted ?? [])]);
      this.#exempt.set(config, exempt);
    }
    return exempt;
  }
}
