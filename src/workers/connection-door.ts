// Whether a connection may come in, in view of those that all workers together have: decided where it is accepted, before a
// worker hears of it. It reads nothing.

import type { Socket } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import { countedAddress } from '../config/counted-address.ts';
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
  /** To be released when the connection is closed. */
  readonly place: ConnectionPlace;
  /** As it is counted; undefined for who speaks for many, and where there is none. */
  readonly address: string | undefined;
}

export class ConnectionDoor {
  readonly #limits: ConnectionLimits;
  readonly #onRefused: (refusal: Refusal) => void;
  /** Who speaks for many: balancers, and those whose word on others is taken. */
  readonly #exempt = new WeakMap<ListenerConfig, TrustedClients>();

  constructor(limits: ConnectionLimits, onRefused: (refusal: Refusal) => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Undefined: it is closed already. */
  admit(socket: Socket, doorway: Doorway): AdmittedClient | undefined {
    const isUnix = doorway.port === undefined;
    const origin = originOf(socket, { isUnix });
    const isExempt = isUnix || this.#exemptOf(doorway.config)(origin.address);
    const result = this.#limits.take(origin.address, isExempt, doorway.name);
    if (isPlace(result)) {
      const isOne = !isExempt && origin.address !== '';
      return { place: result, address: isOne ? countedAddress(origin.address) : undefined };
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
