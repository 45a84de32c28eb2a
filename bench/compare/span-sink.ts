// A collector of traces that takes everything and keeps nothing, so that a proxy that traces has somewhere to send its spans.

import { createServer, type Server } from 'node:http';

export class SpanSink {
  readonly #server: Server;
  /** How many requests have come. */
  requests = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests++;
      request.resume().on('end', () => response.writeHead(200).end());
    });
  }

  static async start(): Promise<SpanSink> {
    const sink = new SpanSink();
    await new Promise<void>((resolve) => sink.#server.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  /** What `trace.exporter` has to say. */
  get exporter(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return `http://127.0.0.1:${address.port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
