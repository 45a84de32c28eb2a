// Unary calls of a closed loop over connections that stay open, in series: each series makes so many calls, and then all is quiet.

import { makeMessage } from '../compare/payload.ts';
import { GRPC_REQUEST_HEADERS } from '../compare/request-headers.ts';
import { CallConnection, pathField } from '../load/call-connection.ts';
import type { Fields } from '../load/header-blocks.ts';
import type { ChangingFields } from '../load/job.ts';
import { Metadata } from '../load/metadata.ts';

const CONNECTIONS = 10;
const STREAMS = 20;
const PAYLOAD_BYTES = 64;

export interface SeriesTerms {
  readonly port: number;
  readonly path: string;
  /** Fields that are the same in each call. */
  readonly fields: Fields;
  readonly changing: ChangingFields;
}

export class CallSeries {
  readonly #connections: readonly CallConnection[];
  readonly #message = makeMessage(PAYLOAD_BYTES);
  readonly #path: Buffer;
  readonly #metadata: Metadata | undefined;

  private constructor(connections: readonly CallConnection[], terms: SeriesTerms) {
    this.#connections = connections;
    this.#path = pathField(terms.path);
    this.#metadata = terms.changing === 'none' ? undefined : new Metadata(terms.changing);
  }

  static async open(terms: SeriesTerms): Promise<CallSeries> {
    const headers = [...Object.entries(GRPC_REQUEST_HEADERS), ...terms.fields];
    const connections: CallConnection[] = [];
    while (connections.length < CONNECTIONS)
      connections.push(await CallConnection.open({ port: terms.port, headers }));
    return new CallSeries(connections, terms);
  }

  /** Resolves when so many calls are answered. Rejects at the first that fails. */
  async make(calls: number): Promise<void> {
    const left = { calls };
    await Promise.all(
      this.#connections.flatMap((connection) =>
        Array.from({ length: STREAMS }, () => this.#repeat(connection, left)),
      ),
    );
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #repeat(connection: CallConnection, left: { calls: number }): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const next = (): void => {
      if (left.calls-- <= 0) {
        resolve();
        return;
      }
      let received = 0;
      const owner = {
        onBytes: (size: number): void => {
          received += size;
        },
        onOver: (problem: string | undefined): void => {
          if (problem === undefined && received === this.#message.length) next();
          else reject(new Error(problem ?? `${received} bytes came back`));
        },
      };
      const streamId = connection.call(this.#path, owner, this.#metadata?.next());
      connection.send(streamId, this.#message, true);
    };
    next();
    return promise;
  }
}
