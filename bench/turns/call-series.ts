// Unary calls of a closed loop over connections that stay open, in series: each series makes so many calls, and then all is quiet.

import { makeMessage } from '../compare/payload.ts';
import { pathField } from '../load/call-connection.ts';
import { type ClosedLoop, closedLoop } from '../load/closed-loop.ts';
import type { Fields } from '../load/header-blocks.ts';
import type { ChangingFields } from '../load/job.ts';
import { Metadata } from '../load/metadata.ts';
import { openConnections } from '../load/open-connections.ts';

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
  readonly #loop: ClosedLoop;

  private constructor(loop: ClosedLoop) {
    this.#loop = loop;
  }

  static async open({ port, path, fields, changing }: SeriesTerms): Promise<CallSeries> {
    return new CallSeries({
      connections: await openConnections(port, CONNECTIONS, fields),
      streamsPerConnection: STREAMS,
      path: pathField(path),
      message: makeMessage(PAYLOAD_BYTES),
      metadata: changing === 'none' ? undefined : new Metadata(changing),
    });
  }

  /** Resolves when so many calls are answered. Rejects if one has failed. */
  async make(calls: number): Promise<void> {
    let found: string | undefined;
    await closedLoop(this.#loop, calls, (problem) => {
      found ??= problem;
    });
    if (found !== undefined) throw new Error(found);
  }

  close(): void {
    for (const connection of this.#loop.connections) connection.close();
  }
}
