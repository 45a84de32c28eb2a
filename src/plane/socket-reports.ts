// Answers questions about the HTTP/2 connections of this process. Nothing is kept for a connection before somebody asks about it, and the
// work of a question is divided into pieces.

import type { SocketPage, SocketQuery, SocketReport } from '../calls/socket-report.ts';
import { Pace } from '../observability/pace.ts';
import type { Relay } from '../relay/relay.ts';
import type { CallEndpoint, Snapshot } from '../relay/snapshot.ts';

/** The identifiers of one process; those of the next worker follow. */
const IDS_OF_A_PROCESS = 2 ** 32;
/** So many connections are looked at between two looks at the clock. */
const PER_LOOK = 64;

type ClientConnection = Relay['connections'][number];
type ServiceConnection = Extract<CallEndpoint, { readonly protocol: 'http2' }>['connections'][number];

interface Found {
  readonly key: object;
  readonly describe: (id: number) => SocketReport;
}

interface Placed extends Found {
  readonly id: number;
}

export interface SocketReportsParts {
  readonly relay: Pick<Relay, 'connections'>;
  readonly upstreams: () => Snapshot['upstreams'];
  /** The number of this process among the workers. Undefined if it is the only one. */
  readonly worker: number | undefined;
}

export class SocketReports {
  readonly #parts: SocketReportsParts;
  readonly #firstId: number;
  /** Of the connections that were asked about. */
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;
  /** Resolves when the question asked last is answered: several at a time would add up what they take of a turn. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(parts: SocketReportsParts) {
    this.#parts = parts;
    this.#firstId = (parts.worker === undefined ? 1 : parts.worker + 1) * IDS_OF_A_PROCESS;
  }

  find(query: SocketQuery): Promise<SocketPage> {
    const found = this.#answered.then(() => this.#find(query));
    this.#answered = found.catch(() => undefined);
    return found;
  }

  async #find(query: SocketQuery): Promise<SocketPage> {
    const pace = new Pace();
    const found: Placed[] = [];
    let count = 0;
    for (const one of this.#candidates(query)) {
      if (++count % PER_LOOK === 0) await pace.rest();
      const id = this.#idOf(one.key);
      if (query.of === 'id' ? id === query.id : id >= query.from) found.push({ ...one, id });
    }
    const page = found.toSorted((one, other) => one.id - other.id).slice(0, query.limit);
    return {
      sockets: page.map(({ id, describe }) => describe(id)),
      hasMore: found.length > page.length,
    };
  }

  #idOf(key: object): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#firstId + ++this.#lastId;
    this.#ids.set(key, id);
    return id;
  }

  *#candidates(query: SocketQuery): Generator<Found> {
    if (query.of !== 'endpoint')
      for (const connection of this.#parts.relay.connections)
        if (query.of === 'id' || connection.peer.listener === query.listener) yield ofClient(connection);
    if (query.of === 'listener') return;
    for (const upstream of this.#parts.upstreams().values()) {
      if (query.of === 'endpoint' && upstream.name !== query.upstream) continue;
      for (const endpoint of upstream.allEndpoints) {
        if (endpoint.protocol !== 'http2') continue;
        if (query.of === 'endpoint' && endpoint.address.text !== query.address) continue;
        for (const connection of endpoint.connections) yield ofService(connection);
      }
    }
  }
}

function ofClient(connection: ClientConnection): Found {
  return {
    key: connection,
    describe: (id) => ({
      ...connection.report,
      id,
      name: connection.peer.client,
      state: connection.isDraining ? 'draining' : 'ready',
      isClient: false,
      pingsSent: 0,
    }),
  };
}

function ofService(connection: ServiceConnection): Found {
  return {
    key: connection,
    describe: (id) => ({
      ...connection.report,
      id,
      name: connection.endpoint,
      state: connection.state === 'ready' ? 'ready' : 'draining',
      isClient: true,
    }),
  };
}
