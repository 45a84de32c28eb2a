// The HTTP/1.1 service of the stage: takes uploads, and sends large responses, to whoever asks.

import { createServer, type Server, type ServerResponse } from 'node:http';

const LARGE_BYTES = 16_777_216;
const CHUNK = Buffer.alloc(65_536);

export class WebService {
  readonly #server: Server;
  /** Requests with a body that has not ended, and whatever else came to the same service. */
  uploading = 0;
  /** Large responses that were begun. */
  large = 0;
  /** Large responses that were not taken to their end. */
  brokenOff = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      request.resume();
      if (request.url === '/download/large') {
        this.#sendLarge(response);
        return;
      }
      this.uploading++;
      response.on('close', () => this.uploading--);
      request.on('end', () => response.end('done'));
    });
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
  }

  static async open(): Promise<WebService> {
    const service = new WebService();
    const { promise, resolve } = Promise.withResolvers<void>();
    service.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return service;
  }

  get address(): string {
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? '' : `127.0.0.1:${bound.port}`;
  }

  #sendLarge(response: ServerResponse): void {
    this.large++;
    let sent = 0;
    const more = (): void => {
      while (sent < LARGE_BYTES) {
        sent += CHUNK.length;
        if (!response.write(CHUNK)) return;
      }
      response.end();
    };
    response.on('drain', more);
    response.on('close', () => {
      if (!response.writableFinished) this.brokenOff++;
    });
    more();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
